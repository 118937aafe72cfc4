"""From a name or a path to a model's files."""

from __future__ import annotations

import dataclasses
import json
import os

import pytest

from bakeoff.catalog import cache_folder, entry, locate, resolve_model
from bakeoff.errors import ModelError, SourceError


@pytest.fixture
def local_model(tmp_path):
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"one")
    return folder


@pytest.fixture
def local_gguf(tmp_path):
    path = tmp_path / "tiny.Q4.gguf"
    path.write_bytes(b"GGUF" + bytes(20))
    return path


def test_local_folder(local_model, toy):
    found = resolve_model(local_model)
    assert (found.name, found.path, found.form) == ("my-model", local_model.resolve(), "folder")
    assert found.sha256 == toy.sha256(b"one")
    assert dataclasses.is_dataclass(found)


def test_shards_are_hashed_together_and_other_files_are_not(local_model):
    (local_model / "model.safetensors").rename(local_model / "model-00001-of-00002.safetensors")
    second = local_model / "model-00002-of-00002.safetensors"
    second.write_bytes(b"two")
    before = resolve_model(local_model).sha256
    (local_model / "notes.txt").write_text("x")
    assert resolve_model(local_model).sha256 == before
    second.write_bytes(b"three")
    assert resolve_model(local_model).sha256 != before


def test_local_gguf(local_gguf, toy):
    found = resolve_model(str(local_gguf))
    assert (found.name, found.path, found.form) == ("tiny.Q4", local_gguf, "gguf")
    assert found.sha256 == toy.sha256(local_gguf.read_bytes())


def test_link_keeps_its_own_name(local_gguf, tmp_path):
    link = tmp_path / "named.gguf"
    link.symlink_to(local_gguf)
    assert resolve_model(link).name == "named"


def test_digest_is_remembered_until_the_file_changes(local_gguf, toy):
    first = resolve_model(local_gguf).sha256
    (note,) = (cache_folder() / "digests").iterdir()
    note.write_text(json.dumps({"sha256": "remembered"}))
    assert resolve_model(local_gguf).sha256 == "remembered"
    note.write_text("broken")
    assert resolve_model(local_gguf).sha256 == first
    local_gguf.write_bytes(b"GGUF" + b"x" * 20)  # the same size
    os.utime(local_gguf, ns=(1, 1))
    assert resolve_model(local_gguf).sha256 == toy.sha256(local_gguf.read_bytes()) != first


def test_digest_needs_no_writable_cache(local_gguf, tmp_path, monkeypatch, toy):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BAKEOFF_CACHE", str(tmp_path / "file"))
    assert resolve_model(local_gguf).sha256 == toy.sha256(local_gguf.read_bytes())


def test_folder_without_config_points_to_the_gguf_inside(local_gguf):
    with pytest.raises(ModelError, match=r"no config\.json") as caught:
        resolve_model(local_gguf.parent)
    assert str(local_gguf) in caught.value.next_step


def test_folder_without_safetensors_is_refused(local_model):
    (local_model / "model.safetensors").rename(local_model / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no \.safetensors"):
        resolve_model(local_model)


def test_file_that_is_no_gguf_is_refused(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"PK..")
    with pytest.raises(ModelError, match="not a GGUF file"):
        resolve_model(path)


def test_missing_path_and_unknown_name_are_told_apart(tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        resolve_model(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="does not exist"):
        resolve_model("missing.gguf")
    with pytest.raises(SourceError, match="Did you mean 'smollm2-135m'"):
        resolve_model("smollm-135m")


def test_data_set_is_no_model():
    with pytest.raises(ModelError, match="is a data set"):
        resolve_model("amazon-reviews")


def test_catalogue_name_goes_before_a_folder_of_that_name(local_model, monkeypatch):
    local_model.rename(local_model.with_name("minilm-l6"))
    monkeypatch.chdir(local_model.parent)
    with pytest.raises(SourceError, match="not in the cache"):
        resolve_model("minilm-l6", pull=False)
    assert resolve_model(os.path.join(".", "minilm-l6")).name == "minilm-l6"  # noqa: PTH118


@pytest.mark.models
def test_catalogue_models(catalogue_cache):
    encoder = resolve_model("minilm-l6", pull=False)
    assert (encoder.form, encoder.path) == ("folder", locate("minilm-l6"))
    assert resolve_model(encoder.path).sha256 == encoder.sha256
    decoder = resolve_model("smollm2-135m")
    assert decoder.form == "gguf"
    assert decoder.path.read_bytes()[:4] == b"GGUF"
    assert decoder.sha256 in {file.sha256 for file in entry("smollm2-135m").files}
