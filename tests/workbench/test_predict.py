"""Rows in, answers out: the same rows in the same order, with every column that came."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars
import pytest

from bakeoff.data import plain_cell, read_rows
from bakeoff.errors import BundleError, DataError, OptionError
from bakeoff.methods.floors import Majority, TfidfLogistic
from bakeoff.methods.registry import load_method, method_spec
from bakeoff.records import Answer, Contender
from bakeoff.ship import BundleFacts, write_bundle
from bakeoff.tasks import classification_task
from bakeoff.workbench import predict as module
from bakeoff.workbench.predict import predict

GOOD = ["a fine camera", "works very well", "love it", "great sound", "good value, good screen", "fine and light"]
BAD = ["broke at once", "a bad buy", "poor sound", "awful screen", "hate the noise", "bad and heavy"]
TASK = classification_task(name="sentiment", labels=["negative", "positive"], metric="accuracy")


def ship(folder: Path, method: Majority | TfidfLogistic, name: str, columns: tuple[str, ...] = ("review",)) -> Path:
    saved = folder / f"{name} saved"
    saved.mkdir()
    method.fit(GOOD + BAD, ["positive"] * len(GOOD) + ["negative"] * len(BAD)).save(saved)
    contender = Contender(name, name, "1", "floor", None, None, {}, seeded=True, uses_labels=True)
    facts = BundleFacts(contender, TASK, seed=0, rows=12, fingerprint="f" * 64, text_columns=columns)
    return write_bundle(folder / f"{name} bundle", method_folder=saved, facts=facts, card="# Card\n")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return ship(tmp_path_factory.mktemp("tfidf"), TfidfLogistic(TASK), "tfidf")


def write_csv(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


def read_csv(path: Path, delimiter: str = ",") -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream, delimiter=delimiter))


TEXTS = ["great screen, fine", 'poor "sound"\nand more', "", "=cmd|' /C calc'!A0", "Größe ✓ 好", "   "]


@pytest.fixture
def source(tmp_path) -> Path:
    return write_csv(tmp_path / "new.csv", [["id", "review"], *([str(i), text] for i, text in enumerate(TEXTS))])


def test_rows_keep_their_order_and_columns(bundle, source, tmp_path):
    summary = predict(bundle, source, tmp_path / "out.csv")
    written = read_csv(tmp_path / "out.csv")
    assert written[0] == ["id", "review", "prediction", "abstention"]
    assert [[row[0], plain_cell(row[1])] for row in written[1:]] == read_csv(source)[1:]
    assert written[4][1] == f"'{TEXTS[3]}", "a spreadsheet must not run a text"
    assert [row[2] for row in written[1:3]] == ["positive", "negative"]
    assert [row[2:] for row in (written[3], written[6])] == [["", "empty text"]] * 2
    assert (summary.rows, summary.answered, summary.abstained) == (6, 4, 2)
    assert summary.output == tmp_path / "out.csv"
    assert summary.seconds > 0


def test_batches_change_nothing(bundle, source, tmp_path, monkeypatch):
    seen = []
    predict(bundle, source, tmp_path / "whole.csv", probabilities=True)
    monkeypatch.setattr(module, "BATCH_ROWS", 2)
    predict(bundle, source, tmp_path / "parts.csv", probabilities=True, progress=lambda *at: seen.append(at))
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert seen == [(2, 6), (4, 6), (6, 6)]


def test_probabilities_stand_one_column_a_label(bundle, source, tmp_path):
    predict(bundle, source, tmp_path / "out.jsonl", probabilities=True)
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert list(records[0])[2:] == ["prediction", "abstention", "probability_negative", "probability_positive"]
    for record in records:
        shares = [record["probability_negative"], record["probability_positive"]]
        if record["prediction"] is None:
            assert shares == [None, None]
            assert record["abstention"] == "empty text"
        else:
            assert sum(shares) == pytest.approx(1, abs=2e-6)
            assert record["prediction"] == TASK.labels[shares.index(max(shares))]
            assert record["abstention"] is None


def test_a_file_without_a_suffix_of_ours_is_refused_before_anything_runs(bundle, source, tmp_path):
    with pytest.raises(OptionError, match=r"must end in one of \.csv, \.tsv, \.jsonl, \.ndjson; 'out\.xlsx' came"):
        predict(bundle, source, tmp_path / "out.xlsx")
    with pytest.raises(OptionError, match="has no folder to stand in"):
        predict(bundle, source, tmp_path / "nowhere" / "out.csv")
    with pytest.raises(OptionError, match="must be another file than the rows"):
        predict(bundle, source, source.parent / "." / source.name)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OptionError, match="is a folder"):
        predict(bundle, source, tmp_path / "folder.csv")


def test_the_default_output_stands_beside_the_rows(bundle, source):
    summary = predict(bundle, source)
    assert summary.output == source.with_name("new.predictions.csv")
    assert len(read_csv(summary.output)) == 7


def test_columns_of_our_names_are_renamed_not_lost(bundle, tmp_path):
    source = write_csv(
        tmp_path / "new.csv",
        [["review", "prediction", "abstention", "prediction_input"], ["love it", "old", "none", "older"]],
    )
    predict(bundle, source, tmp_path / "out.csv")
    assert read_csv(tmp_path / "out.csv") == [
        ["review", "prediction_input_", "abstention_input", "prediction_input", "prediction", "abstention"],
        ["love it", "old", "none", "older", "positive", ""],
    ]


def test_the_columns_of_training_are_used_though_others_look_like_text(bundle, tmp_path):
    rows = [["text", "review"], ["great sound and fine light camera", "a bad buy, poor and awful"]]
    source = write_csv(tmp_path / "new.csv", rows)
    predict(bundle, source, tmp_path / "out.csv")
    assert read_csv(tmp_path / "out.csv")[1][2] == "negative"
    predict(bundle, source, tmp_path / "out.csv", text=("text",))
    assert read_csv(tmp_path / "out.csv")[1][2] == "positive"


def test_several_columns_are_joined_in_the_order_of_training(tmp_path):
    bundle = ship(tmp_path, TfidfLogistic(TASK), "tfidf", columns=("title", "body"))
    source = write_csv(tmp_path / "new.csv", [["body", "title"], ["great", ""], ["", "awful"], ["", ""]])
    predict(bundle, source, tmp_path / "out.csv")
    assert [row[2:] for row in read_csv(tmp_path / "out.csv")[1:]] == [
        ["positive", ""],
        ["negative", ""],
        ["", "empty text"],
    ]


def test_the_method_sees_the_texts_that_training_saw(tmp_path, monkeypatch):
    rows = [["body", "title", "label"], [" great\n", " ", "a"], ["", "awful ", "b"], [" two ", "x\ty", "a"]]
    source = write_csv(tmp_path / "new.csv", rows)
    trained_on = read_rows(source, text=("title", "body"), label="label").split("all").texts
    bundle = ship(tmp_path, Majority(TASK), "majority", columns=("title", "body"))
    asked = []
    monkeypatch.setattr(Majority, "_answer", lambda _, texts: asked.extend(texts) or [Answer("positive")] * len(texts))
    predict(bundle, source, tmp_path / "out.csv")
    assert tuple(asked) == trained_on


def test_a_list_is_no_text(bundle, tmp_path):
    source = tmp_path / "new.jsonl"
    source.write_text('{"review": "love it"}\n{"review": ["love", "it"]}\n')
    with pytest.raises(DataError, match=r"Row 2 of .*new\.jsonl has a list in"):
        predict(bundle, source, tmp_path / "out.csv")


def test_tabs_and_lists_and_other_json_types(bundle, tmp_path):
    source = tmp_path / "new.jsonl"
    lines = [{"review": "love it", "n": 3, "tags": ["a", "b"]}, {"review": "bad \U0001f4f7", "n": None, "tags": []}]
    source.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    predict(bundle, source, tmp_path / "out.tsv")
    written = read_csv(tmp_path / "out.tsv", delimiter="\t")
    assert written[0] == ["review", "n", "tags", "prediction", "abstention"]
    assert written[1] == ["love it", "3", '["a", "b"]', "positive", ""]
    assert written[2] == ["bad \U0001f4f7", "", "[]", "negative", ""]
    predict(bundle, source, tmp_path / "out.jsonl")
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert records[0]["tags"] == ["a", "b"]
    assert records[1] == {
        "review": "bad \U0001f4f7",
        "n": None,
        "tags": [],
        "prediction": "negative",
        "abstention": None,
    }


def test_what_was_no_text_stays_none_in_json_lines(bundle, tmp_path):
    source, target = tmp_path / "new.jsonl", tmp_path / "out.jsonl"
    row = '{"review": "love it", "n": 3, "as text": "3", "price": 4.10, "new": true, "at": {"x": [1, "1", null]}'
    source.write_text(row + ', "counts": [1, 2.50, "é"]}\n', encoding="utf-8")
    predict(bundle, source, target)
    assert target.read_text(encoding="utf-8") == (
        row + ', "counts": [1, 2.50, "é"], "prediction": "positive", "abstention": null}\n'
    )


def test_half_a_character_in_the_name_of_a_field_becomes_a_replacement_mark(bundle, tmp_path):
    (tmp_path / "new.jsonl").write_text('{"review": "love it", "n\\ud83d": 1}\n', encoding="utf-8")
    for name in ("out.jsonl", "out.csv"):
        predict(bundle, tmp_path / "new.jsonl", tmp_path / name)
        assert "n\ufffd" in (tmp_path / name).read_text(encoding="utf-8")


def test_columns_of_parquet_keep_their_types_in_json_lines(bundle, tmp_path):
    frame = polars.DataFrame(
        {
            "review": ["love it", "bad"],
            "n": [3, None],
            "share": [0.5, float("nan")],
            "new": [True, False],
            "price": [Decimal("4.10"), Decimal("0.00")],
            "day": [date(2026, 1, 2), None],
        }
    )
    frame.write_parquet(tmp_path / "new.parquet")
    predict(bundle, tmp_path / "new.parquet", tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(
        '{"review": "love it", "n": 3, "share": 0.5, "new": true, "price": 4.10, "day": "2026-01-02", "prediction"'
    )
    second = json.loads(lines[1])
    assert [second[name] for name in ("n", "share", "new", "price", "day")] == [None, None, False, 0, None]


def interrupted(bundle: Path, source: Path, output: Path, at: int, **settings: object) -> None:
    """Answer until so many rows are written, and break off there."""

    def stop(done: int, total: int) -> None:
        if done >= at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(bundle, source, output, progress=stop, **settings)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_an_interrupted_run_is_gone_on_with(bundle, source, tmp_path, monkeypatch, ending):
    monkeypatch.setattr(module, "BATCH_ROWS", 2)
    output, told, asked = tmp_path / f"out.{ending}", [], []
    output.write_text("earlier")
    predict(bundle, source, tmp_path / f"whole.{ending}", probabilities=True)
    there = set(tmp_path.iterdir())
    interrupted(bundle, source, output, 2, probabilities=True)
    assert output.read_text() == "earlier"
    with (tmp_path / f".out.{ending}.unfinished").open("ab") as stream:
        stream.write(b"3,half a li")
    answer = TfidfLogistic._answer
    monkeypatch.setattr(TfidfLogistic, "_answer", lambda self, texts: asked.extend(texts) or answer(self, texts))
    done = predict(bundle, source, output, probabilities=True, told=lambda *rows: told.append(rows))
    assert output.read_bytes() == (tmp_path / f"whole.{ending}").read_bytes()
    assert told == [(2, 6)]
    assert asked == [TEXTS[3], TEXTS[4]]
    assert (done.rows, done.answered, done.resumed) == (6, 4, 2)
    assert set(tmp_path.iterdir()) == there


def test_answers_to_other_rows_or_by_another_bundle_are_not_gone_on_with(bundle, source, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH_ROWS", 2)
    output = tmp_path / "out.csv"
    interrupted(bundle, source, output, 4)
    kept = (tmp_path / ".out.csv.unfinished").read_bytes()
    with pytest.raises(OptionError, match="how the rows are read or written has changed since"):
        predict(bundle, source, output, probabilities=True)
    (tmp_path / "other").mkdir()
    with pytest.raises(OptionError, match="the bundle has changed since"):
        predict(ship(tmp_path / "other", Majority(TASK), "majority"), source, output)
    with source.open("a", encoding="utf-8") as stream:
        stream.write("6,one more\n")
    with pytest.raises(OptionError, match="the file of rows has changed since"):
        predict(bundle, source, output)
    assert (tmp_path / ".out.csv.unfinished").read_bytes() == kept, "what is refused is kept"
    assert predict(bundle, source, output, restart=True).rows == 7
    assert len(read_csv(output)) == 8
    interrupted(bundle, source, output, 4)
    (tmp_path / ".out.csv.unfinished").write_bytes(kept[:-3])
    with pytest.raises(OptionError, match="is shorter than it was"):
        predict(bundle, source, output)


def test_two_runs_do_not_write_one_file(bundle, source, tmp_path, monkeypatch):
    def beside(*_rows: int) -> None:
        predict(bundle, source, tmp_path / "out.csv")

    with pytest.raises(OptionError, match="Another process is writing"):
        predict(bundle, source, tmp_path / "out.csv", progress=beside)


_LARGE = r"""
import re, sys
from pathlib import Path
from bakeoff.workbench.predict import predict
def peak():
    # Not ru_maxrss: that begins with what the process that started this one had, and may hide what this one took.
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
seen = []
def at(done, rows):
    if not seen or done == rows:
        seen.append(peak())
