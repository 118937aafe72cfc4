from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.catalog.prices import FREE, ModelPrice, PriceTable, default_prices_file, read_prices
from bakeoff.catalog.terms import ServerTerms, SpendingLimits
from bakeoff.errors import DataError

TABLE = """\
# Read off the provider's page; per million tokens.
currency: EUR
models:
  small-1:
    in: 0.1
    cached_in: 0.05
    out: 0.4
    date: 2026-11-01
    source: the provider's price list
  relay.example.org#small-1: {in: 0.2, out: 1}
  free: {in: 0, out: 0}
"""


@pytest.fixture
def table(tmp_path: Path) -> PriceTable:
    (tmp_path / "prices.yaml").write_text(TABLE, "utf-8")
    return read_prices(tmp_path / "prices.yaml")


def test_a_table_is_read_with_its_dates_and_sources(table):
    assert table.currency == "EUR"
    assert table.price_of("https://api.example.org/v1", "small-1") == ModelPrice(
        0.1, 0.4, 0.05, "2026-11-01", "the provider's price list"
    )
    assert table.price_of("https://relay.example.org:444/v1", "small-1") == ModelPrice(0.2, 1.0)
    assert table.price_of("https://api.example.org/v1", "free") == FREE
    assert table.price_of("https://api.example.org/v1", "small-2") is None
    assert table.price_of("https://api.example.org/v1", None) is None
    assert table.price_of("http://localhost:8080/v1", "small-2") == FREE
    assert table.price_of("http://localhost:8080/v1", "small-1") == table.price_of("https://a.org/v1", "small-1")


def test_the_price_of_a_call(table):
    price = table.price_of("https://api.example.org/v1", "small-1")
    assert price.of(1_000_000, 0) == pytest.approx(0.1)
    assert price.of(1_000_000, 500_000, 400_000) == pytest.approx(0.06 + 0.02 + 0.2)
    assert price.of(10, 0, 400) == pytest.approx(10 * 0.05 / 1e6)
    assert price.at_most(1_000_000, 0) == pytest.approx(0.1)
    # Some providers charge more for what they keep.
    assert ModelPrice(1.0, 1.0, 1.25).at_most(1_000_000, 0) == pytest.approx(1.25)
    assert ModelPrice(1.0, 1.0).of(1_000_000, 0, 1_000_000) == pytest.approx(1.0)


def test_the_users_own_table_is_read_where_none_is_named_and_need_not_be_there(own_home: Path):
    assert read_prices().models == ()
    file = default_prices_file()
    assert own_home in file.parents
    file.parent.mkdir(parents=True)
    file.write_text("models: {a: {in: 1, out: 2}}", "utf-8")
    assert read_prices() == PriceTable((("a", ModelPrice(1.0, 2.0)),), "USD", str(file))
    file.write_text("# nothing yet\n", "utf-8")
    assert read_prices().models == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("models: [", "cannot be read"),
        ("models: [1]", "holds no mapping 'models'"),
        ("just text", "holds no mapping 'models'"),
        ("prices: {}", "may hold 'models' and 'currency'; 'prices' came"),
        ("models: {a: 1}", "The price of 'a' in .* must have 'in' and 'out'.*; 1 came"),
        ("models: {a: {in: 1}}", "must have 'in' and 'out'"),
        ("models: {a: {in: 1, out: 1, per: call}}", "must have 'in' and 'out'"),
        ("models: {a: {in: -1, out: 1}}", "'in' of 'a' in .* must be a number from 0 on.*; -1 came"),
        ("models: {a: {in: 1, out: true}}", "'out' of 'a' .*; True came"),
        ("models: {a: {in: 1, cached_in: x, out: 1}}", "'cached_in' of 'a' .*; 'x' came"),
        ("models: {a: {in: .inf, out: 1}}", "; inf came"),
    ],
)
def test_what_is_no_table_is_refused_with_an_example(tmp_path: Path, content, message):
    file = tmp_path / "prices.yaml"
    if content is not None:
        file.write_text(content, "utf-8")
    with pytest.raises(DataError, match=message) as caught:
        read_prices(file)
    assert caught.value.next_step.startswith("Write: models: {")


def test_terms_survive_being_written_down(table, tmp_path: Path):
    terms = ServerTerms(table, SpendingLimits(money=2.5, calls=10), None, 8)
    again = ServerTerms.from_json(terms.to_json(), tmp_path / "calls.jsonl")
    assert again == ServerTerms(table, terms.limits, str(tmp_path / "calls.jsonl"), 8)
    assert ServerTerms.from_json(None) == ServerTerms()
    assert SpendingLimits(tokens=0).any
    assert not SpendingLimits().any
