"""Prompt lab, Try, Rate, Adjudicate, Scores and Rows, on a study whose records were written by hand."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from judged_study import LABELS, cross_fitted_study, judged_study
from starlette.testclient import TestClient
from test_pages import HOSTILE, _is_inert

from bakeoff.study.evidence import read_adjudicated
from bakeoff.study.seen import were_test_rows_shown
from bakeoff.study.store import StudyStore
from bakeoff.workbench.processes import born

_PAGES = ("scores", "rows", "prompt-lab", "try", "rate", "adjudicate")
_PART = {"HX-Request": "true"}


@pytest.fixture
def study(studies: Path) -> Path:
    """Give a study of a tuned and a prompted finalist."""
    return judged_study(studies / "one")


def _runs(study: Path, **more: str) -> None:
    """Let it look as if this very process worked on a study."""
    facts = {"pid": os.getpid(), "born": born(os.getpid()), "started": "", **more}
    (study / "process.json").write_text(json.dumps(facts))


def _shown(study: Path) -> bool:
    with StudyStore(study) as store:
        return were_test_rows_shown(store)


def _allow(client: TestClient, *pages: str) -> None:
    for page in pages:
        answer = client.post(f"/studies/one/{page}/allow")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/studies/one/{page}")


def test_test_rows_are_shown_once_that_was_noted(client: TestClient, study: Path) -> None:
    for page in _PAGES:
        answer = client.get(f"/studies/one/{page}")
        assert answer.status_code == 200
        assert not re.search(r"(test|validation) \d+: ", answer.text), page
    assert not _shown(study)
    _allow(client, "rows")
    assert _shown(study)
    assert re.search(r"test \d+: ", client.get("/studies/one/rows").text)
    assert "Show the rows" in client.get("/studies/one/rate").text
    _allow(client, "rate", "adjudicate")
    for page in ("rate", "adjudicate"):
        assert re.search(r"test \d+: ", client.get(f"/studies/one/{page}").text), page


def test_a_study_that_runs_is_left_alone(client: TestClient, study: Path) -> None:
    _allow(client, "rate", "adjudicate")
    row = re.search(r'name="row" value="(\w+)"', client.get("/studies/one/adjudicate").text)
    assert row
    cell = {"contender": HOSTILE[0], "arm": "prompt", "n": 0, "score": 0.75, "seeds_done": 1, "seeds_planned": 1}
    table = {"cells": [{**cell, "seconds": 1.0}, {**cell, "n": 32, "score": 0.5, "seconds": 1.0}]}
    more = {"trials_done": 1, "trials_planned": 3, "elapsed": 1.0, "left": 1.0, "running": "", "share": 0.0}
    facts = {"pid": os.getpid(), "born": born(os.getpid()), "started": "", "state": "running", "step": "", "why": ""}
    (study / "progress.json").write_text(json.dumps({**facts, "progress": {**table, **more, "dropped": []}}))
    for page in _PAGES[1:]:
        assert "The study runs" in client.get(f"/studies/one/{page}").text
    scores = client.get("/studies/one/scores").text
    _is_inert(scores)
    assert ".750" in scores
    assert "validation score" in scores
    assert "test score" not in scores.replace("Test scores are shown when it has ended", "")
    for path, form in (
        ("adjudicate/settle", {"row": row[1], "label": "positive"}),
        ("adjudicate/decide", {}),
        ("rate/choose", {"row": row[1], "choice": "left"}),
        ("prompt-lab/run", {"text": "x"}),
        ("try/run", {"text": "x"}),
        ("try/ship", {"contender": "zero-shot smollm2-135m"}),
    ):
        assert client.post(f"/studies/one/{path}", data=form).status_code == 409, path
    (study / "progress.json").unlink()
    with StudyStore(study) as store:
        assert not read_adjudicated(store)
    assert not (study / "ratings.jsonl").exists()


def test_a_contender_that_is_made_ready_is_told_apart_from_a_study_that_runs(client: TestClient, study: Path) -> None:
    _runs(study, verb="ship")
    (study / "study.log").write_text("refitting it on all rows")
    page = client.get("/studies/one").text
    assert ">shipping<" in page
    assert "refitting it on all rows" in page
    assert 'hx-trigger="every 2s"' in page
    assert client.post("/studies/one/try/ship", data={"contender": "probe minilm-l6"}).status_code == 409


def test_scores_are_views_of_the_report(client: TestClient, study: Path) -> None:
    page = client.get("/studies/one/scores").text
    for heading in ("Score over labelled rows", "Leaderboard"):
        assert f"<h2>{heading}</h2>" in page
    assert "<style" not in page
    assert " style=" not in page
    for kind, path in (("text/css", r'href="(/report/\w+\.css)"'), ("text/javascript", r'src="(/report/\w+\.js)"')):
        found = re.search(path, page)
        assert found
        answer = client.get(found[1])
        assert answer.headers["content-type"].startswith(kind)
        assert answer.text
    assert client.get("/report/0.css").status_code == 404
    assert client.get("/studies/one/scores", headers=_PART).headers["hx-refresh"] == "true"
    assert not _shown(study)


def test_hostile_rows_do_nothing_anywhere(client: TestClient, studies: Path) -> None:
    study = judged_study(studies / "one", hostile=HOSTILE, labels=(HOSTILE[0], HOSTILE[1]))
    _allow(client, "rows", "rate", "adjudicate")
    for page in _PAGES:
        text = client.get(f"/studies/one/{page}").text
        data = re.search(r'<script type="application/json" id="differing-rows">(.*?)</script>', text, re.DOTALL)
        assert (data is not None) == (page == "rows")
        if data is not None:
            assert not set("<>&") & set(data[1])
            text = text.replace(data[1], "")
        _is_inert(text)
    told = client.get("/studies/one/prompt-lab").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; train" in told
    assert "\\u202egnp.exe" in told
    for field in ("text", "instruction"):
        answer = client.post("/studies/one/prompt-lab/run", data={field: "".join(HOSTILE)}, headers=_PART)
        assert answer.status_code == 400
        _is_inert(answer.text)
    assert not (study / "prompts").exists()
    answer = client.post("/studies/one/rate/choose", data={"row": HOSTILE[0], "choice": HOSTILE[1]})
    assert answer.status_code == 400
    _is_inert(answer.text)


def _form(page: str) -> dict[str, str | list[str]]:
    """Give what a browser would send of the lab's form as it stands."""
    fields: dict[str, str | list[str]] = {"n": "32", "form": "plain", "control": "label-scores", "edit": "0"}
    for name in ("instruction", "opening", "row"):
        found = re.search(rf'<textarea id="{name}"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
        assert found
        fields[name] = found[1].replace("\n", "\r\n")
    fields["words"] = re.findall(r'name="words" value="([^"]*)"', page)
    fields["definitions"] = ["", ""]
    return fields


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"row": "nothing"}, "The template &#39;row&#39; must hold"),
        ({"opening": "{% for %}"}, "The prompt&#39;s template &#39;opening&#39; must be Jinja"),
        ({"opening": "{{ ''.__class__.__mro__ }}"}, "must be Jinja"),
        ({"words": ["same", "same"]}, "&#39;same&#39; comes twice"),
        ({"words": ["", "good"]}, "has no word"),
        ({"words": ["good"]}, "must have words for each label"),
        ({"calibration": "none of these"}, "is wrong at &#39;calibration.name&#39;"),
        ({"shown": ["0" * 16]}, "is not among the rows"),
        ({"against": "7"}, "no version that was tried"),
        ({"text": "- a\n b: ["}, "must be YAML"),
        ({"text": "schema: other"}, "must be of the schema"),
    ],
)
def test_a_prompt_that_cannot_be_used_is_told_in_words(
    client: TestClient, study: Path, changes: dict[str, str | list[str]], told: str
) -> None:
    form = _form(client.get("/studies/one/prompt-lab").text)
    answer = client.post("/studies/one/prompt-lab/run", data={**form, **changes}, headers=_PART)
    assert answer.status_code == 400, answer.text
    assert told in answer.text
    assert 'class="fault" role="alert"' in answer.text
    assert not (study / "prompts").exists()
    assert "Run the prompt to see" in client.get("/studies/one/prompt-lab/run").text


