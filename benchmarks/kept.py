"""What a benchmark has computed: lines of JSON in a file, so that it can be stopped at any time and started again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read what is there; a line that was cut off by an interruption is left out."""
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        found.append(record)
    return found


def append_records(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write records at the end of the file, on lines of their own whatever an interruption left there."""
    lines = "".join(json.dumps(record) + "\n" for record in records)
    with path.open("a+b") as file:
        if file.tell():
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                lines = "\n" + lines
        file.write(lines.encode())
