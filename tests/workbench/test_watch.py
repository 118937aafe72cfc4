"""New rows against a bundle's study: what is told, what the audit shows, and when to decide again."""

from __future__ import annotations

import csv
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.data import drawn as drawing
from bakeoff.data import fingerprint, read_table
from bakeoff.data.drawn import draw_rows
from bakeoff.decision import decide
from bakeoff.errors import DataError, OptionError, StudyError
from bakeoff.methods.floors import TfidfLogistic
from bakeoff.methods.registry import method_spec
from bakeoff.records import Contender
from bakeoff.ship import BundleFacts, read_bundle, reference_of, write_bundle
from bakeoff.study.evidence import gather_evidence
from bakeoff.study.store import PARTS, StudyStore
from bakeoff.tasks import task_of_kind
from bakeoff.workbench.audit import labelled_of
from bakeoff.workbench.watch import WatchOptions, watch
from in_process import Program, documented
from made_study import ROWS, TASK, TUNED, make_study

WORDS = {"positive": ["good", "great", "fine", "glad"], "negative": ["bad", "awful", "poor", "sad"]}
THINGS = ["screen", "sound", "battery", "camera", "price", "box", "cable", "button"]


def made_rows(count: int, seed: int, *, things: list[str] = THINGS, wrong: float = 0.0) -> list[tuple[str, str]]:
    """Give texts whose words tell their label, but for a share of them."""
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        label = chance.choice(TASK.labels)
        told = "positive" if (label == "negative") == (chance.random() < wrong) else "negative"
        pair = f"{chance.choice(things)} and the {chance.choice(things)}"
        rows.append((f"the {pair} {chance.choice(WORDS[told])} {chance.getrandbits(40):x}", label))
    return rows