def test_the_lab_shows_rows_of_the_budget_alone(client: TestClient, study: Path) -> None:
    page = client.get("/studies/one/prompt-lab?n=16").text
    with StudyStore(study) as store:
        texts = set(store.rows("train").texts)
    found = re.findall(r"(?:train|validation|test) \d+: [\w ,]+", page)
    assert len(found) == 16
    assert set(found) <= texts
    assert not _shown(study)


def test_the_lab_of_a_study_that_tests_every_row_asks_before_it_shows_any(client: TestClient, studies: Path) -> None:
    study = cross_fitted_study(studies / "one")
    page = client.get("/studies/one/prompt-lab").text
    assert "tests each of its rows in some round" in page
    assert not re.search(r"test \d+: ", page)
    assert client.post("/studies/one/prompt-lab/run", data={"text": "x"}, headers=_PART).status_code == 403
    assert not _shown(study)
    _allow(client, "prompt-lab")
    assert _shown(study)
    shown = {int(number) for number in re.findall(r"test (\d+): ", client.get("/studies/one/prompt-lab").text)}
    assert len(shown) == 32
    assert not {number for number in shown if number % 5 in (0, 1)}  # tested or validated in the first round


def test_labels_are_settled_blind_and_taken_back(client: TestClient, study: Path) -> None:
    _allow(client, "adjudicate")
    settled: list[tuple[str, str]] = []
    place = "/studies/one/adjudicate"
    for label in LABELS:
        page = client.get(place).text
        assert not re.search("probe|zero-shot|smollm2|minilm", page)
        assert re.findall(r'data-key="(\w)"', page)[:2] == ["1", "2"]
        row, at = (re.search(rf'name="{name}" value="(\w+)"', page) for name in ("row", "at"))
        assert row
        assert at
        answer = client.post(f"{place}/settle", data={"row": row[1], "label": label, "at": at[1]})
        settled.append((row[1], label))
        place = answer.headers["location"].partition("?")[0]
        assert answer.headers["location"] == f"{place}?at={int(at[1]) + 1}"
    assert len({row for row, _label in settled}) == 2
    assert "2 of " in client.get(place).text
    assert client.post(f"{place}/undo").headers["location"] == f"{place}?at=1"
    with StudyStore(study) as store:
        assert read_adjudicated(store) == dict(settled[:1])
    for form in ({"row": settled[0][0], "label": "neutral"}, {"row": "none", "label": LABELS[0]}, {}):
        assert client.post(f"{place}/settle", data=form).status_code == 400
    assert "Decide again" in client.get(f"{place}?at=99").text


