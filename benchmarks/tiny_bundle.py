"""A bundle of TF-IDF in a moment, and a server of it in a process of its own, for benchmarks."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bakeoff.methods.registry import load_method, method_spec
from bakeoff.records import Contender
from bakeoff.ship import BundleFacts, write_bundle
from bakeoff.tasks import classification_task

GOOD = ("a fine camera", "works very well", "love it", "great sound", "good value, good screen", "fine and light")
BAD = ("broke at once", "a bad buy", "poor sound", "awful screen", "hate the noise", "bad and heavy")


def write_tiny_bundle(folder: Path) -> Path:
    """Fit TF-IDF and logistic regression on twelve rows, and write its bundle."""
    task = classification_task(name="sentiment", labels=["negative", "positive"], metric="accuracy")
    saved = folder / "saved"
    saved.mkdir()
    labels = ["positive"] * len(GOOD) + ["negative"] * len(BAD)
    load_method("tfidf")(task=task, seed=0).fit([*GOOD, *BAD], labels).save(saved)
    contender = Contender(
        "tfidf", "tfidf", method_spec("tfidf").version, "floor", None, None, {}, seeded=True, uses_labels=True
    )
    facts = BundleFacts(contender, task, 0, len(labels), "f" * 64, text_columns=("text",))
    return write_bundle(folder / "bundle", method_folder=saved, facts=facts, card="# Card\n")


@contextlib.contextmanager
def served(bundle: Path, log: Path) -> Iterator[tuple[str, int]]:
    """Serve a bundle by the program itself; give its address and its process id."""
    command = [sys.executable, "-u", "-m", "bakeoff", "serve", str(bundle), "--port", "0"]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=output, text=True)
        try:
            assert process.stdout is not None
            address = next(found[0] for line in process.stdout if (found := re.search(r"http://[\d.]+:\d+", line)))
            yield address, process.pid
        finally:
            process.terminate()
            process.wait(60)
