"""The files that pages and examples work on, as examples/write_rows.py writes them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

# Test folders are no packages: a module beside this file is found by its folder.
sys.path.insert(0, str(Path(__file__).parent))
from example_files import load_example


@pytest.fixture(scope="session")
def written_rows(pulled_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_CACHE", str(pulled_cache))
        load_example("write_rows").main(folder)
    return folder


@pytest.fixture
def rows_folder(written_rows: Path, catalogue_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder of its own with all files, and work in it."""
    folder = tmp_path / "rows"
    shutil.copytree(written_rows, folder)
    monkeypatch.chdir(folder)
    return folder
