"""``bakeoff ui`` as a person starts it: a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def started_app(folder: Path, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start the app, give the address that it printed, and end it as Ctrl-C does."""
    command = [sys.executable, "-m", "bakeoff", "ui", str(folder / "studies"), "--no-browser"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=folder, env={**os.environ, **environment}
    ) as process:
        try:
            assert process.stdout is not None
            printed = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", printed)
            assert found, printed
            yield found[0], process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
