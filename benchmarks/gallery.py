"""What both ways write: a verdict card a data set, and what both finalists wrote for rows that a seed chose.

Each set runs `bakeoff run` to a verdict within `--time-limit`; a study that is there already is resumed or taken as it
is. Rows are chosen among the answered test rows by seed 0, before any answer is looked at.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/gallery.py --output gallery                 # run what is missing
    BAKEOFF_TEST_DATA=FOLDER python benchmarks/gallery.py --output gallery --page docs/gallery.md

Only sets whose rows may be shown stand on the page. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.data import references_of, split_fields
from bakeoff.study.evidence import read_plan, read_task
from bakeoff.study.parts import read_parts
from bakeoff.study.store import StudyStore
from bakeoff.tasks.text_checks import TextCheck, check_value

ROWS_SHOWN = 5
#: Exit codes of a study that has a verdict, or ended without one.
_ENDED = (0, 3)


@dataclass(frozen=True)
class Shown:
    """A data set of the gallery.

    Parameters
    ----------
    rows : tuple of int
        Rows to learn from, validation and test rows, drawn at random.
    options : tuple of str
        Of `bakeoff run`.
    source : str
        Where its rows are from and under which licence; empty where they may not be shown.
    most_words : int
        Rows with longer sources are not drawn: what a processor learns in a quarter of an hour is counted in tokens.
    """

    rows: tuple[int, int, int]
    options: tuple[str, ...]
    source: str = ""
    most_words: int = 1_000


SETS = {
    "e2e_nlg": Shown((400, 40, 80), ("--budgets", "64"), "E2E NLG (github.com/tuetschek/e2e-dataset), CC BY-SA 4.0"),
    "scitldr": Shown(
        (96, 12, 24), ("--budgets", "32", "--no-ship"), "SciTLDR (github.com/allenai/scitldr), Apache-2.0", 125
    ),
    "poetry": Shown(
        (128, 10, 20),
        ("--budgets", "32", "--no-ship", "--checks", "examples/checks/stanzas.yaml", "--metric", "form"),
        "rhymedata (github.com/sravanareddy/rhymedata), poems in the public domain",
        45,
    ),
    "xquad_en": Shown((128, 12, 48), ("--budgets", "64", "--no-ship"), most_words=95),
    "wikigold_ner": Shown((600, 60, 240), ("--budgets", "256")),
    "restaurant8k_slots": Shown((1000, 60, 300), ("--budgets", "512")),
}


def _words(line: str) -> int:
    """Count the words of a row's source, if it has one."""
    return len(str(json.loads(line).get("source", "")).split())


def draw(source: Path, target: Path, shown: Shown) -> Path:
    """Write a data set with fewer rows a part, drawn at random by seed 0; what is there is left as it is."""
    target.mkdir(parents=True, exist_ok=True)
    for part, most in zip(("train", "validation", "test"), shown.rows, strict=True):
        if not (target / f"{part}.jsonl").exists():
            lines = (source / f"{part}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
            lines = [line for line in lines if _words(line) <= shown.most_words]
            drawn = sorted(np.random.default_rng(0).permutation(len(lines))[:most].tolist())
            (target / f"{part}.jsonl").write_text("".join(lines[at] for at in drawn), encoding="utf-8")
    return target


def run_study(name: str, data: Path, folder: Path, limit: str) -> float:
    """Run a set's study, or go on with it; give the seconds that this took."""
    began, options = time.monotonic(), SETS[name].options
    if not (folder / "verdict.json").exists():
        program = [sys.executable, "-m", "bakeoff"]
        begun = (folder / "study.sqlite").exists()
        command = (
            [*program, "resume", str(folder)]
            if begun
            else [*program, "run", str(data), "--split", "one", "-o", str(folder), "--time-limit", limit, *options]
        )
        with (folder.parent / f"{name}.log").open("a", encoding="utf-8") as log:
            ended = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
        if ended not in _ENDED:
            raise SystemExit(f"{' '.join(command)} ended with {ended}; see {log.name}.")
    return time.monotonic() - began


def finalists(verdict: dict[str, Any]) -> list[str]:
    """Give the finalists of both ways, the chosen one first."""
    compared = verdict["comparisons"][0] if verdict["comparisons"] else None
    return [] if compared is None else [compared["a"], compared["b"]]


def outputs(folder: Path, names: list[str]) -> list[dict[str, Any]]:
    """Give rows that a seed chose, with what the finalists' first seeds wrote for them at their largest n."""
    with StudyStore(folder) as store:
        test, checks = read_parts(store, read_plan(store)).test, read_task(store).checks
        trials = {}
        for trial in sorted(store.trials(), key=lambda trial: (trial.n, -trial.seed)):
            if trial.contender in names and trial.status == "done":
                trials[trial.contender] = trial
    chosen = sorted(np.random.default_rng(0).choice(len(test), ROWS_SHOWN, replace=False).tolist())
    return [
        {
            "source": "\n".join(split_fields(test.texts[at])),
            "reference": references_of(test.labels[at])[0],
            "answers": {name: trial.test_answers[at] for name, trial in trials.items()},
            "checked": partial(form, checks, test.texts[at]),
        }
        for at in chosen
    ]


def form(checks: Sequence[TextCheck], source: str, text: str | None) -> str:
    """Say what a text's form is worth by each check of its study; empty where there are none."""
    values = {check.name: check_value(check, source, text or "") for check in checks}
    told = ", ".join(f"{name} {'does not apply' if one is None else f'{one:.2f}'}" for name, one in values.items())
    return f"\nForm: {told}.\n" if told else ""


def card(folder: Path) -> str:
    """Give a study's verdict card, as the terminal shows it."""
    command = [sys.executable, "-m", "bakeoff", "report", folder.name]
    # From the folder that it stands in, so that the page names no place on this machine.
    said = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=folder.parent, env={**os.environ, "COLUMNS": "80"}
    )
    return said.stdout.strip()


