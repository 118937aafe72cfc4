"""``bakeoff ui`` in a terminal: what it says where it cannot start, and how it ends."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from app_process import started_app


@pytest.mark.parametrize("module", ["fastapi", "python_multipart", "uvicorn"])
def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path, module: str) -> None:
    code = (
        f"import sys; sys.modules[{module!r}] = None; sys.argv = ['bakeoff', 'ui']; import bakeoff.cli as c; c.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'bakeoff[web]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_port_that_is_taken_and_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, told in ((["--port", port], "cannot be used"), (["file"], "FOLDER holds studies")):
            command = [sys.executable, "-m", "bakeoff", "ui", *arguments, "--no-browser"]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 2
            assert told in done.stderr


def test_an_interrupt_ends_it_quietly(tmp_path: Path) -> None:
    with started_app(tmp_path) as (_address, process):
        pass
    assert process.returncode in (0, 130)
