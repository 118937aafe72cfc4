"""Read a data set of the Hugging Face hub: ``hf:owner/name``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bakeoff.data.json_rows import table_of_objects
from bakeoff.data.table import Table
from bakeoff.errors import OptionError, SourceError
from bakeoff.extras import require

__all__ = ["HUB_PREFIX", "read_hub", "table_of_dataset"]

HUB_PREFIX = "hf:"


def read_hub(name: str) -> tuple[tuple[str, Table], ...]:
    """Read all splits of a data set on the hub, labels by their names.

    Parameters
    ----------
    name : str
        ``hf:owner/name``, or ``hf:owner/name/configuration`` where the data set has several.

    Returns
    -------
    tuple of (split name, Table)
        Split names as on the hub; row numbers are positions from 1.

    Raises
    ------
    MissingExtraError
        If the package ``datasets`` is not installed.
    OptionError
        If the name has another form.
    SourceError
        If the hub cannot be reached, or has no such data set.
    """
    parts = name.removeprefix(HUB_PREFIX).split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise OptionError(
            f"A data set of the hub is named hf:owner/name or hf:owner/name/configuration; got {name!r}.",
            next_step="Correct the name.",
        )
    datasets = require("datasets", extra="hub", purpose="Data sets of the hub")
    try:
        loaded = datasets.load_dataset("/".join(parts[:2]), *parts[2:])
    # The hub's client raises many kinds for "no network", "no such name" and "not yours": the text tells them apart.
    except (OSError, ValueError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise SourceError(
            f"The data set {name} could not be loaded from the hub: {reason}.",
            next_step="Check the name and the network, or download it and give the path of its folder.",
        ) from error
    return tuple((split, table_of_dataset(f"{name} ({split})", part)) for split, part in loaded.items())


def table_of_dataset(source: str, part: Any) -> Table:
    """Turn a ``datasets.Dataset`` into a table; a label that is stored as a number gets its name.

    Parameters
    ----------
    source : str
        For messages.
    part : datasets.Dataset

    Returns
    -------
    Table
    """
    inner = {column: getattr(kind, "feature", kind) for column, kind in part.features.items()}
    named = {column: kind.names for column, kind in inner.items() if hasattr(kind, "names")}
    objects = []
    for number, row in enumerate(part, start=1):
        for column, names in named.items():
            value = row[column]
            row[column] = [_name(one, names) for one in value] if isinstance(value, list) else _name(value, names)
        objects.append((number, row))
    return table_of_objects(objects, source)


def _name(value: Any, names: Sequence[str]) -> str | None:
    """Give the name of a stored label; -1 marks hidden labels of public test splits."""
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None
