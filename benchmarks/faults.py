"""`kill -9` at random moments of a study of the whole program: what was recorded is kept, and the end is the same.

A study of floors is run once unbroken: its answers and its verdict are what every other must end with. Then the
program is begun anew, killed, resumed, killed again, and so on; a study that ends is compared, and the next one begins.
Every other moment is drawn evenly over the seconds that the unbroken study took; the others lie within .3 seconds of a
record, drawn among those that are still to come. After each kill the study is opened, and the database's own check of
its integrity, each record of before, byte by byte, and the bundle are looked at.

    python benchmarks/faults.py --kills 50 --work faults-work --seed 1

`--work` keeps what was done, so that a benchmark that is stopped goes on. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.errors import BakeoffError
from bakeoff.ship import read_bundle

WORDS = {
    "negative": ("bad", "awful", "poor", "sad", "broken"),
    "positive": ("good", "great", "fine", "glad", "lovely"),
}
THINGS = ("screen", "sound", "camera", "battery")
#: A worker ends by itself when the study's process has gone; it looks once a second, on a busy machine later.
WORKER_SECONDS = 30.0

#: A study all of whose trials are recorded is killed no more than so often before it may end.
MOST_AT_END = 3

Record = tuple[Any, ...]


@dataclass(slots=True)
class State:
    """What was done so far, as it stands in the work folder."""

    kills: int = 0
    studies: int = 0
    seconds: float = 0.0
    lost: int = 0
    changed: int = 0
    unreadable: int = 0
    torn_bundles: int = 0
    other_ends: int = 0
    workers_left: int = 0
    during: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moment:
    """When a program is killed: so many seconds after it began, or after there are so many records."""

    seconds: float
    records: int = 0


def draw_moment(seed: int, state: State, whole: float, found: int, trials: int, at_end: int) -> Moment:
    """Draw the next moment, by the seed and what was done before; a study that was killed late thrice may end."""
    chance = random.Random(f"{seed} {state.kills} {state.studies}")
    if at_end >= MOST_AT_END:
        return Moment(3600.0)
    if state.kills % 2 and found < trials:
        return Moment(chance.uniform(0.0, 0.3), chance.randint(found + 1, trials))
    return Moment(chance.uniform(0.0, whole))


def write_rows(path: Path) -> None:
    """Write 160 reviews whose words tell their label."""
    chance = random.Random(3)
    lines = ["review,sentiment"]
    for _ in range(160):
        label = chance.choice(tuple(WORDS))
        first, second = chance.choice(WORDS[label]), chance.choice(WORDS[label])
        lines.append(f"{first} {chance.choice(THINGS)} {second} nr {chance.getrandbits(40):010x},{label}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def command(work: Path, folder: Path) -> list[str]:
    """Begin a study, or go on with the one that is there."""
    program = [sys.executable, "-m", "bakeoff"]
    if (folder / "study.sqlite").exists():
        return [*program, "resume", str(folder)]
    contenders = ["--method", "majority", "--method", "tfidf"]
    grid = ["--budgets", "0,16,32", "--seeds", "3", "--split", "one", "--until", "measured"]
    return [*program, "run", str(work / "reviews.csv"), *contenders, *grid, "--output", str(folder)]


def records(folder: Path) -> dict[str, Record]:
    """Give each trial with all its answers, as they stand in the database."""
    with closing(sqlite3.connect(f"file:{folder / 'study.sqlite'}?mode=rw", uri=True)) as db:
        (sound,) = db.execute("PRAGMA integrity_check").fetchone()
        if sound != "ok":
            raise sqlite3.DatabaseError(sound)
        answers: dict[str, list[Record]] = {}
        for key, *values in db.execute("SELECT * FROM answers ORDER BY trial, part, position"):
            answers.setdefault(key, []).append(tuple(values))
        return {key: (values, answers.get(key)) for key, *values in db.execute("SELECT * FROM trials")}


def count_records(folder: Path) -> int:
    """Count the trials that another process has recorded so far."""
    try:
        with closing(sqlite3.connect(f"file:{folder / 'study.sqlite'}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT COUNT(*) FROM trials").fetchone()[0])
    except sqlite3.OperationalError:  # it is not there yet
        return 0


def answered(found: dict[str, Record]) -> dict[str, Record]:
    """Leave out what is another each time: seconds, and when it was recorded."""
    return {key: (values[:4], [row[:5] for row in rows or ()]) for key, (values, rows) in found.items()}


def verdict(folder: Path) -> dict[str, Any]:
    """Give choice, contender and scores."""
    told = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    board = [(row["contender"], row["n"], row["score"], row["ci"]) for row in told["leaderboard"]]
    return {"choice": told["verdict"]["choice"], "meanwhile": told["verdict"].get("meanwhile"), "board": board}


def workers_of(pid: int) -> list[int]:
    """Give the processes that a study's process left behind: its session is its own."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(told[3]) == pid and told[0] != "Z":
            found.append(int(path.parent.name))
    return found


