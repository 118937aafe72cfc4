"""What the pages show of rows, studies and verdicts; whatever stands in them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from page_rows import HOSTILE, is_inert, review_rows
from starlette.testclient import TestClient

from bakeoff.workbench.processes import born


def _upload(client: TestClient, name: str, content: bytes) -> str:
    answer = client.post("/new", files={"rows": (name, content)})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_an_upload_is_kept_checked_and_shown(client: TestClient, studies: Path) -> None:
    place = _upload(client, "My reviews (1).csv", review_rows().encode())
    page = client.get(place).text
    assert "60 rows, 2 columns" in page
    assert "Item 0: works well and fast" in page
    assert "duplicates" in page
    assert 'name="time_limit"' in page
    (file,) = studies.glob("My-reviews-1-*/upload/*")
    assert file.name == "My-reviews-1.csv"
    assert file.read_bytes() == review_rows().encode()
    assert "not started" in client.get("/").text
    assert client.get(f"/studies/{place.removeprefix('/new/')}").headers["location"] == place


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("rows.exe", b"MZ", "A file of rows ends in one of"),
        ("rows", b"a", "A file of rows ends in one of"),
        ("rows.csv", b"", "is empty"),
        ("<script>.html", b"a", "A file of rows ends in one of"),
    ],
)
def test_what_is_no_file_of_rows_is_refused(
    client: TestClient, studies: Path, name: str, content: bytes, told: str
) -> None:
    answer = client.post("/new", files={"rows": (name, content)})
    assert answer.status_code == 400
    assert told in answer.text
    assert "<script>" not in answer.text
    assert not list(studies.iterdir())
    assert client.post("/new", data={"rows": "text"}).status_code == 400
    assert client.post("/new").status_code == 400


@pytest.mark.parametrize("name", ["../../evil.csv", "..\\..\\evil.csv", "/etc/evil.csv", "C:\\evil.csv"])
def test_an_upload_stays_in_its_folder(client: TestClient, studies: Path, name: str) -> None:
    _upload(client, name, review_rows().encode())
    assert [path.name for path in studies.glob("*/upload/*")] == ["evil.csv"]


def test_columns_are_chosen_where_they_are_not_found(client: TestClient) -> None:
    lines = ["kiosk,alpha,beta"] + [f"{n % 3},text number {n} of the first,text {n} of the second" for n in range(60)]
    place = _upload(client, "rows.csv", "\n".join(lines).encode())
    page = client.get(place).text
    assert 'class="fault"' in page
    assert ">Start<" not in page
    chosen = client.get(place, params={"text": 1, "label": 0}).text
    assert "60 rows" in chosen
    assert ">Start<" in chosen
    assert client.get(place, params={"text": 99, "label": -7}).status_code == 200
    refused = client.get(place, params={"text": "<b>"})
    assert refused.status_code == 422
    assert "not allowed: text." in refused.text


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"time_limit": "soon"}, "A duration is a number above 0"),
        ({"require": "beauty>=1"}, "A requirement is"),
        ({"volume": "many"}, "volume"),
        ({"method": "--output=/tmp/x"}, "A method is one of"),
        ({"method": ["probe", "prob"]}, "Did you mean"),
    ],
)
def test_options_that_cannot_be_used_start_nothing(
    client: TestClient, studies: Path, form: dict[str, str | list[str]], told: str
) -> None:
    place = _upload(client, "rows.csv", review_rows().encode())
    answer = client.post(place, data=form)
    assert answer.status_code == 400
    assert told in answer.text
    assert not list(studies.glob("*/process.json"))
    assert not list(studies.glob("*/study.sqlite"))


@pytest.mark.parametrize("column", ["a\0b", "a\ud800b"])
def test_a_column_that_no_command_line_can_name_starts_nothing(client: TestClient, studies: Path, column: str) -> None:
    rows = "\n".join(json.dumps({"text": f"row {n} of many", column: "ab"[n % 2]}) for n in range(60))
    place = _upload(client, "rows.jsonl", rows.encode())
    assert client.get(place, params={"text": 0, "label": 1}).status_code == 200
    answer = client.post(place, data={"text": 0, "label": 1, "time_limit": "1s"})
    assert answer.status_code == 400
    assert not list(studies.glob("*/process.json"))


def test_hostile_rows_are_shown_and_do_nothing(client: TestClient) -> None:
    rows = "\n".join(
        json.dumps(
            {"text": f"{HOSTILE[n % 7]} row {n}", "label": HOSTILE[n % 2], HOSTILE[4]: "x", HOSTILE[0]: {HOSTILE[4]: n}}
        )
        for n in range(60)
    )
    place = _upload(client, f"{HOSTILE[1].replace('/', '')}.jsonl", rows.encode())
    page = client.get(place).text
    is_inert(page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; row 0" in page
    assert "\\u202egnp.exe" in page
    refused = client.post(place, data={"time_limit": HOSTILE[0], "require": HOSTILE[1], "volume": HOSTILE[4]})
    assert refused.status_code == 400
    is_inert(refused.text)
    is_inert(client.get("/").text)


def _study(studies: Path, name: str, **files: object) -> Path:
    study = studies / name
    study.mkdir()
    (study / "study.sqlite").touch()
    for stem, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (study / {"report": "report.html", "log": "study.log"}.get(stem, f"{stem}.json")).write_text(text)
    return study


def _progress(**changes: object) -> dict[str, object]:
    cell = {"contender": HOSTILE[0], "arm": "finetune", "n": 16, "score": 0.75, "seeds_done": 2, "seeds_planned": 3}
    cell["seconds"] = 3.0
    table = {
        "cells": [cell, {**cell, "contender": "tfidf", "arm": "floor", "score": None}],
        "trials_done": 2, "trials_planned": 6, "elapsed": 12.0, "left": 30.0, "running": "x", "share": 0.5,
        "dropped": ["tfidf"],
    }  # fmt: skip
    facts = {
        "pid": os.getpid(),
        "born": born(os.getpid()),
        "started": "",
        "step": HOSTILE[5],
        "why": "",
        "state": "running",
    }
    return {**facts, "progress": table, **changes}


def test_a_running_study_is_followed(client: TestClient, studies: Path) -> None:
    name = "a study <b>"
    _study(studies, name, progress=_progress())
    assert "2 of 6 trials" in client.get("/").text
    for path in ("/studies/a%20study%20%3Cb%3E", "/studies/a%20study%20%3Cb%3E/progress"):
        page = client.get(path).text
        is_inert(page)
        assert 'hx-trigger="every 2s"' in page
        assert 'hx-get="/studies/a%20study%20%3Cb%3E/progress"' in page
        assert ".750" in page
        assert "2 of 6" in page
        assert "30 s" in page
        assert "\\x1b[31mred" in page
        assert ">Stop<" in page


@pytest.mark.parametrize("changes", [{"pid": 2**22 - 1}, {"born": "1"}])
def test_a_process_that_is_gone_is_not_running(client: TestClient, studies: Path, changes: dict[str, object]) -> None:
    _study(studies, "gone", progress=_progress(**changes))
    page = client.get("/studies/gone").text
    assert "hx-trigger" not in page
    assert ">Resume<" in page
    assert client.post("/studies/gone/stop").status_code == 303


def test_progress_that_is_not_ours_is_left_alone(client: TestClient, studies: Path) -> None:
    for number, content in enumerate(("", "[]", "null", '{"pid": "x"}', '{"progress": 3, "state": "running"}', "\0")):
        _study(studies, f"study-{number}", progress=content, verdict=content, process=content)
    assert client.get("/").status_code == 200
    for number in range(6):
        assert client.get(f"/studies/study-{number}").status_code == 200
        assert client.get(f"/studies/study-{number}/verdict").status_code == 409


def test_why_a_study_failed_is_told(client: TestClient, studies: Path) -> None:
    _study(
        studies,
        "failed",
        progress=_progress(pid=1, born="0", state="failed", why=HOSTILE[1], progress=None),
        log=HOSTILE[5],
    )
    page = client.get("/studies/failed").text
    is_inert(page)
    assert "&lt;img" in page
    assert "\\x1b[31mred" in page


def test_a_report_stands_in_a_sandbox(client: TestClient, studies: Path) -> None:
    hashed = "sha256-" + "A" * 43 + "="
    policy = f'<meta http-equiv="Content-Security-Policy" content="script-src \'{hashed}\'; form-action *">'
    _study(studies, "told", report=f"<!doctype html>{policy}<p>the report")
    _study(
        studies, "evil", report="<!doctype html><script>alert(1)</script><meta content=\"script-src 'unsafe-inline'\">"
    )
    told = client.get("/studies/told/report")
    assert "the report" in told.text
    assert told.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none';")
    assert f"script-src '{hashed}'" in told.headers["content-security-policy"]
    assert "form-action 'none'" in told.headers["content-security-policy"]
    assert "script-src 'none'" in client.get("/studies/evil/report").headers["content-security-policy"]
    _study(studies, "none")
    assert client.get("/studies/none/report").status_code == 409


def test_a_study_without_a_verdict_says_so(client: TestClient, studies: Path) -> None:
    _study(studies, "early")
    page = client.get("/studies/early/verdict")
    assert page.status_code == 200
    assert "There is none yet" in page.text


def test_tabs_lead_to_pages_that_there_are(client: TestClient, studies: Path) -> None:
    _study(studies, "one")
    page = client.get("/studies/one").text
    tabs = re.findall(r'href="(/studies/one[^"]*)"', page)
    assert tabs[:2] == ["/studies/one", "/studies/one/verdict"]
    assert all(client.get(tab).status_code == 200 for tab in tabs)
