"""A served bundle: what it answers, what it answers together, what it refuses, and what it writes down."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import jsonschema
import pytest

from bakeoff.methods.floors import TfidfLogistic
from bakeoff.testing import rows_of_kind
from bakeoff.workbench.predict import predict
from served_bundle import serving, write_served

HOSTILE = [
    "great screen, fine", "", "   ", "\n\t", "=cmd|' /C calc'!A0", "Größe ✓ 好", "\x01\x1f bad", "\u202e evil",
    "\ud83d half a character", "<script>alert(1)</script>", '{"text": "x"}', "a" * 19_000, "🙂" * 500,
]  # fmt: skip


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return write_served(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def client(bundle: Path) -> Iterator[httpx.Client]:
    with serving(bundle) as found:
        yield found


class Gate:
    """Stands before the real method: counts its calls, and lets the first one wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[list[str]] = []
        self.entered, self.open = threading.Event(), threading.Event()
        answer = TfidfLogistic._answer

        def gated(method: TfidfLogistic, texts: list[str]):
            self.calls.append(texts)
            if texts == ["first"]:
                self.entered.set()
                assert self.open.wait(20)
            if "poison" in texts:
                raise ValueError(f"this message quotes {texts}")
            return answer(method, texts)

        monkeypatch.setattr(TfidfLogistic, "_answer", gated)


def test_answers_are_those_of_predict_for_hostile_texts_too(client: httpx.Client, bundle: Path, tmp_path: Path) -> None:
    source = tmp_path / "new.jsonl"
    source.write_text("\n".join(json.dumps({"review": text}) for text in HOSTILE), encoding="utf-8")
    predict(bundle, source, tmp_path / "out.jsonl", probabilities=True)
    want = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    body = json.dumps({"texts": HOSTILE})  # escapes halves of characters, which no bytes of UTF-8 can hold
    got = client.post("/predict", content=body, headers={"Content-Type": "application/json"}).json()["answers"]
    rows = client.post(
        "/predict",
        content=json.dumps({"rows": [{"text": text, "id": 7} for text in HOSTILE]}),
        headers={"Content-Type": "application/json"},
    ).json()["answers"]
    for text, wanted, *given in zip(HOSTILE, want, got, rows, strict=True):
        alone = client.post(
            "/predict", content=json.dumps({"text": text}), headers={"Content-Type": "application/json"}
        ).json()["answers"]
        for one in (*given, *alone):
            assert (one["prediction"], one["abstention"]) == (wanted["prediction"], wanted["abstention"])
            shares = one["probabilities"] or {"negative": None, "positive": None}
            assert shares["positive"] == pytest.approx(wanted["probability_positive"], abs=2e-6)
    bare = client.post("/predict", json={"text": "love it", "probabilities": False}).json()
    assert bare["answers"][0]["probabilities"] is None
    assert bare["contender"] == "tfidf"


def test_what_comes_at_once_is_answered_in_one_call_each_with_its_own(bundle: Path, monkeypatch) -> None:
    gate = Gate(monkeypatch)
    texts = ["love it, great sound", "awful, a bad buy", "fine and light", "poor sound"]
    with serving(bundle, most_rows=16) as client, ThreadPoolExecutor(50) as pool:
        ask = lambda body: client.post("/predict", json=body).json()["answers"]  # noqa: E731
        want = {text: answer["prediction"] for text, answer in zip(texts, ask({"texts": texts}), strict=True)}
        assert set(want.values()) == {"negative", "positive"}
        first = pool.submit(ask, {"text": "first"})
        assert gate.entered.wait(20)
        gate.calls.clear()
        long = pool.submit(ask, {"texts": ["good value"] * 100})
        while client.get("/healthz").json()["waiting"] < 100:
            time.sleep(0.005)
        short = [pool.submit(ask, {"text": text}) for text in texts * 5]
        while client.get("/healthz").json()["waiting"] < 120:
            time.sleep(0.005)
        gate.open.set()
        assert [one.result()[0]["prediction"] for one in short] == [want[text] for text in texts * 5]
        assert {one["prediction"] for one in long.result()} == {"positive"}
        assert len(first.result()) == 1
        assert len(long.result()) == 100
        metrics = client.get("/metrics").text
    assert len(gate.calls) == 8, "120 rows in calls of 16"
    assert all(len(call) <= 16 for call in gate.calls)
    assert sum(text != "good value" for call in gate.calls[:2] for text in call) >= 15 + 5, "short ones go by turns"
    assert "bakeoff_batch_rows_sum 125.0" in metrics


