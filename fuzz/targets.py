"""What is fuzzed: readers of files that strangers send. Each takes bytes, and may raise nothing but a BakeoffError."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bakeoff.catalog.prices import read_prices
from bakeoff.data import read_cost_matrix, read_label_definitions, read_rows
from bakeoff.errors import BakeoffError
from bakeoff.methods.prompt.prompt_file import prompt_text, read_prompt_text
from bakeoff.methods.registry import load_method, method_spec
from bakeoff.records import Contender
from bakeoff.ship import BundleFacts, read_bundle, write_bundle
from bakeoff.tasks import classification_task
from bakeoff.tasks.checks_file import read_checks

__all__ = ["TARGETS", "Target"]

Target = Callable[[bytes], None]


@functools.cache
def _place() -> Path:
    """Give a folder of this process, in memory where that can be."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="bakeoff-fuzz-", dir=memory if os.access(memory, os.W_OK) else None))


def _file(name: str, data: bytes) -> Path:
    path = _place() / name
    path.write_bytes(data)
    return path


def _rows(suffix: str, data: bytes) -> None:
    with contextlib.suppress(BakeoffError):
        read_rows(_file(f"rows{suffix}", data))


def _settings(data: bytes) -> None:
    """Read one file as each kind of settings: labels, costs, prices, checks."""
    path = _file("settings.yaml", data)
    for read in (read_label_definitions, read_cost_matrix, read_prices, read_checks):
        with contextlib.suppress(BakeoffError):
            read(path)


def _prompt(data: bytes) -> None:
    """Read a prompt file, ask with it, and write it: what is written must say the same."""
    with contextlib.suppress(BakeoffError):
        prompt = read_prompt_text(data.decode("utf-8", "replace"), "prompt.yaml")
        prompt.design.messages("a fine camera")
        with contextlib.suppress(BakeoffError):
            prompt.design.render()
        again = read_prompt_text(prompt_text(prompt), "written.yaml")
        if again != prompt:
            raise AssertionError("a prompt that was written says something else")


@functools.cache
def _bundle() -> Path:
    """Write a bundle of TF-IDF and logistic regression."""
    folder = _place()
    task = classification_task(name="sentiment", labels=["negative", "positive"], metric="accuracy")
    texts = ["a fine camera", "love it", "great sound", "broke at once", "a bad buy", "poor sound"]
    saved = folder / "saved"
    saved.mkdir()
    load_method("tfidf")(task=task, seed=0).fit(texts, ["positive"] * 3 + ["negative"] * 3).save(saved)
    contender = Contender(
        "tfidf", "tfidf", method_spec("tfidf").version, "floor", None, None, {}, seeded=True, uses_labels=True
    )
    facts = BundleFacts(contender, task, 0, 6, "f" * 64, text_columns=("text",))
    return write_bundle(folder / "bundle", method_folder=saved, facts=facts, card="# Card\n")


def _manifest(data: bytes) -> None:
    """Read a bundle whose manifest is anything."""
    folder = _place() / "manifest"
    if not folder.exists():
        shutil.copytree(_bundle(), folder)
    (folder / "bundle.json").write_bytes(data)
    with contextlib.suppress(BakeoffError):
        read_bundle(folder).load()


def _method_files(data: bytes) -> None:
    """Load a bundle one of whose files is anything, and listed as such: the first byte says which."""
    folder = _place() / "files"
    if not folder.exists():
        shutil.copytree(_bundle(), folder)
    whole = _bundle()
    manifest: dict[str, Any] = json.loads((whole / "bundle.json").read_text("utf-8"))
    names = sorted(file["path"] for file in manifest["files"] if file["path"].startswith("method/"))
    name = names[(data[0] if data else 0) % len(names)]
    for file in manifest["files"]:
        content = data[1:] if file["path"] == name else (whole / file["path"]).read_bytes()
        (folder / file["path"]).write_bytes(content)
        file |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "bundle.json").write_text(json.dumps(manifest), "utf-8")
    with contextlib.suppress(BakeoffError):
        read_bundle(folder).load()


TARGETS: dict[str, Target] = {
    "csv": functools.partial(_rows, ".csv"),
    "tsv": functools.partial(_rows, ".tsv"),
    "txt": functools.partial(_rows, ".txt"),
    "jsonl": functools.partial(_rows, ".jsonl"),
    "json": functools.partial(_rows, ".json"),
    "xlsx": functools.partial(_rows, ".xlsx"),
    "parquet": functools.partial(_rows, ".parquet"),
    "settings": _settings,
    "prompt": _prompt,
    "manifest": _manifest,
    "method-files": _method_files,
}
