"""On what terms servers are asked: prices, limits, how many calls at a time, and where calls are written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.catalog.prices import ModelPrice, PriceTable

__all__ = ["ServerTerms", "SpendingLimits"]


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """What the calls of a run may take in all; None for no limit.

    Parameters
    ----------
    money : float or None
        In the price table's currency.
    tokens : int or None
        Tokens read and written.
    calls : int or None
        Requests sent, failed ones included.
    """

    money: float | None = None
    tokens: int | None = None
    calls: int | None = None

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return any(limit is not None for limit in (self.money, self.tokens, self.calls))


@dataclass(frozen=True, slots=True)
class ServerTerms:
    """On what terms servers are asked.

    Parameters
    ----------
    prices : PriceTable
    limits : SpendingLimits
    journal : str or None
        File in which every call is written down before it is made, so that a run that is stopped or killed goes on with
        what it has spent; None keeps it in memory.
    most_at_a_time : int
        Calls under way to one server, at most.
    """

    prices: PriceTable = field(default_factory=PriceTable)
    limits: SpendingLimits = field(default_factory=SpendingLimits)
    journal: str | None = None
    most_at_a_time: int = 16

    def to_json(self) -> dict[str, Any]:
        """Give all but the journal as plain JSON values."""
        told = asdict(self)
        del told["journal"]
        return told

    @classmethod
    def from_json(cls, told: Mapping[str, Any] | None, journal: Path | None = None) -> ServerTerms:
        """Rebuild terms from `to_json`'s values; the usual ones from None.

        Parameters
        ----------
        told : mapping or None
        journal : Path, optional

        Returns
        -------
        ServerTerms
        """
        file = None if journal is None else str(journal)
        if told is None:
            return cls(journal=file)
        prices = told["prices"]
        return cls(
            prices=PriceTable(
                tuple((name, ModelPrice(**price)) for name, price in prices["models"]),
                prices["currency"],
                prices["file"],
            ),
            limits=SpendingLimits(**told["limits"]),
            journal=file,
            most_at_a_time=told["most_at_a_time"],
        )
