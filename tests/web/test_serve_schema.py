"""The served API by its own description: whatever is asked, the answer has a documented status and form.

`benchmarks/serve_schema.py` asks the same of schemathesis, for longer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bakeoff.data import join_fields
from bakeoff.web.serve_schema import ServeLimits, ServeSchema, UnfitError
from bakeoff.workbench.serve import open_served
from served_bundle import serving, write_served

LIMITS = {"rows": 8, "characters": 200, "bytes": 4096}
TYPES = ["application/json", "text/plain", "", "application/json; charset=x"]
TEXTS = st.text(max_size=30) | st.text(min_size=150, max_size=250)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["text", "texts", "rows", "x"]), inner),
    max_leaves=8,
)
BODIES = st.one_of(
    st.fixed_dictionaries({"text": TEXTS}),
    st.fixed_dictionaries({"texts": st.lists(TEXTS, max_size=10)}),
    st.fixed_dictionaries({"rows": st.lists(st.fixed_dictionaries({"text": TEXTS}), max_size=10)}),
    JSON,
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder: Path = tmp_path_factory.mktemp("served")
    with serving(write_served(folder, columns=("text",)), limits=LIMITS) as client:
        yield client


@pytest.fixture(scope="module")
def documented(client: httpx.Client) -> dict[str, Any]:
    described: dict[str, Any] = client.get("/openapi.json").json()
    return described


def check(answer: httpx.Response, documented: dict[str, Any], path: str, method: str) -> None:
    """Hold an answer to what the description says of its status."""
    told = documented["paths"][path][method]["responses"]
    assert str(answer.status_code) in told, answer.text
    assert answer.status_code < 500
    schema = told[str(answer.status_code)]["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), schema | {"components": documented["components"]})


@settings(deadline=None, max_examples=120)
@given(body=BODIES)
def test_any_json_gets_a_documented_answer(client: httpx.Client, documented: dict[str, Any], body: Any) -> None:
    content = json.dumps(body).encode("utf-8", "surrogatepass")
    answer = client.post("/predict", content=content, headers={"Content-Type": "application/json"})
    check(answer, documented, "/predict", "post")
    if answer.status_code == 200:
        rows = 1 if "text" in body else len(body.get("texts") or body.get("rows"))
        assert len(answer.json()["answers"]) == rows


@settings(deadline=None, max_examples=40)
@given(
    content=st.binary(max_size=80),
    kind=st.sampled_from(TYPES),
)
def test_any_bytes_get_a_documented_answer(
    client: httpx.Client, documented: dict[str, Any], content: bytes, kind: str
) -> None:
    check(client.post("/predict", content=content, headers={"Content-Type": kind}), documented, "/predict", "post")


def test_what_the_description_allows_is_answered_and_what_it_forbids_is_not(
    client: httpx.Client, documented: dict[str, Any]
) -> None:
    schema = documented["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    bodies: list[Any] = [
        {"text": "a"}, {"text": "a", "rows": None}, {"texts": ["a"]}, {"rows": [{"text": "a"}]},
        {"text": "a", "other": 3}, {"text": "a", "probabilities": False},
        {}, {"text": None}, {"text": "a", "texts": ["b"]}, {"texts": []}, {"texts": ["a"] * 9}, {"text": 3},
        {"text": "a", "probabilities": 0}, {"text": "a\0b"}, {"text": "a" * 201}, {"rows": [{"texts": "a"}]}, [], None,
    ]  # fmt: skip
    found = jsonschema.Draft202012Validator(schema | {"components": documented["components"]})
    for body in bodies:
        assert (client.post("/predict", json=body).status_code == 200) == found.is_valid(body), body


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("classification", {"texts": [5] * 99}),
        ("classification", {"rows": [{"text": 5}] * 99}),
        ("tagging", {"tokens": [5] * 99}),
        ("tagging", {"rows": [{"tokens": [5] * 99}] * 99}),
    ],
)
def test_a_body_is_read_no_further_than_to_its_first_fault(kind: str, body: dict[str, Any], tmp_path: Path) -> None:
    """A megabyte can have half a million, and each would be a thing to keep and to tell while others wait."""
    columns = ("tokens",) if kind == "tagging" else ("text",)
    schema = ServeSchema(open_served(write_served(tmp_path, kind, columns)), ServeLimits())
    with pytest.raises(ValidationError) as told:
        schema.request.model_validate_json(json.dumps(body))
    assert told.value.error_count() == 1


def test_tokens_are_as_long_as_the_text_that_they_make(tmp_path: Path) -> None:
    schema = ServeSchema(open_served(write_served(tmp_path, "tagging", ("tokens",))), ServeLimits(characters=9))
    assert schema.rows_of(schema.request(tokens=["four", "four"])) == [[["four", "four"]]]
    for tokens in ([""] * 11, ["four", "fives"]):
        with pytest.raises(UnfitError, match="A row has at most 9 characters; row 1 has 10"):
            schema.rows_of(schema.request(tokens=tokens))


def test_other_pages_are_not_posted_to(client: httpx.Client) -> None:
    for path in ("/", "/healthz", "/metrics", "/openapi.json"):
        assert client.post(path).status_code == 405


def test_no_text_of_a_request_is_kept_by_its_reader(tmp_path: Path) -> None:
    request = ServeSchema(open_served(write_served(tmp_path, columns=("text",))), ServeLimits()).request
    body = b'{"rows": [{"text": "a short text of a customer"}]}'
    first, second = request.model_validate_json(body), request.model_validate_json(body)
    assert first.rows[0].text == second.rows[0].text
    assert first.rows[0].text is not second.rows[0].text


def test_numbers_of_pairs_are_asked_with_both_texts(tmp_path: Path) -> None:
    opened = open_served(write_served(tmp_path, "regression", columns=("text",)))
    assert opened.columns == ("text",)
    facts = replace(opened.bundle.facts, text_pair="other")
    opened = replace(opened, bundle=replace(opened.bundle, facts=facts))
    assert opened.columns == ("text", "text_pair")
    assert opened.texts([("a", "b"), ("a", None)]) == [join_fields(("a", "b")), ""]
