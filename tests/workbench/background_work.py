"""Pieces of work for the process beside the app; in a file of its own, which that process can import quickly."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from bakeoff.errors import OptionError
from bakeoff.workbench.options import Watcher

__all__ = ["Ask", "Crash", "Fail", "Fault", "Sleep"]


@dataclass(frozen=True)
class Ask:
    """Tell the process's id, and whether what an encoder computes is kept on disk."""

    def do(self, watcher: Watcher) -> tuple[int, str]:
        watcher.step("asked")
        return os.getpid(), os.environ["BAKEOFF_COMPUTED"]


@dataclass(frozen=True)
class Sleep:
    """Take long."""

    def do(self, watcher: Watcher) -> None:
        watcher.step("asleep")
        time.sleep(600)


@dataclass(frozen=True)
class Fail:
    """Fail by what came."""

    def do(self, _watcher: Watcher) -> None:
        raise OptionError("That is wrong.", next_step="Mend it.")


@dataclass(frozen=True)
class Fault:
    """Fail by a fault."""

    def do(self, _watcher: Watcher) -> None:
        raise ZeroDivisionError("nothing to divide by")


@dataclass(frozen=True)
class Crash:
    """End the process."""

    def do(self, _watcher: Watcher) -> None:
        os._exit(3)
