"""A model that judges: both orders, ties where they disagree, kept apart from a person's ratings, never asked twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.methods.prompt.prompt_file import PromptFile, write_prompt_file
from bakeoff.methods.prompt.writing_control import WritingControl
from bakeoff.methods.prompt.written_design import written_design
from bakeoff.testing import task_for_kind
from bakeoff.workbench.judging import judging_messages, read_reply, settled
from bakeoff.workbench.rate import allow_rating, board_of, rate, rating_board, read_ratings, take_back
from made_study import make_study
from writing_study import FEW, TUNED, ZERO, make_writing_study

PRICES = "models: {judge: {in: 10, cached_in: 1, out: 30, date: 2026-11-01, source: made for a test}}"
FIRST, SECOND, TIE = (f'says: {{"better": "{name}"}}' for name in ("first", "second", "tie"))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Give a study of texts with a verdict."""
    folder = make_writing_study(tmp_path / "study")
    (folder / "verdict.json").write_text("{}", "utf-8")
    return folder


def test_replies_are_read_and_both_orders_settle_a_pair():
    assert read_reply('{"better": "second"}') == "second"
    assert read_reply('At first {"better": "first"}; but no: {"better": "tie"}.') == "tie"
    assert read_reply("Second.") == "second"
    assert read_reply("The first text is better than the second.") is None
    assert read_reply("[]") is None
    assert settled(["first", "second"]) == "left"
    assert settled(["second", "first"]) == "right"
    assert [settled(pair) for pair in (["first", "first"], ["tie", "second"], ["second", "second"])] == ["tie"] * 3
    (asked,) = judging_messages("Write {x}.", "a {source}", "one {0}", None)
    assert "<first>\none {0}\n</first>" in asked["content"]
    assert "(no text was written)" in asked["content"]


def test_pairs_are_judged_once_in_both_orders_and_kept_beside_a_persons(program, study: Path, relay_to):
    # Four pairs: the left one, the right one, always the first place, and one that says nothing, asked once more.
    replies = [FIRST, SECOND, SECOND, FIRST, FIRST, FIRST, "says: hm", "says: hum", FIRST]
    relay = relay_to("http://127.0.0.1:9", lambda number: replies[number] if number < 9 else TIE)
    (study.parent / "prices.yaml").write_text(PRICES, "utf-8")
    told = ("rate", study, "--judge", f"{relay.url}#judge", "--prices", "prices.yaml", "--limit", "calls-at-a-time=1")
    allow_rating(study)
    person = rating_board(study).rows[0].row
    rate(study, person, "neither")

    first = program(*told, "--rows", 4, "--json").document["result"]
    assert (first["rated"], first["ties"], first["order_decided"], first["unreadable"]) == (3, 1, 1, 1)
    assert (first["open"], first["rate"], first["judge"]) == (5, None, f"{relay.url}#judge")
    assert sum(first["wins"]) == 2
    asked = [body["messages"][0]["content"] for body in relay.bodies]
    one, other = (text.partition("<first>")[2].partition("</first>")[0].strip() for text in asked[:2])
    assert one in asked[1].partition("<second>")[2]
    assert {text.split()[-1] for text in (one, other)} == {"blue", "here"}
    assert "Write a sentence on the thing." in asked[0]
    assert len({text.partition("<input>")[2].partition("</input>")[0] for text in asked}) == 4
    for text in (*asked, study.joinpath("server-calls.jsonl").read_text("utf-8")):
        assert not any(name in text for name in (TUNED.name, FEW.name))

    kept = [one for one in read_ratings(study) if one.rater]
    assert [one.choice for one in kept] == ["left", "right", "tie"]
    assert kept[0].replies == (FIRST.removeprefix("says: "), SECOND.removeprefix("says: "))
    assert [one.choice for one in rating_board(study).ratings] == ["neither"]

    done = program(*told, "--limit", "calls=1000")
    said = " ".join(done.out.split())
    # Neither what was judged nor a reply that was kept, but the one that said nothing: it would say so for ever.
    assert relay.seen == 9 + 1 + 2 * 4
    assert "Judged by a model, judge at 127.0.0.1, and by no person: 8 pairs" in said
    assert "No conclusion yet" not in said
    assert "worth" in said or "USD" in said
    assert max(map(len, done.out.splitlines())) <= 80
    again = program(*told, "--json").document["result"]
    assert (relay.seen, again["rated"], again["calls"]["asked"]) == (18, 8, 0)
    assert again["interval"] is not None

    take_back(study)
    assert rating_board(study).ratings == ()
    assert len(board_of(study, first["judge"]).ratings) == 8


