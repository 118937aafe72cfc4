"""Prompt lab, Try, Rate, Adjudicate, Scores and Rows, on a study whose records were written by hand."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from judged_study import LABELS, cross_fitted_study, judged_study
from page_rows import HOSTILE, is_inert
from starlette.testclient import TestClient

from bakeoff.study.evidence import read_adjudicated
from bakeoff.study.seen import were_test_rows_shown
from bakeoff.study.store import StudyStore
from bakeoff.workbench.conclude import conclude
from bakeoff.workbench.opened import opened_study
from bakeoff.workbench.processes import born, last_process, study_process
from bakeoff.workbench.shown_rows import choose_texts

sys.path.insert(0, str(Path(__file__).parents[1] / "workbench"))
from background_work import Sleep

_PAGES = ("scores", "rows", "prompt-lab", "try", "rate", "adjudicate")
_PART = {"HX-Request": "true"}


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Decide a study of a tuned and a prompted finalist, once for all tests, which copy it."""
    study = judged_study(tmp_path_factory.mktemp("decided") / "one")
    with StudyStore(study) as store:
        choose_texts(store, False)  # else the report shows test rows, and the study notes it
        conclude(store)
    return study


@pytest.fixture
def study(studies: Path, decided: Path) -> Path:
    """Give a study of a tuned and a prompted finalist, with its verdict."""
    shutil.copytree(decided, studies / "one")
    return studies / "one"


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
    is_inert(scores)
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
    with StudyStore(study) as store:
        conclude(store)
    _allow(client, "rows", "rate", "adjudicate")
    for page in _PAGES:
        text = client.get(f"/studies/one/{page}").text
        data = re.search(r'<script type="application/json" id="differing-rows">(.*?)</script>', text, re.DOTALL)
        assert (data is not None) == (page == "rows")
        if data is not None:
            assert not set("<>&") & set(data[1])
            text = text.replace(data[1], "")
        is_inert(text)
    told = client.get("/studies/one/prompt-lab").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; train" in told
    assert "\\u202egnp.exe" in told
    for field in ("text", "instruction"):
        answer = client.post("/studies/one/prompt-lab/run", data={field: "".join(HOSTILE)}, headers=_PART)
        assert answer.status_code == 400
        is_inert(answer.text)
    assert not (study / "prompts").exists()
    answer = client.post("/studies/one/rate/choose", data={"row": HOSTILE[0], "choice": HOSTILE[1]})
    assert answer.status_code == 400
    is_inert(answer.text)


