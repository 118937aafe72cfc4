"""One million rows: what checking, fingerprinting and splitting them takes, and what answering them does.

The rows are made by a seed out of sentences of amazon_reviews, ag_news and sst2: two or three of 20 to 120 characters
each, so that nearly all texts differ and share their sentences with others, as reviews share phrases. Two rows in a
hundred are a copy of an earlier row in other capitals, and four in a hundred an earlier text with one word more. The
five labels are the subject of the first sentence. Each step runs in a process of its own, of which seconds, seconds of
the processor and the peak of resident memory are read when it ends:

- *check*: ``bakeoff check FILE``, all checks and the split that it tells;
- *study*: what ``bakeoff run`` does before its first trial: read, check, split, fingerprint, and write the study;
- with ``--predict tfidf`` (or ``majority``, which answers at once, so that reading and writing alone are measured):
  ``bakeoff predict`` with a bundle of that floor, undisturbed; then once more, killed with SIGKILL in the middle and
  gone on with. Both files must have one sha256.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/million.py --output million [--predict tfidf] [--rows 1000000]

What was measured stays in the output's ``steps.jsonl``, and a step that stands there is not run again. The last line
is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kept import append_records, read_records

SETS = ("amazon_reviews", "ag_news", "sst2")
COPIES, NEAR = 0.02, 0.04
#: Earlier rows of which copies are made.
REMEMBERED = 10_000
BUNDLE_ROWS = 2000


def sentences(folder: Path) -> list[tuple[str, str]]:
    """Give sentences of the data sets, each once, with the subject of their row."""
    found: dict[str, str] = {}
    for name in SETS:
        for path in sorted((folder / name).glob("*.jsonl")):
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                for sentence in re.split(r"(?<=[.!?])\s+", row["text"]):
                    if 20 <= len(sentence) <= 120:
                        found.setdefault(sentence, row["label"] if name == "ag_news" else "Review")
    return list(found.items())


def made_rows(pool: Sequence[tuple[str, str]], count: int) -> Iterator[tuple[str, str]]:
    """Make rows by a seed: texts of two or three sentences, copies and near-copies of the ones before."""
    chance, known, earlier = random.Random(11), set[int](), list[tuple[str, str]]()
    words = [word for sentence, _ in pool[:2000] for word in sentence.split() if word.isalpha()]
    while count:
        kind = chance.random() if len(earlier) == REMEMBERED else 1.0
        if kind < COPIES:
            text, label = chance.choice(earlier)
            text = text.upper()
        elif kind < COPIES + NEAR:
            text, label = chance.choice(earlier)
            parts = text.split(" ")
            parts.insert(chance.randrange(len(parts)), chance.choice(words))
            text = " ".join(parts)
        else:
            drawn = chance.choices(pool, k=2 if chance.random() < 0.6 else 3)
            text, label = " ".join(sentence for sentence, _ in drawn), drawn[0][1]
            if hash(text) in known:
                continue
            known.add(hash(text))
            if len(earlier) < REMEMBERED:
                earlier.append((text, label))
            else:
                earlier[chance.randrange(REMEMBERED)] = text, label
        yield text, label
        count -= 1


def write_rows(folder: Path, count: int, target: Path) -> None:
    """Write the file of rows, aside and then under its name."""
    aside = target.with_suffix(".part")
    with aside.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("text", "label"))
        writer.writerows(made_rows(sentences(folder), count))
    aside.rename(target)


def prepare(file: Path, folder: Path) -> None:
    """Do what a study does before its first trial; tell the fingerprint."""
    from bakeoff.workbench.options import DataOptions, StudyOptions, Watcher
    from bakeoff.workbench.prepare import create_study

    options = StudyOptions(methods=("tfidf",))
    with create_study(str(file), DataOptions(), options, folder=folder, command="", watcher=Watcher()) as store:
        told = {name: store.fact(name) for name in ("fingerprint", "row_counts")}
    print(json.dumps(told))


def write_bundle_of(file: Path, folder: Path, method: str) -> None:
    """Fit a floor on the first rows of the file, and write its bundle."""
    from itertools import islice

    from bakeoff.methods.registry import load_method, method_spec
    from bakeoff.records import Contender
    from bakeoff.ship import BundleFacts, write_bundle
    from bakeoff.tasks import classification_task

    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(islice(csv.DictReader(stream), BUNDLE_ROWS))
    labels = [row["label"] for row in rows]
    task = classification_task(name="label", labels=sorted(set(labels)), metric="accuracy")
    saved = folder.with_name(f"{folder.name}-saved")
    saved.mkdir(exist_ok=True)
    load_method(method)(task=task, seed=0).fit([row["text"] for row in rows], labels).save(saved)
    version = method_spec(method).version
    contender = Contender(method, method, version, "floor", None, None, {}, seeded=True, uses_labels=True)
    facts = BundleFacts(contender, task, 0, len(labels), "f" * 64, text_columns=("text",))
    write_bundle(folder, method_folder=saved, facts=facts, card="# Card\n")


def measured(command: Sequence[str], log: Path, marks: Path | None = None, kill_at: int = 0) -> dict[str, Any]:
    """Run a command in a fresh process; give what it took, its own children included.

    Of `bakeoff predict`, whose `marks` tell how many rows are kept, also how the peak of memory went with the rows;
    at so many kept rows it is killed.
    """
    begun, peaks = time.perf_counter(), dict[int, int]()
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        ended = 0
        while not ended:
            time.sleep(0.05)
            rows = kept_rows(marks)
            if rows:
                peaks[rows] = peak_mb(process.pid) or peaks.get(rows, 0)
            if kill_at and rows >= kill_at:
                os.kill(process.pid, signal.SIGKILL)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != (-signal.SIGKILL if kill_at else 0):
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{log.read_text()[-2000:]}")
    found: dict[str, Any] = {
        "seconds": round(seconds, 1),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mb": round(usage.ru_maxrss * 1024 / 1e6),
    }
    kept = sorted(peaks)
    if kept:
        shown = {kept[place * (len(kept) - 1) // 4] for place in range(5)}
        found["peak_mb_at_rows"] = {str(rows): peaks[rows] for rows in sorted(shown)}
    return found


def kept_rows(marks: Path | None) -> int:
    """Give how many rows an unfinished file of answers keeps; 0 where there is none."""
    try:
        return 0 if marks is None else int(json.loads(marks.read_text(encoding="utf-8"))["counts"]["rows"])
    except FileNotFoundError:
        return 0


def peak_mb(pid: int) -> int:
    """Give the peak of resident memory of a process so far, in MB of 10^6 bytes; 0 where it has gone."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    return round(int(found[1]) * 1024 / 1e6) if found else 0