def test_a_win_rate_with_its_interval_is_told_when_all_is_judged(program, study: Path, relay_to):
    relay = relay_to("http://127.0.0.1:9", lambda number: (FIRST, SECOND)[number % 2])
    told = ("rate", study, "--judge", f"{relay.url}#judge", "--limit", "calls-at-a-time=1")
    document = program(*told, "--json").document["result"]
    assert (document["open"], sum(document["wins"])) == (0, 8)
    assert document["rate"] == document["wins"][0] / 8
    assert document["interval"][0] < document["rate"] < document["interval"][1]
    assert "as this model sees them" in " ".join(program(*told).out.split())
    lines = [json.loads(line) for line in (study / "ratings.jsonl").read_text("utf-8").splitlines()]
    assert {line["rater"] for line in lines} == {f"{relay.url}#judge"}


def test_what_may_not_be_judged_is_refused_before_anything_is_sent(program, study: Path, decided_study_of_labels: Path):
    afar = program("rate", study, "--judge", "https://api.example.org/v1#big")
    assert afar.code == 2
    assert "api.example.org, which is not this machine and was not allowed: 8 rows in 16 calls" in " ".join(
        afar.err.split()
    )
    labels = program("rate", decided_study_of_labels, "--judge", "http://127.0.0.1:9/v1#big")
    assert "the kind of this study's task is classification" in " ".join(labels.err.split())
    assert "and none was named" in " ".join(program("rate", study, "--limit", "calls=2").err.split())


@pytest.fixture
def decided_study_of_labels(tmp_path: Path) -> Path:
    """Give a study of labels with a verdict."""
    folder = make_study(tmp_path / "labels")
    (folder / "verdict.json").write_text("{}", "utf-8")
    return folder


def test_with_one_seed_the_better_prompt_by_validation_is_the_finalist(tmp_path: Path):
    from bakeoff.decision import validation_ranking
    from bakeoff.study.evidence import gather_evidence
    from bakeoff.study.store import StudyStore

    with StudyStore(make_writing_study(tmp_path / "one", seeds=1)) as store:
        evidence = gather_evidence(store)
    assert [name for name, _ in validation_ranking(evidence, "prompt")] == [FEW.name, ZERO.name]
    # Where the tuned one has seeds enough for a verdict, a prompt that was fitted once is no finalist.
    several = [replace(one, seed=seed) for one in evidence.trials if one.contender == TUNED.name for seed in range(3)]
    others = [one for one in evidence.trials if one.contender != TUNED.name]
    mixed = replace(evidence, trials=(*several, *others))
    assert [name for name, _ in validation_ranking(mixed, "prompt")] == [ZERO.name, FEW.name]


def test_a_limit_holds_for_all_seeds_that_write_together(program, tmp_path: Path, relay_to):
    design = written_design(task_for_kind("generation"), form="plain")
    write_prompt_file(
        tmp_path / "p.yaml", PromptFile(design, "written", writing=WritingControl(most_tokens=8, beams=2))
    )
    relay = relay_to("http://127.0.0.1:9", lambda number: f"says: text {number}")
    told = ("prompt", "write", "p.yaml", "a thing", "--model", f"{relay.url}#big", "--seeds", 3)
    ended = program(*told, "--limit", "calls=2")
    assert ended.code == 2
    assert "is used up" in ended.err
    assert relay.seen == 2
