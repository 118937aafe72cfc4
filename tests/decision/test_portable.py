"""Figures of the rule as plain numbers: moments against the draws they stand for, and what is in and what is not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from decision_builders import SHOTS, TFIDF, TUNED, make_evidence, realistic

from bakeoff.decision.comparisons import field_of
from bakeoff.decision.loss_moments import moments_of
from bakeoff.decision.losses import cost_tables, loss_difference, table_span
from bakeoff.decision.panel import Panel
from bakeoff.decision.portable import portable_figures
from bakeoff.records import Assumptions, Requirement


def _prices(assumptions):
    error = assumptions.error_cost or 0.0
    return error, error if assumptions.review_cost is None else assumptions.review_cost


@pytest.mark.parametrize("costs", [(1.0, None), (0.3, 2.0), (5.0, 0.0), (0.0, 1.0), (0.0, None)])
def test_moments_give_the_estimate_of_the_draws(costs):
    assumed = Assumptions(error_cost=costs[0], review_cost=costs[1])
    panel = Panel(replace(realistic(rows=200), assumptions=assumed))
    field, tables = field_of(panel), cost_tables(tuple(panel.labels), assumed)
    loss = loss_difference(panel, field.finetune, field.prompt, tables)
    drawn, cut = loss.at(assumed), moments_of(loss).at(_prices(assumed), table_span(tables, assumed))
    for name in ("mean", "rows_variance", "seeds_variance", "df", "seeds", "rows"):
        assert getattr(cut, name) == pytest.approx(getattr(drawn, name), rel=1e-9), name


def test_figures_are_plain_and_small():
    figures = portable_figures(realistic(rows=200))
    text = json.dumps(figures, allow_nan=False)
    assert len(text) < 12_000
    assert figures["money"]["folds"] is None
    names = [cell["name"] for cell in figures["cells"] if cell["stands"]]
    assert names == [one.name for one in realistic(rows=200).contenders]
    ranks = figures["score"]["ranks"]
    assert figures["cells"][ranks["finetune"][0]]["name"] == "full minilm-l6"


def test_by_score_only_the_finalists_meet_unless_a_limit_of_costs_could_shut_them_out():
    evidence = realistic(rows=200)
    limited = replace(evidence, requirements=(Requirement("cost_per_1k", "<=", 1.0),))
    few, many = (portable_figures(one)["score"]["pairs"] for one in (evidence, limited))
    assert set(few) < set(many)
    assert all(many[pair] == few[pair] for pair in few)


def test_numbers_have_no_price():
    curves = [(TUNED, {128: 0.9}), (SHOTS, {128: 0.8}), (TFIDF, {128: 0.6})]
    evidence = make_evidence(curves, rows=100)
    matrix = {"negative": {"positive": 1.0}, "positive": {"negative": 2.0}}
    priced = portable_figures(replace(evidence, assumptions=Assumptions(cost_matrix=matrix)))
    assert priced["score"] is None
    assert priced["money"]["matrix"]
    assert portable_figures(replace(evidence, test_labels=(), trials=()))["money"] is None