def block(text: str | None) -> str:
    """Write a text as a fenced block that no text can end."""
    plain = "(no answer)" if text is None else text
    fence = "`" * max(3, 1 + max((len(run) for run in plain.split("\n") if run and set(run) == {"`"}), default=0))
    return f"{fence}text\n{plain}\n{fence}"


def page(folder: Path) -> str:
    """Write the gallery of all sets that may be shown and have a verdict."""
    parts = [_HEAD]
    for name, shown in SETS.items():
        study = folder / name
        if not shown.source or not (study / "verdict.json").exists():
            continue
        verdict = json.loads((study / "verdict.json").read_text(encoding="utf-8"))
        names = finalists(verdict)
        options = " ".join(shown.options)
        few = "{} rows to learn from, {} validation and {} test rows, drawn by seed 0".format(*shown.rows)
        if shown.most_words < Shown.most_words:
            few += f" among rows whose source has at most {shown.most_words} words"
        command = f"bakeoff run {name} --split one {options} --time-limit 15m"
        parts += [f"## {name}\n", f"{shown.source}; {few}.\n", f"```\n{command}\n```\n"]
        parts.append(f"```text\n{card(study)}\n```\n")
        for number, row in enumerate(outputs(study, names), start=1):
            parts += [f"### Row {number}\n", f"Source:\n\n{block(row['source'])}\n"]
            for title, text in {"Reference": row["reference"], **row["answers"]}.items():
                parts.append(f"{title}:\n\n{block(text)}\n{row['checked'](text)}")
    return "\n".join(parts)


_HEAD = """# Gallery

What both ways wrote for five test rows of each set, chosen by seed 0 before any answer was looked at, with the verdict
card of the study that the answers are from. Sets whose licence does not let their rows be shown are left out. Verse has
the values of its study's checks of form, of which 1 is all that is asked for.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/gallery.py --output gallery --page docs/gallery.md
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("gallery"), help="folder of the studies")
    parser.add_argument("--set", action="append", choices=list(SETS), help="one of the sets; repeat for several")
    parser.add_argument("--time-limit", default="15m", help="of each study")
    parser.add_argument("--page", type=Path, help="file to write, of the studies that are there; nothing runs")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    told: dict[str, Any] = {}
    if options.page is not None:
        options.page.write_text(page(options.output), encoding="utf-8")
    else:
        root = os.environ.get("BAKEOFF_TEST_DATA")
        if not root:
            raise SystemExit("BAKEOFF_TEST_DATA must name the folder that holds the open data sets in 'data'.")
        for name in options.set or list(SETS):
            rows = draw(Path(root) / "data" / name, options.output / "rows" / name, SETS[name])
            seconds = run_study(name, rows, options.output / name, options.time_limit)
            told[f"{name}_seconds"] = round(seconds, 1)
    for name in SETS:
        file = options.output / name / "verdict.json"
        if file.exists():
            verdict = json.loads(file.read_text(encoding="utf-8"))
            told[f"{name}_choice"] = verdict["verdict"]["choice"]
            told[f"{name}_contender"] = verdict["verdict"]["contender"]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
