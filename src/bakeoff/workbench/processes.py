"""Studies as processes of their own: start one, see whether it runs, ask it to stop.

A study that an app has started outlives it. What is known of its process stands in the study's folder, so that any
later app can find and stop it: the process's id, and when it was born, since ids are given again.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bakeoff.errors import StudyError
from bakeoff.report.aside import write_aside
from bakeoff.workbench.options import parse_duration

__all__ = [
    "LOG",
    "StudyProcess",
    "born",
    "last_process",
    "log_tail",
    "resume_process",
    "start_process",
    "stop_process",
    "study_process",
]

#: What the process wrote, in the study's folder.
LOG = "study.log"
_FILE = "process.json"
_TAIL_BYTES = 6000


@dataclass(frozen=True, slots=True)
class StudyProcess:
    """The process of a study.

    Parameters
    ----------
    pid : int
    born : str
        What `born` gave for it.
    started : str
        ISO 8601.
    stopping : bool
        Whether it was asked to stop.
    verb : str
        What an app has started it for, such as ``"resume"`` or ``"ship"``; empty where it was started otherwise.
    contender : str
        Which contender it is for; empty where it is for the whole study.
    code : int or None
        With what it ended, as far as the app that started it lived to see that.
    """

    pid: int
    born: str
    started: str = ""
    stopping: bool = False
    verb: str = ""
    contender: str = ""
    code: int | None = None

    @property
    def runs(self) -> bool:
        """Whether it is still this process that has the id, and it has not ended."""
        return born(self.pid) == self.born


def born(pid: int) -> str | None:
    """Tell when a process was born, in the words of this machine; with its id that names it.

    Parameters
    ----------
    pid : int

    Returns
    -------
    str or None
        None where there is no such process, or it has ended and nobody has asked how.
    """
    if pid <= 0:  # stands for groups of processes, and for all
        return None
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # The second field is the program's name in brackets, in which anything may stand.
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in ("Z", "X") else fields[19]
    program = shutil.which("ps")
    if program is None:
        return None
    told = subprocess.run([program, "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, since = told.stdout.strip().partition(" ")
    return None if not since or state.startswith("Z") else " ".join(since.split())


def start_process(folder: Path, arguments: Sequence[str], *, contender: str = "") -> StudyProcess:
    """Start ``bakeoff`` as the process of a study, which goes on when this one ends.

    Parameters
    ----------
    folder : Path
        The study's, which is there; what it writes goes to its `LOG`.
    arguments : sequence of str
        Of the program, such as ``("resume", "studies/reviews")``.
    contender : str
        As of `StudyProcess`.

    Returns
    -------
    StudyProcess

    Raises
    ------
    StudyError
        If a process works on the study already.
    """
    with _alone(folder):
        running = study_process(folder)
        if running is not None:
            raise StudyError(
                f"The study {folder.name} runs already (process {running.pid}).",
                next_step="Wait until it ends, or stop it first.",
            )
        with (folder / LOG).open("ab") as log:
            log.write(f"\n{_now()}  bakeoff {arguments[0]}\n".encode())
            log.flush()
            process = subprocess.Popen(
                # With -P, nothing in the working directory is imported in the place of what is installed.
                [sys.executable, "-P", "-m", "bakeoff", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "COLUMNS": "100", "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        started = StudyProcess(process.pid, born(process.pid) or "", _now(), verb=arguments[0], contender=contender)
        write_aside(folder / _FILE, json.dumps(asdict(started)))
        # Someone has to ask how it ended, or its id stays taken.
        threading.Thread(target=_note_end, args=(folder, process, started), daemon=True).start()
        return started


def _note_end(folder: Path, process: subprocess.Popen[bytes], started: StudyProcess) -> None:
    """Wait for a process and write down with what it ended, unless another one was started since."""
    code = process.wait()
    with contextlib.suppress(OSError), _alone(folder):  # the folder may be gone by then
        last = last_process(folder)
        if last is not None and (last.pid, last.born) == (started.pid, started.born):
            write_aside(folder / _FILE, json.dumps(asdict(replace(last, code=code))))


def resume_process(folder: Path, *, time_limit: str | None = None, measure_all: bool = False) -> StudyProcess:
    """Start the process that goes on with a study that was stopped.

    Parameters
    ----------
    folder : Path
    time_limit : str, optional
        From now on, such as ``"12m"``.
    measure_all : bool
        Whether the whole plan is run, though the verdict may be decided before.

    Returns
    -------
    StudyProcess

    Raises
    ------
    OptionError
        If the time limit is none.
    StudyError
        If a process works on the study already.
    """
    if time_limit:
        parse_duration(time_limit)
    limit = (f"--time-limit={time_limit}",) if time_limit else ()
    until = ("--until=measured",) if measure_all else ()
    return start_process(folder, ("resume", *limit, *until, str(folder.absolute())))


def stop_process(folder: Path) -> bool:
    """Ask the process of a study to stop, as Ctrl-C does: what is finished is kept.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    bool
        False where none runs.
    """
    found = study_process(folder)
    if found is None:
        return False
    with _alone(folder):
        if not _interrupt(found):
            return False
        write_aside(folder / _FILE, json.dumps(asdict(replace(found, stopping=True))))
    return True


def study_process(folder: Path) -> StudyProcess | None:
    """Find the process that works on a study, whoever has started it.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    StudyProcess or None
        None where none runs; what is written of one that has ended, or of one whose id another process has by now,
        counts for nothing.
    """
    for name in (_FILE, "progress.json"):
        found = _read(folder / name)
        if found is not None and found.runs:
            return found
    return None


def last_process(folder: Path) -> StudyProcess | None:
    """Give what is known of the process that an app started last for a study, running or ended; None where none was."""
    return _read(folder / _FILE)


def _read(path: Path) -> StudyProcess | None:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        code = facts.get("code")
        return StudyProcess(
            int(facts["pid"]),
            str(facts["born"]),
            str(facts["started"]),
            bool(facts.get("stopping", False)),
            str(facts.get("verb", "")),
            str(facts.get("contender", "")),
            None if code is None else int(code),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def log_tail(folder: Path) -> str:
    """Give the last lines of what the process of a study wrote.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    str
        Empty where there is nothing.
    """
    try:
        with (folder / LOG).open("rb") as log:
            log.seek(max(log.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
            lines = log.read().decode("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-30:]).strip()


def _interrupt(process: StudyProcess) -> bool:
    """Send the interrupt to this very process, and to no other that got its id in the meantime."""
    try:
        if not hasattr(os, "pidfd_open"):
            os.kill(process.pid, signal.SIGINT)
            return True
        handle = os.pidfd_open(process.pid)
        try:
            if not process.runs:
                return False
            signal.pidfd_send_signal(handle, signal.SIGINT)
        finally:
            os.close(handle)
    except ProcessLookupError:
        return False
    return True


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one starter at a time look and start."""
    with (folder / "process.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
