"""Costs by true and answered label: read from tables and mappings, and held against the labels of the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.data import read_cost_matrix
from bakeoff.errors import BakeoffError, DataError, OptionError
from bakeoff.records import Assumptions
from bakeoff.workbench.assume import assume, check_cost_labels, parse_assumption

FORMS = {
    "costs.csv": "true,no,yes,<abstain>\nno,0,1,0.2\nyes,8.5,0,0.2\n",
    "costs.tsv": "\tno\tyes\t<abstain>\nno\t0\t1\t0.2\nyes\t8.5\t0\t0.2\n",
    "costs.yaml": "no: {no: 0, yes: 1, <abstain>: 0.2}\nyes: {no: 8.5, yes: 0, <abstain>: 0.2}\n",
    "costs.json": '{"no": {"no": 0, "yes": 1, "<abstain>": 0.2}, "yes": {"no": 8.5, "yes": 0, "<abstain>": 0.2}}',
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_costs(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(FORMS[name])
    found = read_cost_matrix(tmp_path / name)
    assert found == {"no": {"no": 0, "yes": 1, "<abstain>": 0.2}, "yes": {"no": 8.5, "yes": 0, "<abstain>": 0.2}}
    check_cost_labels(Assumptions(cost_matrix=found), ("no", "yes"))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "", "empty"),
        ("a.csv", "true,a,b\n", "empty"),
        ("a.csv", "true,a,b\na,0\n", "must have 2 costs"),
        ("a.csv", "true,a,a\na,0,1\n", "comes twice"),
        ("a.csv", "true,a,b\na,0,1\na,0,1\n", "comes twice"),
        ("a.csv", "true,a,b\na,0,dear\n", "must be a number; .* has 'dear'"),
        ("a.csv", "true,a,b\na,0,inf\n", "must be a number"),
        ("a.yaml", "a: 1\n", "must map each true label"),
        ("a.yaml", "- a\n", "must map each true label"),
        ("a.yaml", "a: {b: [\n", "not valid YAML"),
        ("a.json", '{"a": {"b": "x"}}', "must be a number"),
    ],
)
def test_a_broken_file_is_explained(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said):
        read_cost_matrix(tmp_path / name)


def test_a_missing_file_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no\.csv"):
        read_cost_matrix(tmp_path / "no.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_cost_matrix(tmp_path)


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ({"a": {"b": 1}, "c": {"a": 1}}, "'c' came"),
        ({"a": {"b": 1}, "b": {"x": 1}}, "'x' came"),
        ({"a": {"b": 1}}, "'a' where 'b' is true has none"),
        ({"a": {"b": 1, "<abstain>": 1}, "b": {"a": 1}}, "for every true label, or for none; 'b' has"),
    ],
)
def test_a_matrix_must_fit_the_labels(matrix: dict[str, dict[str, float]], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        check_cost_labels(Assumptions(cost_matrix=matrix), ("a", "b"))


def test_one_cost_may_fill_what_a_matrix_leaves_out() -> None:
    check_cost_labels(Assumptions(cost_matrix={"a": {"b": 1}}, error_cost=2.0), ("a", "b"))
    check_cost_labels(Assumptions(), ("a", "b"))


def test_assumptions_are_settled_in_order(tmp_path: Path) -> None:
    (tmp_path / "costs.csv").write_text(FORMS["costs.csv"])
    found = assume(
        Assumptions(volume=5.0),
        {"hour_cost": 70.0, "error_cost": None},
        ["hour-cost=80", " retrains_per_month = 2 ", "currency=EUR"],
        tmp_path / "costs.csv",
    )
    assert (found.volume, found.hour_cost, found.retrains_per_month, found.currency) == (5.0, 80.0, 2.0, "EUR")
    assert found.priced
    assert not Assumptions().priced
    assert parse_assumption("cached_share=0.5") == ("cached_share", 0.5)


@pytest.mark.parametrize(
    "text",
    ["volume", "volume=", "volume=nan", "volume=-1", "margin=2", "cached_share=1.1", "priced=1", "=3", "currency="],
)
def test_a_bad_assumption_is_explained(text: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_assumption(text)
    assert isinstance(caught.value, BakeoffError)
    assert caught.value.next_step
