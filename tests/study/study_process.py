"""A study in a process of its own, to be killed, held short of room, or run by one without rights.

``python study_process.py FOLDER [--largest-file BYTES] [--as-nobody] [--step-clock FILE]
[--ray ADDRESS]``: goes on with the study, and
says each trial that was recorded. Ends with 2 where bakeoff refuses, and says why.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
from pathlib import Path
from typing import Any

from bakeoff.errors import UserError
from bakeoff.study.executors.local import LocalExecutor
from bakeoff.study.progress import StudyProgress
from bakeoff.study.run import run_study
from bakeoff.study.store import StudyStore

#: The user "nobody" of Linux, who owns nothing.
NOBODY = 65534


def say(told: str) -> None:
    """Say a line at once."""
    sys.stdout.write(told + "\n")
    sys.stdout.flush()


def executor_of(address: str | None) -> Any:
    """Give the executor of this machine, or that of a cluster."""
    if address is None:
        return LocalExecutor(threads=1)
    from bakeoff.study.executors.ray import RayExecutor

    return RayExecutor(address, threads=1)


def main() -> int:
    """Go on with a study."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--largest-file", type=int)
    parser.add_argument("--as-nobody", action="store_true")
    parser.add_argument("--step-clock", type=Path)
    parser.add_argument("--ray")
    told = parser.parse_args()
    steps = iter(("-2d", "+30d", "-400d", "+0"))

    def listen(progress: StudyProgress) -> None:
        if progress.doing == "recorded":
            if told.step_clock is not None:
                told.step_clock.write_text(next(steps, "+0"))
            say(f"recorded {progress.done}")

    if told.largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (told.largest_file, resource.RLIM_INFINITY))
    if told.as_nobody:
        os.setgroups([])
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    try:
        with StudyStore(told.folder) as store, executor_of(told.ray) as executor:
            say("begun")
            run_study(store, executor, listener=listen)
    except UserError as error:
        say(str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
