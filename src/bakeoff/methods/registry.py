"""The registry: one spec a method, loading nothing heavy; plans are built from it.

A third party adds a method by an entry point in the group ``bakeoff.methods`` that names a `MethodSpec`.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, cast

from bakeoff.errors import OptionError
from bakeoff.methods import forecast
from bakeoff.methods.combine_specs import COMBINE_SPECS
from bakeoff.methods.finetune_specs import FINETUNE_SPECS
from bakeoff.methods.finetune_written_specs import FINETUNE_WRITTEN_SPECS
from bakeoff.methods.prompt_kind_specs import PROMPT_KIND_SPECS
from bakeoff.methods.prompt_specs import PROMPT_SPECS
from bakeoff.methods.prompt_written_specs import PROMPT_WRITTEN_SPECS
from bakeoff.methods.spec import ALL_KINDS, TEXT_KINDS, MethodSpec
from bakeoff.plugins import fault_told, plugins, sound_plugins

if TYPE_CHECKING:
    from bakeoff.methods.contract import Method

__all__ = ["MethodSpec", "load_method", "method_spec", "method_specs"]

METHODS_GROUP = "bakeoff.methods"

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
        Names are unique. An entry point that cannot be loaded, or takes a name that is taken, is left out.
    """
    written = (*FINETUNE_WRITTEN_SPECS, *PROMPT_WRITTEN_SPECS)
    specs = [*_FLOOR_SPECS, *FINETUNE_SPECS, *PROMPT_SPECS, *PROMPT_KIND_SPECS, *written, *COMBINE_SPECS]
    specs += sound_plugins(METHODS_GROUP, MethodSpec, [spec.name for spec in specs])
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
        If there is none; the message lists all names, and says which package was to bring one and cannot.
    """
    known = {spec.name: spec for spec in method_specs()}
    if name not in known:
        fault = fault_told(METHODS_GROUP, MethodSpec, name, _own_names())
        raise OptionError(
            f"A method must be one of {', '.join(known)}; {name!r} came. {fault}".rstrip(),
            next_step="Mend or uninstall that package, or choose one of these names."
            if fault
            else "Choose one of these names.",
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

    Raises
    ------
    OptionError
        If the code of another package cannot be loaded.
    """
    spec = method_spec(name)
    module, _, attribute = spec.location.partition(":")
    try:
        return cast("type[Method]", getattr(importlib.import_module(module), attribute))
    except (ImportError, AttributeError, SyntaxError) as error:
        if module.startswith("bakeoff."):
            raise
        raise OptionError(
            f"The method {name!r} is {spec.location} of another package, which cannot be loaded: "
            f"{type(error).__name__}: {error}.",
            next_step="Mend or uninstall that package, or choose another method.",
        ) from error


def _own_names() -> list[str]:
    found = [plugin.value for plugin in plugins(METHODS_GROUP, MethodSpec)]
    return [spec.name for spec in method_specs() if spec not in found]