def _form(page: str) -> dict[str, str | list[str]]:
    """Give what a browser would send of the lab's form as it stands."""
    fields: dict[str, str | list[str]] = {"n": "32", "form": "plain", "control": "label-scores", "edit": "0"}
    for name in ("instruction", "opening", "row"):
        found = re.search(rf'<textarea id="{name}"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
        assert found
        fields[name] = found[1].replace("\n", "\r\n")
    fields["words"] = re.findall(r'<textarea name="words"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
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


def test_before_the_verdict_no_test_score_and_no_test_row_is_shown(client: TestClient, studies: Path) -> None:
    study = judged_study(studies / "one")
    scores = client.get("/studies/one/scores").text
    assert "was stopped before it had a verdict" in scores
    assert "Leaderboard" not in scores
    assert "hx-get" not in scores
    for page in ("rows", "rate", "adjudicate"):
        told = client.get(f"/studies/one/{page}").text
        assert "has no verdict yet" in told, page
        assert "Resume it on its page Progress" in told, page
        assert client.post(f"/studies/one/{page}/allow").status_code == 409, page
    page = client.get("/studies/one/try").text
    assert "Make it ready" not in page
    assert "once the study has a verdict" in page
    for path, form in (("try/ship", {"contender": "zero-shot smollm2-135m"}), ("adjudicate/decide", {})):
        assert client.post(f"/studies/one/{path}", data=form).status_code == 409, path
    assert not (study / "verdict.json").exists()
    assert not (study / "process.json").exists()
    assert not _shown(study)


def test_ratings_lead_to_a_conclusion_once_no_row_is_open(client: TestClient, study: Path) -> None:
    _allow(client, "rate")
    place, rated = "/studies/one/rate", 0
    while (row := re.search(r'name="row" value="(\w+)"', page := client.get(place).text)) is not None:
        if rated:
            early = client.get(place, params={"result": True}).text
            assert "No conclusion yet" in early
            assert "Of these two fits (seed 0)" in early
            assert not re.search("Wilson|shown to be the better", early)
        said = re.search(r'<p class="answer">(\w+)</p>', page)
        assert said
        choice = "left" if said[1] == "positive" else "right"
        assert client.post(f"{place}/choose", data={"row": row[1], "choice": choice}).status_code == 303
        rated += 1
    assert rated > 5
    assert "Of these two fits (seed 0)" in page
    assert "(Wilson)" in page
    assert "No conclusion yet" not in page
    assert re.search(r"Neither fit is shown|is shown to be the better", page)


def _settle(client: TestClient, count: int) -> None:
    for _ in range(count):
        page = client.get("/studies/one/adjudicate").text
        row = re.search(r'name="row" value="(\w+)"', page)
        assert row
        answer = client.post("/studies/one/adjudicate/settle", data={"row": row[1], "label": LABELS[0]})
        assert answer.status_code == 303


def test_a_verdict_by_labels_that_were_settled_otherwise_since_is_not_shown(client: TestClient, study: Path) -> None:
    _allow(client, "adjudicate")
    end = "/studies/one/adjudicate?at=99"
    _settle(client, 2)
    assert "By the settled labels" not in client.get(end).text
    with StudyStore(study) as store:
        conclude(store)
    assert "By the settled labels" in client.get(end).text
    _settle(client, 1)
    page = client.get(end).text
    assert "By the settled labels" not in page
    assert "decide again to see them" in page
    client.post("/studies/one/adjudicate/undo")
    assert "By the settled labels" in client.get(end).text
    for _ in range(2):
        client.post("/studies/one/adjudicate/undo")
    assert "By the settled labels" not in client.get(end).text
    with StudyStore(study) as store:
        conclude(store)
    assert not (study / "verdict-adjudicated.json").exists()


def test_a_study_and_a_model_of_the_app_do_not_run_at_once(client: TestClient, study: Path, studies: Path) -> None:
    pages = client.app.state.served  # type: ignore[attr-defined]
    doing = pages.start_beside("prompt", "one", "a prompt on rows of one", Sleep())
    upload = client.post("/new", files={"rows": ("rows.csv", b"text,label\n" + b"a good one,x\na bad one,y\n" * 30)})
    for place, form in (
        ("/studies/one/resume", {}),
        ("/studies/one/try/ship", {"contender": "probe minilm-l6"}),
        (upload.headers["location"], {"text": "0", "label": "1"}),
    ):
        refused = client.post(place, data=form)
        assert refused.status_code in (400, 409), place
        assert "this is running: a prompt on rows of one" in refused.text, place
        assert f'name="number" value="{doing.number}"' in refused.text, place
    assert not list(studies.glob("*/process.json"))
    assert client.post("/beside/cancel", data={"number": doing.number}).status_code == 303
    assert pages.occupant is None

    other = studies / "another"
    other.mkdir()
    _runs(other)
    form = _form(client.get("/studies/one/prompt-lab").text)
    (study / "bundle").mkdir()
    (study / "bundle" / "bundle.json").write_text('{"contender": {"name": "probe minilm-l6"}}')
    for path, values in (("prompt-lab/run", form), ("try/run", {"text": "x"}), ("adjudicate/decide", {})):
        refused = client.post(f"/studies/one/{path}", data=values, headers=_PART)
        assert refused.status_code == 409, path
        assert "The study another is being worked on" in refused.text, path
    assert pages.occupant is None
    assert not (study / "prompts").exists()


def test_a_process_waits_for_a_page_that_has_the_records(client: TestClient, study: Path) -> None:
    with StudyStore(study):
        assert client.post("/studies/one/resume", data={"time_limit": "1s"}).status_code == 303
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert study_process(study) is not None, (study / "study.log").read_text()
            time.sleep(0.1)
        client.post("/studies/one/stop")
        while study_process(study) is not None:
            time.sleep(0.05)
    assert "being worked on by another process" not in (study / "study.log").read_text()


def test_why_a_contender_was_not_made_ready_is_told_beside_another_that_is(client: TestClient, study: Path) -> None:
    place = study / "try" / "prompt"
    place.mkdir(parents=True)
    (place / "bundle.json").write_text('{"contender": {"name": "zero-shot smollm2-135m"}}')
    assert "was not made ready" not in client.get("/studies/one/try").text
    with StudyStore(study) as store:  # no such model: the refit fails
        changed = [{**one, "version": "none"} for one in store.fact("contenders")]
        store.set_fact("contenders", changed)
    assert client.post("/studies/one/try/ship", data={"contender": "probe minilm-l6"}).status_code == 303
    end = time.monotonic() + 60
    while (last := last_process(study)) is None or last.code is None:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert (last.verb, last.contender, last.code) == ("ship", "probe minilm-l6", 2)
    page = client.get("/studies/one/try").text
    assert "probe minilm-l6 was not made ready (exit code 2)" in page
    assert (study / "study.log").read_text().strip().splitlines()[-1][:40] in page


def test_an_answer_is_dropped_once_a_page_has_shown_it(client: TestClient, study: Path) -> None:
    from bakeoff.workbench.try_texts import TextRun

    pages = client.app.state.served  # type: ignore[attr-defined]
    pages.start_beside("texts", "one", "texts on one", TextRun((), ("a secret text",)))
    end = time.monotonic() + 60
    while pages.background.doing.state == "running":
        assert time.monotonic() < end
        time.sleep(0.05)
    place = study / "bundle"
    place.mkdir()
    (place / "bundle.json").write_text('{"contender": {"name": "probe minilm-l6"}}')
    assert "a secret text" in client.get("/studies/one/try").text
    assert pages.background.doing.result is None
    assert "a secret text" not in client.get("/studies/one/try").text


def test_the_answers_of_the_lab_are_those_of_one_version_and_one_model(client: TestClient, study: Path) -> None:
    from bakeoff.workbench.prompt_history import Tried, TriedRow, history_folder, keep
    from bakeoff.workbench.prompt_lab import open_lab, save_prompt

    lab = open_lab(study)
    assert lab is not None
    other = replace(lab.prompt, design=replace(lab.prompt.design, instruction="Another one."))
    rows = [TriedRow(*row, LABELS[0]) for row in zip(lab.rows.ids, lab.rows.texts, lab.rows.labels, strict=True)]
    for prompt, count, when in ((lab.prompt, len(rows), "2026-01-01"), (other, 3, "2026-01-02")):
        tried = Tried(
            prompt, "reviews.csv", "f" * 64, lab.n, 0, lab.models[0], "cd" * 32, "float32", "none", tuple(rows[:count]),
            0.5, 9.0, 30.0, when,
        )  # fmt: skip
        keep(history_folder(lab.path), tried)
    save_prompt(lab, other)
    page = client.get("/studies/one/prompt-lab").text
    assert 'id="answered-by">version 2, smollm2-135m</span>' in page
    assert page.count(">none yet<") == len(rows) - 3
    page = client.get("/studies/one/prompt-lab?edit=1").text
    assert 'id="answered-by">version 1, smollm2-135m</span>' in page
    assert ">none yet<" not in page


def test_studies_do_not_wait_for_each_others_records(study: Path, decided: Path, tmp_path: Path) -> None:
    other, third = (shutil.copytree(decided, tmp_path / name) for name in ("other", "third"))
    opened = {place: threading.Event() for place in (study, third)}

    def open_it(place: Path) -> None:
        with opened_study(place):
            opened[place].set()

    with StudyStore(study), opened_study(other):  # as another process, and another request, would have them
        for place in (study, third):
            threading.Thread(target=open_it, args=(place,), daemon=True).start()
        assert opened[third].wait(4)
        assert not opened[study].is_set()
    assert opened[study].wait(4)
