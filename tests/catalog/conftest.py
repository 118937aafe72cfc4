"""A small wheel and source package made on the spot, and an index that is a folder."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from bakeoff.catalog import CatalogFile, Entry, WheelSource

WEIGHTS = b"weights" * 5000
CONFIG = b'{"model_type": "toy"}'


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def wheel_bytes() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in {
            "toy/sub/config.json": CONFIG,
            "toy/model.safetensors": WEIGHTS,
            "toy_model-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: toy-model\nVersion: 1.0\n",
            "toy_model-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "toy_model-1.0.dist-info/RECORD": b"",
        }.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # a fixed time: the same bytes in every process
    return buffer.getvalue()


def toy_entry(**changes: object) -> Entry:
    facts = {
        "name": "toy",
        "kind": "model",
        "family": "encoder",
        "description": "A toy.",
        "licence": "MIT",
        "parameters": 1,
        "download_size": 1000,
        "files": (
            CatalogFile("model.safetensors", sha256(WEIGHTS), len(WEIGHTS)),
            CatalogFile("sub/config.json", sha256(CONFIG), len(CONFIG)),
        ),
        "sources": (
            WheelSource(
                "toy-model",
                "1.0",
                sha256(wheel_bytes()),
                (("model.safetensors", "toy/model.safetensors"), ("sub/config.json", "toy/sub/config.json")),
            ),
        ),
    }
    return Entry(**(facts | changes))  # type: ignore[arg-type]


def source_package(folder: Path, members: dict[str, bytes], name: str = "toypack-1.0") -> Path:
    path = folder / f"{name}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members.items():
            facts = tarfile.TarInfo(f"{name}/{member}")
            facts.size = len(content)
            archive.addfile(facts, io.BytesIO(content))
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give pip one empty folder as its only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def toy_index(index: Path) -> Path:
    """Put the toy wheel into the index."""
    (index / "toy_model-1.0-py3-none-any.whl").write_bytes(wheel_bytes())
    return index


def hidden(folder: Path) -> list[Path]:
    return list(folder.rglob(".*"))


@pytest.fixture
def toy() -> SimpleNamespace:
    """Hand the helpers of this file to the tests."""
    return SimpleNamespace(
        entry=toy_entry,
        wheel=wheel_bytes,
        package=source_package,
        hidden=hidden,
        sha256=sha256,
        weights=WEIGHTS,
        file=__file__,
    )
