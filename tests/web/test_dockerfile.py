"""What docker/Dockerfile names is there, and what it runs does run; no image is built."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import typer.main

from bakeoff.cli.app import app
from served_bundle import serving, write_served

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()


def _all(instruction: str) -> list[str]:
    return [line.removeprefix(f"{instruction} ") for line in LINES if line.startswith(f"{instruction} ")]


def test_what_is_copied_and_installed_is_there() -> None:
    copied = [name for line in _all("COPY") if "$" not in line for name in shlex.split(line)[:-1]]
    assert {"pyproject.toml", "constraints.txt", "src"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)
    (installed,) = (line for line in _all("RUN") if line.startswith("pip install"))
    assert "--constraint constraints.txt" in installed
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.findall(r"\w+", re.search(r"\[(.*)\]", installed)[1])
    assert set(extras) <= set(project["optional-dependencies"])
    # What pyproject.toml names by path has to be there when it is built.
    assert {project["readme"], *project["license-files"]} <= set(copied)


def test_it_serves_with_options_that_exist_and_ends_before_it_is_killed() -> None:
    program, command, bundle, *given = json.loads(_all("CMD")[0])
    assert (program, command, bundle) == ("bakeoff", "serve", "/bundle")
    found = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    parsed = found.make_context("serve", [bundle, *given]).params
    assert parsed["host"] == "0.0.0.0"  # inside of a container
    assert parsed["grace"] < 10
    assert _all("EXPOSE") == [str(parsed["port"])]


def test_it_is_healthy_while_it_answers(tmp_path: Path) -> None:
    program, option, code = json.loads(_all("HEALTHCHECK")[0].partition("CMD ")[2])
    assert (program, option) == ("python", "-c")
    with serving(write_served(tmp_path)) as client:
        here = code.replace("127.0.0.1:8000", f"127.0.0.1:{client.base_url.port}")
        assert here != code
        assert subprocess.run([sys.executable, "-c", here], check=False).returncode == 0
    assert subprocess.run([sys.executable, "-c", here], check=False, stderr=subprocess.DEVNULL).returncode != 0
