"""Models that are sent: told by their files, kept once under what they hold, refused where something else came."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from bakeoff.catalog import entry_cache, resolve_model
from bakeoff.errors import TrialError
from bakeoff.study.executors import sent_models
from bakeoff.study.executors.sent_models import SentModel, describe_model, find_model, keep_model, pieces_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a model's folder by its files alone: nobody computes with it."""
    place = tmp_path / "encoder"
    place.mkdir()
    (place / "config.json").write_text("{}")
    (place / "tokenizer.json").write_text("{}")
    (place / "model.safetensors").write_bytes(bytes(range(256)) * 12)
    (place / "pytorch_model.bin").write_bytes(b"never read")
    (place / ".git").mkdir()
    (place / ".git" / "config").write_text("hidden")
    return place


def _pieces(model: SentModel) -> dict[str, list[Any]]:
    return {file.name: list(pieces_of(model.path_of(file))) for file in model.files}


def test_a_model_is_kept_once_and_read_as_it_was(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sent_models, "PIECE_BYTES", 1000)
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    model, told = describe_model(str(folder)), []
    assert describe_model(str(moved)).key == model.key, "under any path it is the same"
    assert {file.name for file in model.files} >= {"config.json", "model.safetensors", "tokenizer.json"}
    assert not {"pytorch_model.bin", ".git/config"} & {file.name for file in model.files}
    assert find_model(model, here=True) == resolve_model(folder)
    assert find_model(model, here=False) is None
    pieces = _pieces(model)
    assert max(len(piece) for piece in pieces["model.safetensors"]) == 1000
    kept = keep_model(model, pieces.__getitem__, lambda *said: told.append(said))
    assert kept == find_model(model, here=False)
    assert (kept.name, kept.sha256) == (folder.name, resolve_model(kept.path).sha256)
    assert told[-1] == ("fetching its model", 1.0)
    assert all((kept.path / file.name).read_bytes() == (folder / file.name).read_bytes() for file in model.files)


def test_a_model_that_came_otherwise_is_not_kept(folder: Path) -> None:
    model = describe_model(str(folder))
    pieces = _pieces(model)
    pieces["model.safetensors"] = [b"something else"]
    with pytest.raises(TrialError, match=r"model\.safetensors of .* came with another sha256 than it was sent with"):
        keep_model(model, pieces.__getitem__, lambda *_: None)
    assert find_model(model, here=False) is None
    assert list(entry_cache("sent-models", model.key).parent.iterdir()) == []


def test_a_single_file_is_a_model_of_one_file(tmp_path: Path) -> None:
    place = tmp_path / "weights.gguf"
    place.write_bytes(b"GGUF and more")
    model = describe_model(str(place))
    assert [file.name for file in model.files] == ["weights.gguf"]
    place.rename(tmp_path / "moved.gguf")
    assert find_model(model, here=True) is None, "it is no longer where it was"
    pieces = {"weights.gguf": [(tmp_path / "moved.gguf").read_bytes()]}
    kept = keep_model(model, pieces.__getitem__, lambda *_: None)
    assert (kept.form, kept.path.name, kept.path.read_bytes()) == ("gguf", "weights.gguf", b"GGUF and more")
