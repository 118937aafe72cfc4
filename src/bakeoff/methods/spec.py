"""The spec of a method: what a plan has to know of it, nothing heavy loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bakeoff.extras import has_module
from bakeoff.methods.forecast import Workload
from bakeoff.records import Arm

__all__ = ["ALL_KINDS", "TEXT_KINDS", "MethodSpec"]

#: Kinds of tasks that answer for a text as a whole, and all that run.
TEXT_KINDS = ("classification", "multi-label", "regression", "pair")
ALL_KINDS = (*TEXT_KINDS, "tagging")


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """What a plan has to know of a method.

    Parameters
    ----------
    name, version : str
        The version is raised when a method's answers change.
    arm : Arm
    summary : str
        One sentence.
    kinds : tuple of str
        Kinds of task that it can solve.
    least_n : int
        Labelled rows that it needs; 0 for zero-shot.
    model : {None, "encoder", "decoder", "seq2seq", "server"}
        Family of the model that it needs.
    location : str
        ``"module:Class"``.
    forecast : callable
        `Workload` to seconds, loading of the model left out.
    parameters : mapping
        Settings of the constructor besides task, model and seed.
    seeded : bool
        Whether two seeds can give different answers.
    uses_labels : bool
        Whether it learns from labelled rows.
    free_with : str or None
        Name of a method whose label scores this one shares on the same model, seed and n: together they cost about as
        much as one.
    seeds_share : bool
        Whether the scores of the rows that it answers are the same for every seed, and so computed once.
    stands_for_learning : bool
        Whether it may stand for all prompts that learn from labels where time does not allow all of them.
    extra : str or None
        Extra of this package that brings what it needs.
    needs_module : str or None
        Module by which to see whether the extra is installed.
    by_default : bool
        Whether a study has it without being asked; where not, it is named by ``--method``.
    search_space : mapping
        What a search over settings may try: numbers between two, by their logarithm, or the values of a list.
    takes_prompt : bool
        Whether it stands for a prompt file of the user's, and so is tried where one is given alone.
    second_model : {None, "decoder"}
        Family of a further model that it needs, whose name it gets as ``prompt_model``.
    learns_from_unlabelled : bool
        Whether it learns from texts of the train pool beyond its n rows, which it gets without their labels.
    """

    name: str
    version: str
    arm: Arm
    summary: str
    kinds: tuple[str, ...]
    least_n: int
    model: Literal["encoder", "decoder", "seq2seq", "server"] | None
    location: str
    forecast: Callable[[Workload], float]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seeded: bool = True
    uses_labels: bool = True
    free_with: str | None = None
    seeds_share: bool = False
    stands_for_learning: bool = False
    extra: str | None = None
    needs_module: str | None = None
    by_default: bool = True
    search_space: Mapping[str, tuple[float, float] | list[Any]] = field(default_factory=dict)
    takes_prompt: bool = False
    second_model: Literal["decoder"] | None = None
    learns_from_unlabelled: bool = False

    @property
    def available(self) -> bool:
        """Whether what it needs is installed."""
        return self.needs_module is None or has_module(self.needs_module)
