"""The registry: one spec a method, loading nothing heavy; plans are built from it.

A third party adds a method by an entry point in the group ``bakeoff.methods`` that names a `MethodSpec`.
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

from bakeoff.errors import OptionError
from bakeoff.methods import forecast
from bakeoff.methods.combine_specs import COMBINE_SPECS
from bakeoff.methods.finetune_specs import FINETUNE_SPECS
from bakeoff.methods.finetune_written_specs import FINETUNE_WRITTEN_SPECS
from bakeoff.methods.prompt_specs import PROMPT_SPECS
from bakeoff.methods.prompt_written_specs import PROMPT_WRITTEN_SPECS
from bakeoff.methods.spec import ALL_KINDS, TEXT_KINDS, MethodSpec

if TYPE_CHECKING:
    from bakeoff.methods.contract import Method

__all__ = ["MethodSpec", "load_method", "method_spec", "method_specs"]


_FLOOR_SPECS: tuple[MethodSpec, ...] = (
    MethodSpec(
        name="majority",
        version="1",
        arm="floor",
        summary="Always the most frequent label, or the mean.",
        kinds=ALL_KINDS,
        least_n=1,
        model=None,
        location="bakeoff.methods.floors:Majority",
        forecast=forecast.forecast_majority,
        parameters={},
    ),
    MethodSpec(
        name="tfidf",
        version="1",
        arm="floor",
        summary="TF-IDF of words and characters, logistic regression.",
        kinds=TEXT_KINDS,
        least_n=2,
        model=None,
        location="bakeoff.methods.floors:TfidfLogistic",
        forecast=forecast.forecast_tfidf,
        parameters={},
    ),
    MethodSpec(
        name="token-features",
        version="2",
        arm="floor",
        summary="Words, shapes and neighbours of tokens, logistic regression.",
        kinds=("tagging",),
        least_n=2,
        model=None,
        location="bakeoff.methods.token_floor:TokenLogistic",
        forecast=forecast.forecast_tfidf,
        parameters={},
    ),
    MethodSpec(
        name="lead",
        version="1",
        arm="floor",
        summary="The first words of the source, as many as targets have.",
        kinds=("generation",),
        least_n=1,
        model=None,
        location="bakeoff.methods.written_floors:Lead",
        forecast=forecast.forecast_majority,
        parameters={},
    ),
    MethodSpec(
        name="nearest-target",
        version="1",
        arm="floor",
        summary="The target of the labelled row whose source is most alike.",
        kinds=("generation",),
        least_n=1,
        model=None,
        location="bakeoff.methods.written_floors:NearestTarget",
        forecast=forecast.forecast_tfidf,
        parameters={},
    ),
)


@cache
def method_specs() -> tuple[MethodSpec, ...]:
    """Give every known method: the built-in ones, then those of installed entry points, looked for once a process.

    Returns
    -------
    tuple of MethodSpec
        Names are unique.

    Raises
    ------
    OptionError
        If an entry point takes a name that is taken.
    """
    written = (*FINETUNE_WRITTEN_SPECS, *PROMPT_WRITTEN_SPECS)
    specs = [*_FLOOR_SPECS, *FINETUNE_SPECS, *PROMPT_SPECS, *written, *COMBINE_SPECS]
    for point in entry_points(group="bakeoff.methods"):
        spec = cast("MethodSpec", point.load())
        if any(spec.name == known.name for known in specs):
            raise OptionError(
                f"The entry point {point.value!r} names a method {spec.name!r}, which is taken.",
                next_step="Uninstall the package, or ask its author for another name.",
            )
        specs.append(spec)
    return tuple(specs)


def method_spec(name: str) -> MethodSpec:
    """Find a method's spec by its name.

    Parameters
    ----------
    name : str

    Returns
    -------
    MethodSpec

    Raises
    ------
    OptionError
        If there is none; the message lists all names.
    """
    known = {spec.name: spec for spec in method_specs()}
    if name not in known:
        raise OptionError(
            f"A method must be one of {', '.join(known)}; {name!r} came.",
            next_step="Choose one of these names.",
        )
    return known[name]


def load_method(name: str) -> type[Method]:
    """Import the class of a method, and whatever heavy that needs.

    Parameters
    ----------
    name : str

    Returns
    -------
    type
        A subclass of `bakeoff.methods.contract.Method`.
    """
    module, _, attribute = method_spec(name).location.partition(":")
    return cast("type[Method]", getattr(importlib.import_module(module), attribute))
