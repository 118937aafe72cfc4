"""The program in this process: quick, where no process of its own is what is tested."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bakeoff.cli import main


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Give what a program reads: nothing but one JSON document may stand on standard output."""
        found: dict[str, Any] = json.loads(self.out)
        assert found["exit_code"] == self.code
        return found


class Program:
    """Runs ``bakeoff`` with some arguments."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self.capsys = capsys

    def __call__(self, *arguments: object) -> Ended:
        self.capsys.readouterr()
        self.monkeypatch.setattr(sys, "argv", ["bakeoff", *map(str, arguments)])
        with pytest.raises(SystemExit) as leaving:
            main()
        told = self.capsys.readouterr()
        return Ended(int(leaving.value.code or 0), told.out, told.err)


_DOCUMENT = (Path(__file__).parents[1] / "docs" / "json.md").read_text("utf-8")


def documented(command: str) -> set[str]:
    """Give the fields that the documentation names for a command's result."""
    (row,) = re.findall(rf"^\| (?:[^|]*, )?`{command}`(?:,[^|]*)? \| ([^|]*) \|$", _DOCUMENT, flags=re.MULTILINE)
    return set(re.findall(r"`(\w+)`", row))
