"""Bundles from strangers, whose digests are right and whose files are not: each is refused with a sentence."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from bakeoff.errors import BundleError
from bakeoff.ship import read_bundle


def put(bundle: Path, name: str, content: bytes) -> None:
    """Replace a file of a bundle, and list it as it is."""
    (bundle / name).write_bytes(content)
    manifest = json.loads((bundle / "bundle.json").read_text("utf-8"))
    for file in manifest["files"]:
        if file["path"] == name:
            file |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (bundle / "bundle.json").write_text(json.dumps(manifest), "utf-8")


def tensors(header: object, size: int | None = None) -> bytes:
    """Write a safetensors file whose header declares what is asked."""
    told = json.dumps(header).encode()
    return (len(told) if size is None else size).to_bytes(8, "little") + told


HUGE = {"weights": {"dtype": "F64", "shape": [2**40, 2**20], "data_offsets": [0, 2**63]}}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("method/head.safetensors", tensors(HUGE)),
        ("method/head.safetensors", tensors({}, size=2**62)),
        ("method/head.safetensors", tensors({})),
        ("method/idf.safetensors", tensors({"words": {"dtype": "F64", "shape": [0], "data_offsets": [0, 0]}})),
        ("method/idf.safetensors", b""),
        ("method/vocabulary.json", b"[" * 100_000),
        ("method/vocabulary.json", b"{}"),
        ("method/vocabulary.json", b"\xff"),
        ("method/vocabulary.json", b'{"words": 3, "characters": ["a"]}'),
        ("method/vocabulary.json", b'{"words": [["a"], {}], "characters": ["a"]}'),
    ],
)
def test_files_that_no_method_wrote_are_refused(make_bundle, name, content):
    folder = make_bundle()
    put(folder, name, content)
    bundle = read_bundle(folder)
    with pytest.raises(BundleError, match=r"is no whole 'tfidf': .*Ship the contender again"):
        bundle.load()


def test_a_manifest_that_is_made_to_fill_the_memory_is_refused(make_bundle):
    folder = make_bundle()
    with (folder / "bundle.json").open("wb") as stream:
        stream.truncate(2**40)  # a terabyte of nothing takes no room on the disk
    with pytest.raises(BundleError, match=r"bundle\.json may have 16,777,216 bytes; it has 1,099,511,627,776"):
        read_bundle(folder)


def test_a_manifest_that_nests_is_refused(make_bundle):
    folder = make_bundle()
    value = json.loads((folder / "bundle.json").read_text("utf-8"))
    value["contender"]["parameters"] = {}
    for deep in (900, 980, 990, 5000):
        text = json.dumps(value).replace('"parameters": {}', '"parameters": ' + '{"a": ' * deep + "1" + "}" * deep)
        (folder / "bundle.json").write_text(text, "utf-8")
        with pytest.raises(BundleError):
            read_bundle(folder).load()
