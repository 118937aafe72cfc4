"""Checks of written texts: each kind on texts that pass and fail, the file, the metrics they make, and user code."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.catalog.cache import entry_cache
from bakeoff.errors import DataError, OptionError
from bakeoff.tasks import Task, TextCheck, check_value, metrics_of, read_checks, scoring_of, task_of_kind, truths

_EXAMPLES = Path(__file__).parents[2] / "examples" / "checks"


def _value(kind: str, text: str, source: str = "", **settings: Any) -> float | None:
    return check_value(TextCheck("one", kind, settings), source, text)


@pytest.mark.parametrize(
    ("kind", "settings", "source", "passing", "failing"),
    [
        ("line-count", {"lines": 2}, "", "one\n\ntwo", "one"),
        ("line-count", {"lines": r"lines: (\d+)"}, "lines: 2", "one\ntwo", "one\ntwo\nthree"),
        ("rhyme-scheme", {"scheme": "a a"}, "", "bright\nnight", "bright\nday"),
        ("rhyme-scheme", {"scheme": "scheme: (.+)"}, "scheme: a b a", "bright\nday\nnight", "bright\nnight\nday"),
        ("required-words", {"words": ["new york", "rain"]}, "", "Rain in New-York? New York!", "sun"),
        ("required-words", {"words": "keys: (.+)"}, "keys: cat, hat", "The CAT's hat, the cat.", "The catalogue"),
        ("forbidden-words", {"words": ["as an ai"]}, "", "As I said.", "As an AI, no."),
        ("length", {"least_words": 2, "most_words": 3}, "", "two words", "one"),
        ("repetition", {"n": 2, "most": 0.2}, "", "a b c d e", "a b a b a b"),
        ("distinct", {"n": 1, "least": 0.9}, "", "a b c", "a a a"),
        ("copied", {"most_words": 2}, "the old grey cat", "the old dog", "the old grey dog"),
        ("copied", {"n": 2, "most": 0.5}, "the old grey cat", "an old dog ran", "the old grey"),
        ("pattern", {"must": r"\?$"}, "", "Why?", "Why."),
        ("pattern", {"must_not": r"\bTODO\b"}, "", "Done.", "TODO"),
        ("slots", {"values": {"area": ["city"]}}, "name[Mill]", "The Mill.", "A place."),
    ],
)
def test_each_kind_tells_texts_that_pass_from_those_that_fail(
    kind: str, settings: dict[str, Any], source: str, passing: str, failing: str
) -> None:
    assert _value(kind, passing, source, **settings) == 1.0
    assert _value(kind, failing, source, **settings) == 0.0
    assert _value(kind, "", source, **settings) == 0.0
    assert _value(kind, " \n", source, **settings) == 0.0


def test_kinds_that_measure_a_share_give_it_where_no_bound_is_set() -> None:
    assert _value("required-words", "rain", words=["rain", "sun"]) == 0.5
    assert _value("repetition", "a b a b", n=2) == pytest.approx(2 / 3)
    assert _value("distinct", "a b a b", n=1) == 0.5
    assert _value("copied", "the old dog", "the old cat", n=2) == 0.5
    assert _value("slots", "Mill", "name[Mill], area[city]") == 0.5


def test_a_check_that_reads_what_the_source_lacks_does_not_apply() -> None:
    assert _value("line-count", "one", "no number", lines=r"lines: (\d+)") is None
    assert _value("required-words", "one", "nothing", words="keys: (.+)") is None
    assert _value("slots", "one", "nothing") is None


def _task(*checks: TextCheck, metric: str = "form") -> Task:
    return replace(task_of_kind("generation", name="t", labels=(), metric=metric), checks=checks)


def test_form_is_the_mean_over_rows_of_the_checks_that_apply_and_weights_count() -> None:
    task = _task(
        TextCheck("lines", "line-count", {"lines": r"lines: (\d+)"}), TextCheck("no", "pattern", {"must_not": "x"})
    )
    truth = truths(task, ["lines: 2", "free"], ["right", "right"])
    scoring = scoring_of(task)
    assert scoring.score_values(truth, ["a\nb", "x"]) == 0.5
    assert scoring.score_values(truth, ["a", "b"]) == 0.75
    assert scoring.score_values(truth, [None, "b"]) == 0.5
    assert scoring.with_metric("form:lines").score_values(truth, ["a\nb", "x"]) == 1.0  # the second has no number
    codes = scoring.codes(truth), scoring.codes(["a", "b"])
    assert scoring.score(*codes, np.array([[1.0, 0.0], [0.0, 1.0]])).tolist() == [0.5, 1.0]
    # The references are scored without their sources.
    assert scoring.with_metric("exact-match").score_values(truth, ["right", "right"]) == 1.0


def test_slot_accuracy_is_one_less_the_error_rate_over_all_rows() -> None:
    task = _task(TextCheck("facts", "slots", {"values": {"area": ["city"]}}), metric="slot-accuracy")
    truth = truths(task, ["name[Mill], area[city], near[Zizzi]", "name[Mill]"], ["-", "-"])
    assert scoring_of(task).score_values(truth, ["Mill", "Mill"]) == pytest.approx(0.5)
    assert scoring_of(task).score_values(truth, ["Mill, city, Zizzi", "Mill in the city"]) == pytest.approx(0.75)
    assert scoring_of(task).score_values(truth, [None, None]) == 0.0
    assert "slot-accuracy" not in metrics_of("generation", (TextCheck("a", "distinct", {}),))
    with pytest.raises(OptionError, match="chrf"):
        scoring_of(_task(metric="form"))


def test_a_task_without_checks_is_written_as_before_and_one_with_them_comes_back() -> None:
    assert "checks" not in _task(metric="chrf").to_json()
    assert truths(_task(metric="chrf"), ["source"], ["label"]) == ("label",)
    task = _task(*read_checks(_EXAMPLES / "restaurants.yaml"))
    assert Task.from_json(json.loads(json.dumps(task.to_json()))) == task


def test_the_files_that_ship_check_what_they_say() -> None:
    facts = read_checks(_EXAMPLES / "restaurants.yaml")[0]
    source = "name[The Mill], eatType[coffee shop], priceRange[less than \u00a320], customer rating[5 out of 5]"
    source += ", familyFriendly[no]"
    text = "The Mill is an inexpensive, five-star coffee shop that is not suitable for children."
    assert check_value(facts, source, text) == 1.0
    assert check_value(facts, source, text.replace("not suitable", "good")) == pytest.approx(0.8)
    stanzas = {check.name: check for check in read_checks(_EXAMPLES / "stanzas.yaml")}
    asked = "lines: 2\nrhyme scheme: a a\nprevious stanza:\nSoft is the strain when zephyr gently blows"
    assert check_value(stanzas["rhyme"], asked, "Who is my love?\nThe one I prove.") == 1.0
    assert check_value(stanzas["lines"], asked, "Who is my love?") == 0.0
    assert check_value(stanzas["own-words"], asked, "when zephyr gently blows") == 0.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold at least one check"),
        ("- a", "must map each check's name"),
        ("Lines: {kind: slots}", "small letters"),
        ("lines: 4", "'lines' .* needs a kind, one of line-count, .*; none came"),
        ("lines: {kind: line-cont, lines: 4}", "Did you mean 'line-count'"),
        ("lines: {kind: line-count}", "'lines' .* needs lines, which is missing"),
        ("lines: {kind: line-count, lines: four}", "lines of the check 'lines' .* must be a number of lines, or"),
        ("lines: {kind: line-count, lines: 4, most: 1}", "with the settings lines; 'most' came"),
        ("r: {kind: rhyme-scheme, scheme: a a, loose: 'yes'}", "must be true or false"),
        ("d: {kind: distinct, least: 2}", "a share from 0 to 1"),
        ("p: {kind: pattern, must: '('}", "a regular expression"),
        ("s: {kind: slots, slot: '(a)'}", "with two groups"),
        ("w: {kind: required-words, words: []}", "a list of words"),
        ("u: {kind: python, function: nowhere.py:check}", "that is there"),
        ("u: {kind: python, function: check}", "file.py:function"),
        ("a: {kind: slots}\na: {kind: slots}", "'a' comes twice"),
    ],
)
def test_a_file_of_another_form_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "checks.yaml").write_text(text)
    with pytest.raises(DataError) as error:
        read_checks(tmp_path / "checks.yaml")
    assert re.search(message, str(error.value), re.DOTALL), str(error.value)


def test_user_code_runs_only_where_the_user_gave_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKEOFF_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mine.py").write_text(
        "def shouts(source, text):\n    return text.isupper()\ndef bad(source, text):\n    return 7\n"
    )
    (tmp_path / "checks.yaml").write_text(
        "loud: {kind: python, function: mine.py:shouts}\nbad: {kind: python, function: mine.py:bad}\n"
    )
    loud, bad = read_checks(tmp_path / "checks.yaml")
    (tmp_path / "mine.py").unlink()
    assert check_value(loud, "", "YES") == 1.0
    assert check_value(loud, "", "no") == 0.0
    with pytest.raises(DataError, match="'bad' must give True, False, or a number from 0 to 1"):
        check_value(bad, "", "text")
    # What somebody sends names code by its sha256, and brings none.
    sent = TextCheck("sent", "python", {"function": "mine.py:shouts", "sha256": "0" * 64})
    with pytest.raises(DataError, match="was not given on this machine"):
        check_value(sent, "", "YES")
    kept = entry_cache("checks", loud.settings["sha256"]) / "checks.py"
    kept.write_text("raise SystemExit")
    tampered = TextCheck("other", "python", dict(loud.settings))
    with pytest.raises(DataError, match="was not given on this machine"):
        check_value(tampered, "", "YES")
