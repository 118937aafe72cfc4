"""The list of entries: complete facts, and errors that help."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from bakeoff.catalog import HubSource, WheelSource, entries, entry
from bakeoff.errors import SourceError


def test_names_are_found_whatever_their_case():
    assert entry("MiniLM-L6") is entry("minilm-l6")
    assert [item.name for item in entries("model")] == ["minilm-l6", "smollm2-135m"]
    assert [item.name for item in entries("data")] == ["amazon-reviews"]
    assert entries() == entries("model") + entries("data")


def test_unknown_name_lists_names_and_the_near_one():
    with pytest.raises(SourceError, match="minilm-l6, smollm2-135m, amazon-reviews") as caught:
        entry("minilm-16")
    assert caught.value.next_step == "Did you mean 'minilm-l6'?"
    with pytest.raises(SourceError) as caught:
        entry("zzz")
    assert "Did you mean" not in caught.value.next_step


@pytest.mark.parametrize("item", entries(), ids=lambda item: item.name)
def test_every_fact_of_an_entry_is_there(item):
    assert re.fullmatch(r"[a-z0-9-]+", item.name)
    assert item.licence
    assert item.sources
    assert (item.kind == "model") == (item.family is not None) == (item.parameters is not None)
    names = [file.name for file in item.files]
    assert names == sorted(set(names), key=names.index)
    assert all(re.fullmatch(r"[0-9a-f]{64}", file.sha256) and file.size > 0 for file in item.files)
    assert item.size == sum(file.size for file in item.files)
    for source in item.sources:
        if isinstance(source, HubSource):
            assert re.fullmatch(r"[0-9a-f]{40}", source.revision)
            assert [name for name, _ in source.paths] == names
        elif isinstance(source, WheelSource):
            assert [name for name, _ in source.members] == names
            assert re.fullmatch(r"[0-9a-f]{64}", source.sha256)


def test_fingerprint_changes_with_any_file():
    prints = {item.fingerprint for item in entries()}
    assert len(prints) == len(entries())


def test_import_loads_nothing_heavy():
    code = "import sys, bakeoff.catalog; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"torch", "transformers", "huggingface_hub", "httpx", "pydantic", "numpy", "pip"}
