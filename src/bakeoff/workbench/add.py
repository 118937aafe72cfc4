"""Add contenders to a study: further methods, or further models; only what is new runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.catalog.servers import is_server
from bakeoff.errors import OptionError, StudyError
from bakeoff.study.contenders import build_contenders, check_versions
from bakeoff.study.evidence import read_contenders, read_plan, read_task
from bakeoff.study.grid import models_of
from bakeoff.study.store import StudyStore
from bakeoff.workbench.candidates import candidate_models
from bakeoff.workbench.conclude import Outcome
from bakeoff.workbench.options import StudyOptions, Watcher
from bakeoff.workbench.refuse import check_contenders, check_options
from bakeoff.workbench.run import carry_on

if TYPE_CHECKING:
    from bakeoff.records import Contender

__all__ = ["Addition", "add"]


@dataclass(frozen=True, slots=True)
class Addition:
    """What is to be added.

    Parameters
    ----------
    methods : tuple of str
        All that a study has by default, where empty.
    encoders, prompt_models : tuple of str
        Further models; those of the study where both are empty.
    """

    methods: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
    prompt_models: tuple[str, ...] = ()


def add(study: Path, what: Addition, *, time_limit: float | None = None, watcher: Watcher | None = None) -> Outcome:
    """Measure further contenders of a study on its rows, budgets and seeds, and decide again.

    Parameters
    ----------
    study : Path
    what : Addition
    time_limit : float, optional
        Seconds from now.
    watcher : Watcher, optional

    Returns
    -------
    Outcome

    Raises
    ------
    StudyError
        If the folder holds no study, it was never planned, or a method has changed since it began.
    OptionError
        If nothing of it is new, or a method or model cannot be used.
    """
    watcher = watcher or Watcher()
    with StudyStore(study) as store:
        check_versions(read_contenders(store))
        if read_plan(store) is None:
            raise StudyError(f"The study {study} was stopped before its plan.", next_step=f"bakeoff resume {study}")
        added = _new_contenders(store, what, watcher)
        watcher.started(study)
        return carry_on(store, watcher, time_limit, added=added)


def _new_contenders(store: StudyStore, what: Addition, watcher: Watcher) -> tuple[Contender, ...]:
    options = _options(store, what)
    check_options(options)
    servers = [name for name in options.prompt_models if is_server(name)]
    if servers:
        raise OptionError(
            f"A model in process can be added; {servers[0]} is a server.",
            next_step="Measure it in a study of its own: bakeoff run ... --prompt-model URL.",
        )
    task = read_task(store)
    models, _fetching = candidate_models(options, watcher, task.kind)
    rows = store.fact("row_counts")
    found, missing = build_contenders(
        models,
        kind=task.kind,
        methods=options.methods,
        train_rows=rows["train"],
        unlabelled=len(store.unlabelled()),
    )
    check_contenders(found, missing, options)
    present = read_contenders(store)
    known = {_identity(one) for one in present}
    new = [one for one in found if _identity(one) not in known]
    if not new:
        raise OptionError(
            f"The study has all of these contenders already: {', '.join(one.name for one in found)}.",
            next_step="Name another --method, --encoder or --prompt-model.",
        )
    return tuple(_renamed(new, {one.name for one in present}))


def _options(store: StudyStore, what: Addition) -> StudyOptions:
    """Take the study's own models where none is given."""
    own = [one for one in read_contenders(store) if one.arm != "current" and one.model is not None]
    by_family: dict[str, dict[str, None]] = {"encoder": {}, "decoder": {}}
    for one in own:
        for family, name in models_of(one):
            by_family.get(family, {})[name] = None
    given = bool(what.encoders or what.prompt_models)
    return StudyOptions(
        methods=what.methods or None,
        encoders=what.encoders if given else tuple(by_family["encoder"]),
        prompt_models=what.prompt_models if given else tuple(by_family["decoder"]),
    )


def _identity(contender: Contender) -> tuple[str, str | None, str | None, str]:
    settings = json.dumps(dict(contender.parameters), sort_keys=True)
    return contender.method, contender.model_sha256 or contender.model, contender.second_sha256, settings


def _renamed(new: Sequence[Contender], taken: set[str]) -> list[Contender]:
    """Give names that no contender of the study has."""
    named = []
    for one in new:
        name, number = one.name, 2
        while name in taken:
            name, number = f"{one.name} {number}", number + 1
        taken.add(name)
        named.append(replace(one, name=name))
    return named
