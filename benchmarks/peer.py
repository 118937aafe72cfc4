"""A peer's environment: what a benchmark compares with is installed apart, so that no side changes the other's."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"


def peer_environment(folder: Path, requirements: Sequence[str]) -> Path:
    """Make an environment with these requirements where it is not there, and give its interpreter."""
    python = folder / "bin" / "python"
    done = folder / "installed"
    wanted = "\n".join(requirements) + "\n"
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        print(f"Installing {requirements[0]} in {folder} (several minutes).", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *requirements], check=True)
        done.write_text(wanted, encoding="utf-8")
    return python


def pinned(*names: str) -> list[str]:
    """Give the versions of some packages with which this tree was tested."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.partition("==")[0] in names]