def sha256(file: Path) -> str:
    """Give the sha256 of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class Steps:
    """Steps that were measured, each once."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.done: dict[str, dict[str, Any]] = {record["step"]: record["told"] for record in read_records(file)}

    def told(self, name: str, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Give what a step came to; run it where it is not known."""
        if name not in self.done:
            self.done[name] = run()
            append_records(self.file, [{"step": name, "told": self.done[name]}])
        print(f"{name:16} {json.dumps(self.done[name])}", flush=True)
        return self.done[name]


def predicted(steps: Steps, file: Path, rows: int, method: str) -> dict[str, Any]:
    """Answer the file undisturbed, and again with a kill in the middle; compare the bytes."""
    output = file.with_name(method)
    bundle = output / "bundle"
    if not bundle.exists():
        output.mkdir(exist_ok=True)
        write_bundle_of(file, bundle, method)
    program = [sys.executable, "-m", "bakeoff", "predict", str(bundle), str(file), "-o"]
    told: dict[str, Any] = {}
    for step, name, kill_at in (("predict", "whole", 0), ("killed", "torn", rows // 2), ("resumed", "torn", 0)):
        command, log = [*program, str(output / f"{name}.csv")], output / f"{step}.log"
        marks = output / f".{name}.csv.unfinished.json"
        took = steps.told(f"{method}_{step}", partial(measured, command, log, marks, kill_at))
        told |= {f"{method}_{step}_{what}": value for what, value in took.items()}
    same = steps.told(
        f"{method}_bytes", lambda: {"sha256": [sha256(output / f"{name}.csv") for name in ("whole", "torn")]}
    )
    return {**told, f"{method}_same_bytes": len(set(same["sha256"])) == 1}


def main() -> None:
    """Make the rows, run the steps, and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("million"))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--predict", choices=("tfidf", "majority"), help="answer the rows with a bundle, too")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", type=Path, nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.prepare:
        prepare(*asked.prepare)
        return
    if "BAKEOFF_TEST_DATA" not in os.environ:
        print(json.dumps({"skipped": "BAKEOFF_TEST_DATA must name the folder of the open data sets"}))
        return
    if asked.write:
        write_rows(Path(os.environ["BAKEOFF_TEST_DATA"]) / "data", asked.rows, asked.write)
        return
    output = asked.output / str(asked.rows)
    output.mkdir(parents=True, exist_ok=True)
    file, steps = output / "rows.csv", Steps(output / "steps.jsonl")
    again = [sys.executable, __file__, "--rows", str(asked.rows)]
    # A process counts its parent's memory until it has become another program: this one must stay small.
    if not file.exists():
        subprocess.run([*again, "--write", str(file)], check=True)
    check = [sys.executable, "-m", "bakeoff", "check", str(file)]
    study = [*again, "--prepare", str(file), str(output / "study")]
    told: dict[str, Any] = {}
    for step, command in (("check", check), ("study", study)):
        took = steps.told(step, partial(measured, command, output / f"{step}.log"))
        told |= {f"{step}_{what}": value for what, value in took.items()}
    if asked.predict:
        told |= predicted(steps, file, asked.rows, asked.predict)
    print(json.dumps({"rows": asked.rows, "file_mb": round(file.stat().st_size / 1e6, 1), **told}))


if __name__ == "__main__":
    main()