def write_rows(path: Path, rows: list[tuple[str, str]], *, labels: bool = False) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "text", *(["sentiment"] if labels else [])])
        writer.writerows([f"customer {i}", text, *([label] if labels else [])] for i, (text, label) in enumerate(rows))
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a study folder with a bundle in it: rows that tell their label, 90% of the test answers right."""
    folder = make_study(tmp_path_factory.mktemp("watch") / "study")
    known = made_rows(sum(ROWS.values()), 1)
    with StudyStore(folder) as store:
        for place, (text, _label) in enumerate(known):
            part, at = next((p, place - b) for p, b in (("test", 180), ("validation", 80), ("train", 0)) if place >= b)
            store._db.execute("UPDATE rows SET text = ? WHERE part = ? AND position = ?", (text, part, at))
        store._db.commit()
        parts = {part: store.rows(part) for part in PARTS}
        store.set_fact("fingerprint", fingerprint(parts, TASK.labels))
        evidence = gather_evidence(store)
    texts = [text for part in PARTS for text in parts[part].texts]
    saved = folder.parent / "saved"
    saved.mkdir()
    TfidfLogistic(TASK).fit([text for text, _ in known], [label for _, label in known]).save(saved)
    contender = Contender("tfidf", "tfidf", "1", "floor", None, None, {}, seeded=True, uses_labels=True)
    reference = reference_of(evidence, decide(evidence), TUNED, texts)
    facts = BundleFacts(
        contender, TASK, 0, len(texts), evidence.fingerprint, text_columns=("text",), reference=reference
    )
    write_bundle(folder / "bundle", method_folder=saved, facts=facts, card="# Card\n")
    return folder


def test_a_bundle_remembers_sums_and_no_text(study: Path) -> None:
    shipped = read_bundle(study / "bundle").facts.reference
    assert shipped is not None
    assert (shipped.rows, shipped.n) == (480, 64)
    assert [sum(run.values()) for run in shipped.answers] == [300, 300, 300]
    assert shipped.tested == (300, 300, 300)
    assert shipped.score == pytest.approx(0.95, abs=0.03)  # a wrong answer of the made study is right half of the time
    assert shipped.unknown < 0.35
    manifest = (study / "bundle" / "bundle.json").read_text("utf-8")
    assert "battery" not in manifest
    assert "awful" not in manifest


def test_the_same_source_shows_no_shift_and_another_does(study: Path, tmp_path: Path) -> None:
    same = watch(study / "bundle", write_rows(tmp_path / "new.csv", made_rows(300, 2)), WatchOptions())
    assert [look.name for look in same.looks] == ["texts", "lengths", "unknown words", "answers", "abstentions"]
    assert same.shifted == ()
    assert (same.rows, same.answered, same.seen) == (300, 300, 0.0) or same.seen is not None
    things = ["river", "meadow", "harbour", "tower", "garden", "window"]
    other = watch(
        study / "bundle", write_rows(tmp_path / "other.csv", made_rows(300, 3, things=things)), WatchOptions()
    )
    assert {"texts", "unknown words"} <= set(other.shifted)


def test_a_bundle_alone_says_what_it_cannot_tell(study: Path, tmp_path: Path) -> None:
    import shutil

    alone = Path(shutil.copytree(study / "bundle", tmp_path / "bundle"))
    rows = write_rows(tmp_path / "new.csv", made_rows(100, 2))
    found = watch(alone, rows, WatchOptions())
    assert "texts" not in [look.name for look in found.looks]
    assert found.seen is None
    assert "--study" in found.notes[0]
    assert watch(alone, rows, WatchOptions(study=study)).looks[0].name == "texts"
    other = make_study(tmp_path / "other")
    with pytest.raises(StudyError, match="from other rows"):
        watch(alone, rows, WatchOptions(study=other))
    facts = replace(read_bundle(alone).facts, reference=None)
    old = write_bundle(tmp_path / "old", method_folder=alone / "method", facts=facts, card="# Card\n")
    with pytest.raises(OptionError, match="does not know its study's rows"):
        watch(old, rows, WatchOptions())


def test_an_audit_is_blind_uniform_and_repeatable(study: Path, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "new.csv", made_rows(300, 2))
    sheets = []
    for name in ("one.csv", "two.csv"):
        done = watch(study / "bundle", rows, WatchOptions(audit=40, write=tmp_path / name))
        assert done.sheet_rows == 40
        sheets.append((tmp_path / name).read_text("utf-8"))
    assert sheets[0] == sheets[1]
    table = list(csv.reader(sheets[0].splitlines()))
    assert table[0] == ["text", "label", "bakeoff row"]
    assert {row[1] for row in table[1:]} == {""}
    drawn = [int(row[2]) for row in table[1:]]
    assert drawn == sorted(drawn)
    assert drawn[0] < 40
    assert drawn[-1] > 260
    other = watch(study / "bundle", rows, WatchOptions(audit=40, write=tmp_path / "three.csv", seed=1))
    assert other.sheet is not None
    assert other.sheet.read_text("utf-8") != sheets[0]
    with pytest.raises(OptionError, match="is there already"):
        watch(study / "bundle", rows, WatchOptions(audit=40, write=tmp_path / "one.csv"))


def test_a_refused_host_leaves_no_sheet(study: Path, tmp_path: Path) -> None:
    import shutil

    far = Path(shutil.copytree(study / "bundle", tmp_path / "far"))
    manifest = json.loads((far / "bundle.json").read_text("utf-8"))
    manifest["contender"] |= {
        "method": "server-zero-shot",
        "version": method_spec("server-zero-shot").version,
        "model": "https://models.example.com/v1#big",
    }
    (far / "bundle.json").write_text(json.dumps(manifest), "utf-8")
    rows = write_rows(tmp_path / "new.csv", made_rows(30, 2))
    with pytest.raises(OptionError, match=r"would be sent to models\.example\.com"):
        watch(far, rows, WatchOptions(study=study, audit=10))
    assert not (tmp_path / "new.audit.csv").exists()


def fill(path: Path, rows: list[tuple[str, str]], leave: int = 0) -> Path:
    labels = dict(rows)
    table = list(csv.reader(path.read_text("utf-8").splitlines()))
    for number, row in enumerate(table[1:]):
        row[1] = "" if number < leave else labels[row[0]].upper()
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(table)
    return path


def test_labels_decide_whether_to_decide_again(study: Path, tmp_path: Path) -> None:
    rows = made_rows(600, 4, wrong=0.5)
    source = write_rows(tmp_path / "new.csv", rows)
    sheet = watch(study / "bundle", source, WatchOptions(audit=60)).sheet
    assert sheet == tmp_path / "new.audit.csv"
    with pytest.raises(DataError, match="has a label yet"):
        watch(study / "bundle", source, WatchOptions(labelled=sheet))
    done = watch(study / "bundle", source, WatchOptions(labelled=fill(sheet, rows, leave=5)))
    assert done.score is not None
    assert done.redecision is not None
    assert (done.score.rows, done.unlabelled) == (55, 5)
    assert done.score.unknown_labels == ()
    assert done.score.score == pytest.approx(0.5, abs=0.2)
    assert done.redecision.answer == "yes"
    tampered = sheet.read_text("utf-8").replace("the ", "a ", 1)
    sheet.write_text(tampered, "utf-8")
    with pytest.raises(DataError, match="is of another file, or a text was changed"):
        watch(study / "bundle", source, WatchOptions(labelled=sheet))


def test_labels_that_are_there_are_all_used(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bakeoff.workbench.watch.MOST_ROWS", 100)
    rows = made_rows(400, 5)
    done = watch(study / "bundle", write_rows(tmp_path / "new.csv", rows, labels=True), WatchOptions(loss=0.1))
    assert done.score is not None
    assert done.redecision is not None
    assert (done.answered, done.score.rows, done.redecision.answer) == (400, 400, "no")
    drawn = watch(study / "bundle", write_rows(tmp_path / "bare.csv", rows), WatchOptions())
    assert (drawn.rows, drawn.answered) == (400, 100)


@pytest.mark.parametrize(
    ("n", "shifted", "answer", "high"),
    [(480, ("answers",), "no", 0.65), (120, ("answers",), "too few labels", 0.825), (30, (), "too few labels", 0.9125)],
)
def test_trials_on_far_fewer_rows_than_the_bundle_has_say_neither_shifted_nor_no(
    study: Path, tmp_path: Path, n: int, shifted: tuple[str, ...], answer: str, high: float
) -> None:
    shipped = read_bundle(study / "bundle")
    assert shipped.facts.reference is not None
    runs = ({"negative": 270, "positive": 30},) * 3
    poor = replace(shipped.facts.reference, answers=runs, score=0.6, low=0.55, high=0.65, n=n)
    facts = replace(shipped.facts, reference=poor)
    bundle = write_bundle(tmp_path / "poor", method_folder=shipped.folder / "method", facts=facts, card="# Card\n")
    rows = write_rows(tmp_path / "new.csv", made_rows(300, 2, wrong=0.25), labels=True)
    found = watch(bundle, rows, WatchOptions())
    assert found.redecision is not None
    assert (found.shifted, found.redecision.answer) == (shifted, answer)
    assert found.expected == pytest.approx((0.55, high))
    compared = {look.name: look.finding != "not compared" for look in found.looks}
    assert compared["answers"] is compared["abstentions"] is bool(shifted)


def test_rows_of_the_study_are_not_drawn_to_be_labelled(study: Path, tmp_path: Path) -> None:
    known = made_rows(sum(ROWS.values()), 1)[:90]
    fresh = made_rows(60, 9)
    done = watch(study / "bundle", write_rows(tmp_path / "mixed.csv", [*known, *fresh]), WatchOptions(audit=150))
    assert done.sheet_rows == 60
    assert done.sheet is not None
    drawn = {row[0] for row in csv.reader(done.sheet.read_text("utf-8").splitlines()[1:])}
    assert drawn == {text for text, _ in fresh}
    with pytest.raises(DataError, match="has a text that does not stand in the study"):
        watch(study / "bundle", write_rows(tmp_path / "known.csv", known), WatchOptions(audit=10))
    assert not (tmp_path / "known.audit.csv").exists()


def test_labelled_rows_that_stand_in_the_study_are_not_scored(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = made_rows(sum(ROWS.values()), 1)[:90]
    mixed = write_rows(tmp_path / "mixed.csv", [*known, *made_rows(60, 9, wrong=1.0)], labels=True)
    program = Program(monkeypatch, capsys)
    result = program("watch", study / "bundle", mixed, "--json").document["result"]
    assert (result["in_study"], result["score"]["rows"], result["score"]["score"]) == (90, 60, 0.0)
    old = program("watch", study / "bundle", write_rows(tmp_path / "known.csv", known, labels=True))
    assert old.code == 0
    assert "all 90 stand in" in " ".join(old.out.split())
    assert "accuracy" not in old.out
    assert "decide again" not in old.out
    assert "--audit 50" in old.out


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rows_are_drawn_uniformly_part_by_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    rows = [(f"text\nnumber {i}, of many", "") for i in range(500)]
    path = tmp_path / f"new{suffix}"
    if suffix == ".csv":
        write_rows(path, rows)
    else:
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text, _ in rows), "utf-8")
    whole = draw_rows(path, None).table
    known = dict(zip(whole.row_numbers, whole.column("text"), strict=True))
    monkeypatch.setattr(drawing, "_PART_ROWS", 64)
    wanted = (whole.row_numbers[0], whole.row_numbers[77])
    counts = [0] * 500
    for seed in range(40):
        found = draw_rows(path, 50, seed=seed, wanted=wanted)
        assert (found.rows, len(found.table), found.wanted.row_numbers) == (500, 50, wanted)
        assert [known[n] for n in found.table.row_numbers] == list(found.table.column("text"))
        for number in found.table.row_numbers:
            counts[whole.row_numbers.index(number)] += 1
    # Every tenth of the file comes about as often: 200 rows of 2,000 expected, deviation 13.
    tenths = [sum(counts[at : at + 50]) for at in range(0, 500, 50)]
    assert all(150 < tenth < 250 for tenth in tenths)


def test_the_program_leaves_with_3_where_labels_are_too_few(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    program = Program(monkeypatch, capsys)
    rows = made_rows(200, 6)
    source = write_rows(tmp_path / "new.csv", rows)
    drawn = program("watch", study / "bundle", source, "--audit", 25, "--json").document["result"]
    assert set(drawn) == documented("watch")
    assert drawn["next_command"].endswith("--labelled " + drawn["sheet"])
    fill(Path(drawn["sheet"]), rows)
    shown = program("watch", study / "bundle", source, "--labelled", drawn["sheet"], "--loss", 1)
    assert shown.code == 3
    assert "TOO FEW LABELS" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    assert program("watch", study / "bundle", source, "--labelled", drawn["sheet"], "--loss", 50).code == 0
    assert program("watch", study / "bundle", source, "--write", "sheet.csv").code == 2


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["a; b", "b", "Food, drink"], ['["a", "b"]', '["b"]', '["Food, drink"]']),
        (["Food, drink", "a, b"], ['["Food, drink"]', '["a", "b"]']),
        (["a", "Food, drink"], ['["a"]', '["Food, drink"]']),
    ],
)
def test_several_labels_in_a_cell_are_divided_and_a_known_one_is_not(
    tmp_path: Path, cells: list[str], labels: list[str]
) -> None:
    rows = write_rows(tmp_path / "new.csv", [(f"text {i}", cell) for i, cell in enumerate([*cells, ""])], labels=True)
    task = task_of_kind("multi-label", name="sentiment", labels=["a", "b", "Food, drink"], metric="micro-F1")
    contender = Contender("tfidf", "tfidf", "1", "floor", None, None, {}, seeded=True, uses_labels=True)
    facts = BundleFacts(contender, task, 0, 9, "f" * 64, text_columns=("text",))
    table = read_table(rows)
    assert labelled_of(table, table.column("text"), "sentiment", facts) == (
        ([f"text {i}" for i in range(len(cells))], labels), 1
    )  # fmt: skip
