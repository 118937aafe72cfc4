"""Every kind of task goes the whole way: tuned alone and reloaded in another process, and through a study."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bakeoff.data import join_fields, labels_of, split_fields
from bakeoff.errors import OptionError
from bakeoff.ship import read_bundle
from bakeoff.testing import rows_of_kind
from bakeoff.workbench.finetune import FinetuneOptions, finetune
from bakeoff.workbench.options import DataOptions, StudyOptions
from bakeoff.workbench.predict import predict
from bakeoff.workbench.run import run
from bakeoff.workbench.ship import ship
from small_models import write_decoder_folder, write_encoder_folder

KINDS = ("multi-label", "regression", "pair", "tagging")
SHORT = ("max_epochs=1", "least_steps=2")


def record(kind: str, text: str, label: str) -> dict[str, object]:
    if kind == "tagging":
        return {"tokens": list(split_fields(text)), "tags": list(labels_of(kind, label))}
    if kind == "pair":
        return {"text": split_fields(text)[0], "text_pair": split_fields(text)[1], "label": label}
    value = {"multi-label": lambda: list(labels_of(kind, label)), "regression": lambda: float(label)}[kind]()
    return {"text": text, "label": value}


def rows_file(kind: str, path: Path, n: int = 96) -> Path:
    """Write rows that all differ, so that none is dropped as a copy."""
    texts, labels = rows_of_kind(kind, n)
    told = [record(kind, text, label) for text, label in zip(texts, labels, strict=True)]
    for number, row in enumerate(told):
        key = "tokens" if kind == "tagging" else "text"
        row[key] = [*row["tokens"], f"no{number}"] if kind == "tagging" else f"{row['text']} no{number * 7919}"
        if kind == "tagging":
            row["tags"] = [*row["tags"], "O"]
    path.write_text("\n".join(map(json.dumps, told)), encoding="utf-8")
    return path


_ANSWER = """
import json, sys
from pathlib import Path
from bakeoff.ship import read_bundle
for folder in sys.argv[1:]:
    texts = json.loads((Path(folder).parent / f"{Path(folder).name}.texts").read_text())
    print(json.dumps([answer.value for answer in read_bundle(Path(folder)).load().answer(texts)]))
"""


def test_bundles_of_every_kind_answer_alike_in_another_process(catalogue_cache, tmp_path: Path) -> None:
    expected, small = [], write_encoder_folder(tmp_path / "encoder")
    for kind in KINDS:
        data = rows_file(kind, tmp_path / f"{kind}.jsonl", 48)
        # The real encoder for one kind: how answers of the others are kept hangs on no weights.
        options = FinetuneOptions(model=None if kind == "pair" else small, settings=SHORT, seconds=60)
        done = finetune(str(data), DataOptions(kind=kind), options, output=tmp_path / kind)
        assert done.task.kind == kind
        assert done.contender.method == ("tagger" if kind == "tagging" else "full")
        texts, _ = rows_of_kind(kind, 12, seed=4)
        (tmp_path / f"{kind}.texts").write_text(json.dumps(texts), encoding="utf-8")
        expected.append([answer.value for answer in read_bundle(tmp_path / kind).load().answer(texts)])
    ran = subprocess.run(
        [sys.executable, "-c", _ANSWER, *(str(tmp_path / kind) for kind in KINDS)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [json.loads(line) for line in ran.stdout.splitlines()] == expected
    _predictions_are_lists_and_numbers(tmp_path)


def _predictions_are_lists_and_numbers(folder: Path) -> None:
    kinds = {"multi-label": list, "regression": float, "pair": str, "tagging": list}
    for kind, expected in kinds.items():
        source = rows_file(kind, folder / "new.jsonl", 6)
        found = predict(folder / kind, source, folder / "answers.jsonl")
        rows = [json.loads(line) for line in found.output.read_text(encoding="utf-8").splitlines()]
        assert found.answered == len(rows) == 6
        assert all(isinstance(row["prediction"], expected) for row in rows)
        if kind == "tagging":
            assert all(len(row["prediction"]) == len(row["tokens"]) for row in rows)


@pytest.mark.usefixtures("ready_workers")
@pytest.mark.parametrize(("kind", "method"), [("pair", "few-shot-calibrated"), ("regression", "few-shot-scale")])
def test_a_study_compares_both_ways_and_its_prompt_ships(
    kind: str, method: str, catalogue_cache, tmp_path: Path
) -> None:
    data, model = rows_file(kind, tmp_path / "rows.jsonl"), write_decoder_folder(tmp_path / "decoder")
    options = StudyOptions(
        prompt_models=(model,), methods=("probe", method), budgets=(-1,), seeds=3, finalist_seeds=3, division="one",
        ship=False,
    )  # fmt: skip
    done = run(str(data), DataOptions(kind=kind), options, folder=tmp_path / "study")
    verdict = json.loads((done.folder / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["task"]["kind"] == kind
    scores = {row["contender"]: row["score"] for row in verdict["leaderboard"]}
    assert scores["probe minilm-l6"] > scores["majority"]
    prompted = next(row for row in verdict["leaderboard"] if row["arm"] == "prompt")
    assert prompted["valid_rate"] == 1.0
    assert not any("missing" in reason for reason in verdict["verdict"]["reasons"])
    bundle, _ = ship(done.folder, contender=prompted["contender"])
    own = read_bundle(bundle).load()
    found = predict(bundle, data, tmp_path / "answers.jsonl")
    rows = [json.loads(line) for line in found.output.read_text(encoding="utf-8").splitlines()]
    asked = [join_fields([row["text"], row["text_pair"]]) if kind == "pair" else row["text"] for row in rows]
    assert [row["prediction"] for row in rows] == own.predict(asked).tolist()


def test_what_needs_one_label_a_row_is_refused_for_other_kinds(tmp_path: Path) -> None:
    data = rows_file("regression", tmp_path / "rows.jsonl")
    with pytest.raises(OptionError, match="--predictions is for one text and one label a row"):
        run(str(data), DataOptions(kind="regression"), StudyOptions(predictions=data), folder=tmp_path / "study")
    with pytest.raises(OptionError, match="The metric of regression must be one of pearson"):
        run(str(data), DataOptions(kind="regression"), StudyOptions(metric="accuracy"), folder=tmp_path / "study")
    with pytest.raises(
        OptionError, match=r"contrastive does not solve tasks of the kind 'regression'\. Choose among probe, full"
    ):
        finetune(str(data), DataOptions(kind="regression"), FinetuneOptions("contrastive"), output=tmp_path / "bundle")