def killed_during(folder: Path) -> str:
    """Say how far a study was."""
    if not (folder / "study.sqlite").exists():
        return "before the study was made"
    if not records(folder):
        return "before the first record"
    if not (folder / "verdict.json").exists():
        return "among the trials"
    return "while files, refit or bundle were written" if not (folder / "bundle").exists() else "at the end"


def wait_for(process: subprocess.Popen[bytes], folder: Path, moment: Moment) -> int | None:
    """Wait for a moment; give the exit code of a program that ended before."""
    end = time.monotonic() + (3600.0 if moment.records else moment.seconds)
    while time.monotonic() < end:
        if process.poll() is not None:
            return process.returncode
        if moment.records and count_records(folder) >= moment.records:
            end, moment = time.monotonic() + moment.seconds, Moment(moment.seconds)
        time.sleep(0.01)
    return process.poll()


def run_and_kill(work: Path, folder: Path, moment: Moment, state: State) -> bool:
    """Go on with a study, kill it at a moment and look at what is left; give whether it ended before."""
    began = time.monotonic()
    with (work / "output.txt").open("w") as output:
        process = subprocess.Popen(
            command(work, folder), stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        ended = wait_for(process, folder, moment)
        if ended is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
    state.seconds += time.monotonic() - began
    if ended is not None:
        if ended not in (0, 3):
            raise SystemExit(f"the study ended with {ended}:\n{(work / 'output.txt').read_text()}")
        return True
    state.kills += 1
    end = time.monotonic() + WORKER_SECONDS
    while time.monotonic() < end and workers_of(process.pid):
        time.sleep(0.1)
    state.workers_left += len(workers_of(process.pid))
    told = killed_during(folder)
    state.during[told] = state.during.get(told, 0) + 1
    return False


def look(folder: Path, before: dict[str, Record], state: State) -> dict[str, Record]:
    """Count what a kill lost or changed, and give what is there."""
    if not (folder / "study.sqlite").exists():
        state.lost += len(before)
        return {}
    try:
        found = records(folder)
    except sqlite3.DatabaseError:
        state.unreadable += 1
        return {}
    state.lost += len(before.keys() - found.keys())
    state.changed += sum(found[key] != before[key] for key in before.keys() & found.keys())
    if (folder / "bundle").exists():
        try:
            read_bundle(folder / "bundle").load().answer(["a fine screen"])
        except BakeoffError:
            state.torn_bundles += 1
    return found


def main() -> None:
    """Kill, look, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--work", type=Path, default=Path("faults-work"))
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    work, kept = asked.work, asked.work / "state.json"
    work.mkdir(parents=True, exist_ok=True)
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    if not (work / "reviews.csv").exists():
        write_rows(work / "reviews.csv")
    unbroken = work / "unbroken"
    if not kept.exists():
        shutil.rmtree(unbroken, ignore_errors=True)
        if not run_and_kill(work, unbroken, Moment(3600.0), whole := State()):
            raise SystemExit("the unbroken study took more than an hour")
        kept.write_text(json.dumps({"whole": whole.seconds, "state": asdict(State())}))
    facts = json.loads(kept.read_text())
    state, folder = State(**facts["state"]), work / "killed"
    expected = answered(records(unbroken)), verdict(unbroken)
    found, at_end = look(folder, {}, State()), 0
    while state.kills < asked.kills:
        moment = draw_moment(asked.seed, state, facts["whole"], len(found), len(expected[0]), at_end)
        ended = run_and_kill(work, folder, moment, state)
        found = look(folder, found, state)
        if ended:
            state.studies += 1
            state.other_ends += (answered(found), verdict(folder)) != expected
            shutil.rmtree(folder)
            found, at_end = {}, 0
        at_end += len(found) == len(expected[0])
        print(f"{state.kills} kills, {state.studies} studies ended; {Counter(state.during)}", flush=True)
        kept.write_text(json.dumps({"whole": facts["whole"], "state": asdict(state)}))
    while not run_and_kill(work, folder, Moment(3600.0), state):
        pass
    found = look(folder, found, state)
    other_ends = state.other_ends + ((answered(found), verdict(folder)) != expected)
    told = asdict(state) | {"studies": state.studies + 1, "other_ends": other_ends, "trials": len(expected[0])}
    print(json.dumps(told | {"seconds": round(state.seconds), "unbroken_seconds": round(facts["whole"], 1)}))


if __name__ == "__main__":
    main()