def test_a_row_on_which_the_model_fails_costs_its_own_request_alone(bundle: Path, monkeypatch, caplog) -> None:
    caplog.set_level(logging.INFO, "bakeoff.serve")
    gate = Gate(monkeypatch)
    with serving(bundle) as client, ThreadPoolExecutor(8) as pool:
        pool.submit(client.post, "/predict", json={"text": "first"})
        assert gate.entered.wait(20)
        asked = [
            pool.submit(client.post, "/predict", json={"texts": [text, "secret words"]})
            for text in ("poison", "love it")
        ]
        while client.get("/healthz").json()["waiting"] < 4:
            time.sleep(0.005)
        gate.open.set()
        failed, answered = (one.result() for one in asked)
        assert (failed.status_code, answered.status_code) == (500, 200)
        assert failed.json()["error"] == "The model failed on this request; the log says where."
        assert client.post("/predict", json={"text": "love it"}).status_code == 200
        client.get("/secret words?text=secret+words")
    assert "ValueError" in caplog.text
    assert "POST /predict 500 2 rows" in caplog.text
    assert "GET other 404" in caplog.text
    assert not [word for word in ("poison", "secret", "love") if word in caplog.text]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "A request holds one of text, texts, rows; none of them came."),
        ({"text": "a", "texts": ["b"]}, "A request holds one of text, texts, rows; text and texts came."),
        ({"texts": []}, "A request has 1 to 3 rows; 0 came."),
        ({"texts": ["a"] * 4}, "A request has 1 to 3 rows; 4 came."),
        ({"rows": [{"text": "a"}, {"text": "b" * 101}]}, "A row has at most 100 characters; row 2 has 101."),
        ({"rows": [{"text": "a"}, {"txt": "b"}]}, "rows.1.text: Field required."),
        ({"text": "a\0b"}, "Text must hold no NUL character; row 1 does."),
        ({"text": 5}, "text: Input should be a valid string."),
        ({"text": ["my secret"]}, "text: Input should be a valid string."),
        (b'{"text": "my secret', "The body is no JSON: Unterminated string starting at at character 9."),
        (b"[" * 900, "The body is no JSON"),
        (b'{"text": "\xc3\x28"}', "The body is no JSON: it is no text in UTF-8, or nests too deeply."),
    ],
)
def test_another_form_is_refused_with_what_is_allowed_and_what_came(bundle: Path, body, told: str) -> None:
    client = _limited_client(bundle)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    got = client.post("/predict", content=content, headers={"Content-Type": "application/json"})
    assert got.status_code == 422
    assert got.json()["error"].startswith(told)
    assert "secret" not in got.text


_LIMITED: list[tuple[object, httpx.Client]] = []


def _limited_client(bundle: Path) -> httpx.Client:
    if not _LIMITED:
        context = serving(bundle, limits={"bytes": 1000, "rows": 3, "characters": 100})
        _LIMITED.append((context, context.__enter__()))
    return _LIMITED[0][1]


@pytest.fixture(scope="module", autouse=True)
def _end_limited() -> Iterator[None]:
    yield
    for context, _client in _LIMITED:
        context.__exit__(None, None, None)  # type: ignore[attr-defined]
    _LIMITED.clear()