def test_answers_are_rated_blind_and_counted(client: TestClient, study: Path) -> None:
    _allow(client, "rate")
    place = "/studies/one/rate"
    for choice in ("left", "right", "both", "neither"):
        page = client.get(place).text
        assert not re.search("probe|zero-shot|smollm2|minilm", page)
        row = re.search(r'name="row" value="(\w+)"', page)
        assert row
        assert client.post(f"{place}/choose", data={"row": row[1], "choice": choice}).status_code == 303
    kept = [json.loads(line) for line in (study / "ratings.jsonl").read_text().splitlines()]
    assert [one["choice"] for one in kept] == ["left", "right", "both", "neither"]
    assert all({one["left"], one["right"]} == {"probe minilm-l6", "zero-shot smollm2-135m"} for one in kept)
    winners = [kept[0]["left"], kept[1]["right"]]
    result = client.get(place, params={"result": True}).text
    first = winners.count("probe minilm-l6")
    assert re.search(rf"probe minilm-l6 better</dt><dd>{first}</dd>", result)
    assert "(Wilson)" in result
    client.post(f"{place}/undo")
    assert len((study / "ratings.jsonl").read_text().splitlines()) == 3
    for form in ({"row": kept[0]["row"], "choice": "best"}, {"row": "none", "choice": "left"}, {}):
        assert client.post(f"{place}/choose", data=form).status_code == 400


def test_texts_need_someone_to_answer_them(client: TestClient, study: Path) -> None:
    page = client.get("/studies/one/try").text
    assert page.count("Make it ready") == 2
    for text, told in (("", "No text came"), ("a\n" * 51, "At most 50"), ("a" * 10_001, "10,000 characters")):
        answer = client.post("/studies/one/try/run", data={"text": text}, headers=_PART)
        assert answer.status_code == 400
        assert told in answer.text
    answer = client.post("/studies/one/try/run", data={"text": "a secret text"}, headers=_PART)
    assert answer.status_code == 400
    assert "No contender is ready" in answer.text
    assert client.post("/studies/one/try/ship", data={"contender": "--output=/tmp/x"}).status_code == 400
    assert not (study / "process.json").exists()
