"""A tuned encoder that is served by two threads at a time, and the short way that its requests take."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bakeoff.testing import text_rows
from bakeoff.web import serve_direct
from bakeoff.workbench.predict import predict
from served_bundle import serving, write_served
from small_models import write_encoder_folder


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned")
    settings = {"model": write_encoder_folder(folder / "encoder"), "max_epochs": 1, "least_steps": 2}
    return write_served(folder, method="full", settings=settings)


def test_two_threads_answer_many_clients_as_predict_does(tuned: Path, tmp_path: Path) -> None:
    texts = [f"{text}{' and more' * (number % 7)}" for number, text in enumerate(text_rows(48)[0])] * 4
    source = tmp_path / "new.jsonl"
    source.write_text("\n".join(json.dumps({"review": text}) for text in texts), encoding="utf-8")
    predict(tuned, source, tmp_path / "out.jsonl", probabilities=True)
    want = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    with serving(tuned, threads=2) as client, ThreadPoolExecutor(12) as pool:
        ask = lambda text: client.post("/predict", json={"text": text}).json()["answers"][0]  # noqa: E731
        found = list(pool.map(ask, texts))
        whole = client.post("/predict", json={"texts": texts}).json()["answers"]
        assert client.get("/healthz").json()["status"] == "ok"
    for wanted, *given in zip(want, found, whole, strict=True):
        for one in given:
            assert one["prediction"] == wanted["prediction"]
            assert one["probabilities"]["positive"] == pytest.approx(wanted["probability_positive"], abs=2e-6)


BODIES = [
    b'{"text": "love it"}',
    b'{"text": "love it", "text": "awful"}',
    b'{"texts": ["love it", ""], "probabilities": false, "id": NaN, "more": {"a": [1, null]}}',
    b'{"rows": [{"text": "love it", "id": 7}], "text": null}',
    '{"text": "Größe ✓ 好 \\u00fc \\ud83d\\ude00"}'.encode(),
    b'{"text": "half a character \\ud83d"}',
    b'{"text": "a\\u0000b"}',
    b'{"text": 5}',
    b'{"text": "a", "probabilities": "yes"}',
    b'{"text": "a", "probabilities": 0}',
    b'{"text": "a"} more',
    b'\xef\xbb\xbf{"text": "a"}',
    '{"text": "a"}'.encode("utf-16"),
    b'{"text": "\xc3\x28"}',
    b'{"more": ' + b"[" * 300 + b"]" * 300 + b', "text": "a"}',
    b"[]",
    b"",
]


def test_the_short_way_answers_as_the_app_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(write_served(tmp_path)) as client:

        def told(body: bytes, kind: str) -> tuple[int, dict[str, object]]:
            got = client.post("/predict", content=body, headers={"Content-Type": kind})
            found = got.json()
            for answer in found.get("answers", ()):
                del answer["seconds"]
            return got.status_code, found

        kinds = ["application/json", "application/json; charset=utf-8", "application/json; charset=latin-1"]
        asked = [(body, kind) for body in BODIES for kind in kinds]
        short = [told(*one) for one in asked]
        monkeypatch.setattr(serve_direct, "_is_plain", lambda _scope: False)
        assert short == [told(*one) for one in asked]
    assert {status for status, _told in short} == {200, 422}
    assert sum(status == 200 for status, _told in short) >= 15
