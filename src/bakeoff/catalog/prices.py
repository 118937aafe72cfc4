"""Prices of hosted models: a table that the user writes. None are shipped: they change, and would soon be wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.catalog.servers import host_of, is_loopback
from bakeoff.errors import DataError
from bakeoff.plain_yaml import value_of

__all__ = ["FREE", "ModelPrice", "PriceTable", "default_prices_file", "read_prices"]

_MILLION = 1_000_000.0
_FIELDS = ("in", "cached_in", "out", "date", "source")
_EXAMPLE = "models: {small-model: {in: 0.10, cached_in: 0.05, out: 0.40, date: 2026-11-01, source: 'price list'}}"


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """The price of one model.

    Parameters
    ----------
    price_in, price_out : float
        Of a million tokens read, and written; 0 or more.
    price_cached : float or None
        Of a million tokens read from a cached prefix; as `price_in` where None.
    date, source : str
        When and where it was read off; empty where not said.
    """

    price_in: float
    price_out: float
    price_cached: float | None = None
    date: str = ""
    source: str = ""

    def of(self, tokens_in: float, tokens_out: float, tokens_cached: float = 0.0) -> float:
        """Give the price of a call.

        Parameters
        ----------
        tokens_in, tokens_out : float
            Tokens read, those from a cached prefix included, and written.
        tokens_cached : float
            Tokens read from a cached prefix.

        Returns
        -------
        float
            In the table's currency.
        """
        cached = min(tokens_cached, tokens_in)
        reduced = self.price_in if self.price_cached is None else self.price_cached
        return ((tokens_in - cached) * self.price_in + cached * reduced + tokens_out * self.price_out) / _MILLION

    def at_most(self, tokens_in: float, tokens_out: float) -> float:
        """Give the most that a call can cost, whatever part of it comes from a cached prefix."""
        return max(self.of(tokens_in, tokens_out), self.of(tokens_in, tokens_out, tokens_in))


#: The price of this machine's own servers: their time is paid as this machine's.
FREE = ModelPrice(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by model.

    Parameters
    ----------
    models : tuple of (str, ModelPrice)
        Named ``model``, or ``host#model`` for the model of one host, which stands before the former.
    currency : str
    file : str
        Where it was read; empty where nowhere.
    """

    models: tuple[tuple[str, ModelPrice], ...] = ()
    currency: str = "USD"
    file: str = ""

    def price_of(self, url: str, model: str | None) -> ModelPrice | None:
        """Find a model's price; a server on this machine costs nothing, unless the table says otherwise.

        Parameters
        ----------
        url : str
            Base address of its server.
        model : str or None

        Returns
        -------
        ModelPrice or None
            None where no price is known.
        """
        known = dict(self.models)
        host = host_of(url)
        found = known.get(f"{host}#{model}") or known.get(str(model))
        return FREE if found is None and is_loopback(host) else found


def default_prices_file() -> Path:
    """Give the table that is read where none is named: ``prices.yaml`` in the user's configuration folder."""
    import platformdirs

    return Path(platformdirs.user_config_dir("bakeoff", appauthor=False)) / "prices.yaml"


def read_prices(path: Path | None = None) -> PriceTable:
    """Read a table of prices.

    Parameters
    ----------
    path : Path, optional
        Default: `default_prices_file`, which need not be there.

    Returns
    -------
    PriceTable

    Raises
    ------
    DataError
        If a named file is not there, or a table cannot be read.
    """
    import yaml

    file = path or default_prices_file()
    if path is None and not file.is_file():
        return PriceTable(file=str(file))
    try:
        read = value_of(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(
            f"The price table {file} cannot be read: {' '.join(str(error).split())}.", next_step=f"Write: {_EXAMPLE}"
        ) from error
    if read is None:
        read = {}
    if not isinstance(read, Mapping) or not isinstance(read.get("models", {}), Mapping):
        raise DataError(f"The price table {file} holds no mapping 'models'.", next_step=f"Write: {_EXAMPLE}")
    unknown = [name for name in read if name not in ("models", "currency")]
    if unknown:
        raise DataError(
            f"The price table {file} may hold 'models' and 'currency'; {unknown[0]!r} came.",
            next_step=f"Write: {_EXAMPLE}",
        )
    models = tuple((str(name), _price(file, str(name), given)) for name, given in (read.get("models") or {}).items())
    return PriceTable(models, str(read.get("currency") or "USD"), str(file))


def _price(file: Path, name: str, given: Any) -> ModelPrice:
    if not isinstance(given, Mapping) or not {"in", "out"} <= set(given) <= set(_FIELDS):
        raise DataError(
            f"The price of {name!r} in {file} must have 'in' and 'out', and may have 'cached_in', 'date' and 'source'; "
            f"{given!r} came.",
            next_step=f"Write: {_EXAMPLE}",
        )
    amounts: dict[str, float | None] = {"cached_in": None}
    for field in ("in", "cached_in", "out"):
        amount = given.get(field)
        if amount is None and field == "cached_in":
            continue
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount < math.inf:
            raise DataError(
                f"{field!r} of {name!r} in {file} must be a number from 0 on, per million tokens; {amount!r} came.",
                next_step=f"Write: {_EXAMPLE}",
            )
        amounts[field] = float(amount)
    return ModelPrice(
        float(amounts["in"] or 0.0),
        float(amounts["out"] or 0.0),
        amounts["cached_in"],
        str(given.get("date") or ""),
        str(given.get("source") or ""),
    )