def test_too_many_bytes_another_content_another_host_and_other_pages_are_refused(bundle: Path) -> None:
    client, json_type = _limited_client(bundle), {"Content-Type": "application/json"}
    got = client.post("/predict", content=b"x" * 1001, headers=json_type)
    assert (got.status_code, got.json()["error"]) == (413, "A request has at most 1,000 bytes; 1,001 came.")
    got = client.post("/predict", content=iter([b'{"text": "', b"x" * 2000]), headers=json_type)
    assert (got.status_code, got.json()["error"]) == (413, "A request has at most 1,000 bytes; more came.")
    assert client.post("/predict", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert client.get("/predict").status_code == 405
    assert client.get("/docs").status_code == 404
    port = client.base_url.port
    with serving(bundle, hosts=frozenset({f"127.0.0.1:{port}"})) as other:
        assert other.get("/").status_code == 400
        assert other.get("/", headers={"Host": f"127.0.0.1:{port}"}).status_code == 200
        assert other.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_a_full_queue_and_a_late_answer_are_told_and_their_rows_are_not_computed(bundle: Path, monkeypatch) -> None:
    gate = Gate(monkeypatch)
    with serving(bundle, limits={"rows": 4, "waiting": 4, "seconds": 2.0}) as client, ThreadPoolExecutor(4) as pool:
        first = pool.submit(client.post, "/predict", json={"text": "first"})
        assert gate.entered.wait(20)
        late = pool.submit(client.post, "/predict", json={"texts": ["too late"] * 4})
        while client.get("/healthz").json()["waiting"] < 4:
            time.sleep(0.005)
        full = client.post("/predict", json={"text": "one more"})
        assert (full.status_code, full.json()["error"]) == (503, "The queue is full: 4 rows wait, of at most 4.")
        assert int(full.headers["Retry-After"]) >= 1
        for one in (first, late):
            assert one.result().status_code == 504
            assert one.result().json()["error"] == "A request is answered within 2 s; this one was not."
        gate.open.set()
        assert client.post("/predict", json={"text": "love it"}).status_code == 200
        counted = client.get("/metrics").text
    assert not [call for call in gate.calls if "too late" in call]
    for status, count in ((200, 1), (503, 1), (504, 2)):
        assert f'bakeoff_requests_total{{path="/predict",status="{status}"}} {count}.0' in counted


def test_whoever_has_gone_is_not_answered(bundle: Path, monkeypatch) -> None:
    gate = Gate(monkeypatch)
    with serving(bundle) as client, ThreadPoolExecutor(4) as pool:
        pool.submit(client.post, "/predict", json={"text": "first"})
        assert gate.entered.wait(20)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{client.base_url}/predict", json={"text": "gone"}, timeout=0.2)
        while 'status="499"' not in client.get("/metrics").text:
            time.sleep(0.005)
        gate.open.set()
        assert client.post("/predict", json={"text": "love it"}).status_code == 200
    assert ["gone"] not in gate.calls


def test_a_key_is_needed_where_there_is_one_and_is_told_nowhere(bundle: Path, caplog) -> None:
    caplog.set_level(logging.INFO, "bakeoff.serve")
    key = "k3y-of-sixteen-characters"
    with serving(bundle, key=key) as client:
        assert client.get("/healthz").status_code == 200
        for given in (None, "", f"Bearer {key}x", f"Bearer {key[:-1]}", key, f"Basic {key}", "Bearer \xe9"):
            headers = {} if given is None else {"Authorization": given.encode("latin-1")}
            for path in ("/", "/metrics", "/openapi.json", "/nothing"):
                assert client.get(path, headers=headers).status_code == 401, (given, path)
            refused = client.post("/predict", json={"text": "love it"}, headers=headers)
            assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        client.headers["Authorization"] = f"Bearer {key}"
        assert client.post("/predict", json={"text": "love it"}).json()["answers"][0]["prediction"] == "positive"
        assert "HTTPBearer" not in client.get("/openapi.json").text
        assert client.get("/openapi.json").json()["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
        everything = "".join(client.get(path).text for path in ("/", "/metrics", "/openapi.json", "/healthz"))
    assert key not in everything + caplog.text


def test_health_is_also_told_without_a_body(bundle: Path) -> None:
    with serving(bundle, key="k3y-of-sixteen-characters") as client:
        told = client.head("/healthz")
        assert (told.status_code, told.content) == (200, b"")
        assert client.get("/healthz").status_code == 200
        client.headers["Authorization"] = "Bearer k3y-of-sixteen-characters"
        assert set(client.get("/openapi.json").json()["paths"]["/healthz"]) == {"get"}


def test_what_is_served_is_told_and_what_happened_is_counted(bundle: Path) -> None:
    with serving(bundle) as client:
        about = client.get("/").text
        assert "labels   negative, positive\n" in about
        assert "score    accuracy .640, 95% interval [.548, .732]: the mean of 1 seed.\n" in about
        assert client.get("/healthz").json() | {"bundle": ""} == {
            "status": "ok",
            "contender": "tfidf",
            "bundle": "",
            "waiting": 0,
        }
        client.post("/predict", json={"texts": ["love it", "a bad buy", "great sound", ""]})
        got = client.get("/metrics")
    assert got.headers["Content-Type"].startswith("text/plain; version=")
    for line in (
        'bakeoff_rows_total{outcome="answered"} 3.0',
        'bakeoff_rows_total{outcome="abstained"} 1.0',
        'bakeoff_predictions_total{label="positive"} 2.0',
        'bakeoff_predictions_total{label="negative"} 1.0',
        "bakeoff_request_seconds_count 1.0",
        "bakeoff_batch_requests_sum 1.0",
        "bakeoff_waiting_rows 0.0",
    ):
        assert f"\n{line}\n" in got.text


@pytest.mark.parametrize("kind", ["pair", "tagging", "multi-label", "regression", "generation"])
def test_rows_of_every_kind_are_answered_as_its_schema_says(kind: str, tmp_path: Path) -> None:
    bundle = write_served(tmp_path, kind, ("tokens",) if kind == "tagging" else ("review",))
    texts = [text.split("\x1f") for text in rows_of_kind(kind, 6)[0]]
    rows = [
        {"tokens": row} if kind == "tagging" else dict(zip(("text", "text_pair"), row, strict=False)) for row in texts
    ]
    source = tmp_path / "new.jsonl"
    names = {"text": "review", "text_pair": "other"}
    lines = [json.dumps({names.get(name, name): cell for name, cell in row.items()}) for row in rows]
    source.write_text("\n".join(lines), encoding="utf-8")
    predict(bundle, source, tmp_path / "out.jsonl")
    want = [json.loads(line)["prediction"] for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    with serving(bundle) as client:
        answers = client.post("/predict", json={"rows": rows}).json()["answers"]
        assert [one["prediction"] for one in answers] == want
        alone = client.post("/predict", json=rows[0])
        assert alone.json()["answers"][0]["prediction"] == want[0]
        document = client.get("/openapi.json").json()
        operation = document["paths"]["/predict"]["post"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        for example in operation["requestBody"]["content"]["application/json"]["examples"].values():
            got = client.post("/predict", json=example["value"])
            assert got.status_code == 200, example
            jsonschema.validate(got.json(), {**schema, "components": document["components"]})
        if kind == "generation":
            assert want[0] in [text.split("\x1e")[0] for text in rows_of_kind(kind, 48)[1]]
            told = document["components"]["schemas"]["Answer"]["properties"]["prediction"]
            assert told["description"] == "the text that was written; null where the row was not answered"
            assert {"type": "string"} in told["anyOf"]
            assert "gives    a text for each text" in client.get("/").text
            assert "bakeoff_predictions_total{" not in client.get("/metrics").text
        if kind == "pair":
            half = client.post("/predict", json={"text": "only one"})
            assert half.json()["error"] == "A row has the fields text and text_pair; one of them did not come."
            empty = client.post("/predict", json={"text": "only one", "text_pair": " "}).json()["answers"][0]
            assert empty["abstention"] == "empty text"


def test_several_columns_keep_their_names_whatever_these_are(tmp_path: Path) -> None:
    bundle = write_served(tmp_path, columns=("rows", "model_x y"))
    source = tmp_path / "new.jsonl"
    rows = [{"rows": "great", "model_x y": "sound"}, {"model_x y": "awful"}, {"rows": " "}]
    source.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    predict(bundle, source, tmp_path / "out.jsonl")
    want = [json.loads(line)["prediction"] for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    with serving(bundle) as client:
        got = client.post("/predict", json={"rows": rows}).json()["answers"]
        assert [one["prediction"] for one in got] == want == ["positive", "negative", None]
        assert "none of them came" in client.post("/predict", json={"model_x y": "a"}).json()["error"]