done = predict(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), progress=at)
print(done.rows, seen[-1] - seen[0])
"""


def test_memory_does_not_grow_with_the_file(bundle, tmp_path):
    """200,000 rows, 25 MB, are answered within 24 MB on top of what the first part took; whole they take over 100."""
    source, output = tmp_path / "large.csv", tmp_path / "out.csv"
    with source.open("w", encoding="utf-8") as stream:
        # What is answered is short, and what goes past is long: the method is not what is looked at.
        stream.write("id,note,review\n")
        stream.writelines(f'{row},"number {row}, {"and light " * 9}",a fine camera\n' for row in range(200_000))
    command = [sys.executable, "-c", _LARGE, str(bundle), str(source), str(output)]
    rows, grown = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert int(rows) == 200_000
    assert float(grown) < 24
    with output.open(encoding="utf-8", newline="") as stream:
        assert all(int(row["id"]) == at for at, row in enumerate(csv.DictReader(stream)))


def test_user_errors_pass_through(bundle, source, tmp_path):
    with pytest.raises(DataError):
        predict(bundle, tmp_path / "none.csv", tmp_path / "out.csv")
    with pytest.raises(DataError, match="--text must name a column"):
        predict(bundle, source, tmp_path / "out.csv", text=("comment",))
    with pytest.raises(BundleError, match="is no bundle"):
        predict(tmp_path, source, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_file_of_empty_texts_does_not_ask_the_method(tmp_path, monkeypatch):
    bundle = ship(tmp_path, Majority(TASK), "majority")
    source = write_csv(tmp_path / "new.csv", [["id", "review"], ["1", ""], ["2", " "]])
    monkeypatch.setattr(Majority, "_answer", lambda *_: pytest.fail("asked"))
    assert predict(bundle, source, tmp_path / "out.csv").answered == 0


def test_probabilities_that_are_not_honest_are_not_given(tmp_path, source, monkeypatch):
    bundle = ship(tmp_path, Majority(TASK), "majority")
    monkeypatch.setattr(Majority, "honest_probabilities", False)
    with pytest.raises(OptionError, match="Majority has no honest probabilities"):
        predict(bundle, source, tmp_path / "out.csv", probabilities=True)


@pytest.mark.models
def test_probabilities_of_a_server_where_it_tells_them(tmp_path, source, chat_server, relay_to):
    def shipped(name, relay):
        method = load_method(name)(task=TASK, model=f"{relay.url}#smollm2", seed=0, **method_spec(name).parameters)
        saved = tmp_path / f"{name} {relay.url[-8:-3]} saved"
        saved.mkdir()
        method.fit(GOOD + BAD, ["positive"] * len(GOOD) + ["negative"] * len(BAD)).save(saved)
        made = Contender(name, name, "1", "prompt", method.model, None, method_spec(name).parameters, True, True)
        facts = BundleFacts(made, TASK, seed=0, rows=12, fingerprint="f" * 64, text_columns=("review",))
        return write_bundle(saved.with_suffix(".bundle"), method_folder=saved, facts=facts, card="# Card\n")

    upstream = chat_server.partition("/v1")[0]
    told = relay_to(upstream)
    done = predict(shipped("server-few-shot", told), source, tmp_path / "out.csv", probabilities=True)
    rows = read_csv(tmp_path / "out.csv")
    assert rows[0][2:] == ["prediction", "abstention", "probability_negative", "probability_positive"]
    given = [row[4:] for row in rows[1:] if row[4]]
    assert len(given) == done.answered - done.unshared > 0
    assert all(sum(map(float, shares)) == pytest.approx(1.0, abs=1e-5) for shares in given)
    silent = relay_to(upstream, lambda _number: "no log-probabilities")
    with pytest.raises(OptionError, match="tells no log-probabilities, so its answers have no probabilities"):
        predict(shipped("server-few-shot", silent), source, tmp_path / "no.csv", probabilities=True)
    assert not (tmp_path / "no.csv").exists()
    with pytest.raises(OptionError, match="ControlledServerPrompt has no honest probabilities: its answers are labels"):
        predict(shipped("server-choice", told), source, tmp_path / "no.csv", probabilities=True)


_FRESH = "import sys; from pathlib import Path; from bakeoff.workbench.predict import predict\n"


def test_a_fresh_process_gives_the_same_bytes(bundle, source, tmp_path):
    predict(bundle, source, tmp_path / "here.csv", probabilities=True)
    code = _FRESH + "predict(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), probabilities=True)"
    there = tmp_path / "there.csv"
    subprocess.run([sys.executable, "-W", "error", "-c", code, str(bundle), str(source), str(there)], check=True)
    assert there.read_bytes() == (tmp_path / "here.csv").read_bytes()


def test_importing_the_verb_loads_nothing_heavy():
    code = _FRESH + "assert not {'torch', 'transformers', 'sklearn', 'polars', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_another_text_column_is_not_guessed(tmp_path):
    bundle = ship(tmp_path, Majority(TASK), "majority", columns=("review",))
    other = tmp_path / "other.csv"
    other.write_text("comment,id\na fine thing,1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"learned from the column 'review'; .* has comment, id\. Name the column"):
        predict(bundle, other, tmp_path / "out.csv")
    assert predict(bundle, other, tmp_path / "out.csv", text=("comment",)).rows == 1
