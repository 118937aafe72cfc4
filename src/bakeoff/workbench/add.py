"""Add contenders to a study: further methods, models or prompt files; only what is new runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.catalog.servers import is_server
from bakeoff.data.duplicates import same_key
from bakeoff.errors import OptionError, StudyError
from bakeoff.study.contenders import build_contenders, check_versions
from bakeoff.study.evidence import read_contenders, read_plan, read_task
from bakeoff.study.grid import models_of
from bakeoff.study.store import StudyStore
from bakeoff.workbench.candidates import candidate_models
from bakeoff.workbench.conclude import Outcome
from bakeoff.workbench.given_prompts import given_prompt_facts, read_given_prompts, versions_told
from bakeoff.workbench.options import StudyOptions, Watcher
from bakeoff.workbench.refuse import check_contenders, check_options
from bakeoff.workbench.run import Added, carry_on
from bakeoff.workbench.where import check_where

if TYPE_CHECKING:
    from bakeoff.records import Contender
    from bakeoff.study.contenders import GivenPromptFile

__all__ = ["Addition", "add"]


@dataclass(frozen=True, slots=True)
class Addition:
    """What is to be added.

    Parameters
    ----------
    methods : tuple of str
        Where empty, all that a study has by default, or none beside `prompts`.
    encoders, prompt_models : tuple of str
        Further models; those of the study where both are empty.
    prompts : tuple of Path
        Prompt files, each a contender with every model to prompt.
    """

    methods: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
    prompt_models: tuple[str, ...] = ()
    prompts: tuple[Path, ...] = ()


def add(
    study: Path,
    what: Addition,
    *,
    time_limit: float | None = None,
    on: str | None = None,
    watcher: Watcher | None = None,
) -> Outcome:
    """Measure further contenders of a study on its rows, budgets and seeds, and decide again.

    Parameters
    ----------
    study : Path
    what : Addition
    time_limit : float, optional
        Seconds from now.
    on : str, optional
        Where trials run, as in `bakeoff.workbench.run.run`.
    watcher : Watcher, optional

    Returns
    -------
    Outcome

    Raises
    ------
    StudyError
        If the folder holds no study, it was never planned, or a method has changed since it began.
    OptionError
        If nothing of it is new, a method, model or prompt cannot be used, or a prompt has seen rows that are not
        training rows.
    """
    watcher = watcher or Watcher()
    check_where(on)
    with StudyStore(study) as store:
        check_versions(read_contenders(store))
        if read_plan(store) is None:
            raise StudyError(f"The study {study} was stopped before its plan.", next_step=f"bakeoff resume {study}")
        prompts = _unseeing_prompts(store, what.prompts)
        added = _new_contenders(store, what, prompts, watcher)
        facts = _facts_of_prompts(store, prompts)
        watcher.started(study)
        return carry_on(store, watcher, time_limit, added=Added(added, facts), on=on)


def _new_contenders(
    store: StudyStore, what: Addition, prompts: Sequence[GivenPromptFile], watcher: Watcher
) -> tuple[Contender, ...]:
    """Give those that the study has not: methods crossed with models, and prompt files with models to prompt."""
    decoders = what.prompt_models or _own_models(store)["decoder"]
    found: list[Contender] = []
    if what.methods or what.encoders or what.prompt_models:
        found += _crossed(store, _options(store, what), (), watcher)
    if prompts:
        asked = _crossed(store, StudyOptions(methods=(), encoders=(), prompt_models=decoders), prompts, watcher)
        _check_asked(prompts, asked)
        found += asked
    present = read_contenders(store)
    known = {_identity(one) for one in present}
    new = {_identity(one): one for one in found if _identity(one) not in known}
    if not new:
        names = dict.fromkeys(one.name for one in found if one.arm != "floor")
        raise OptionError(
            f"The study has all of these contenders already: {', '.join(names)}.",
            next_step="Name another --method, --encoder, --prompt-model or --prompt.",
        )
    return tuple(_renamed(tuple(new.values()), {one.name for one in present}))


def _crossed(
    store: StudyStore, options: StudyOptions, prompts: Sequence[GivenPromptFile], watcher: Watcher
) -> tuple[Contender, ...]:
    check_options(options)
    servers = [name for name in options.prompt_models if is_server(name)]
    if servers:
        raise OptionError(
            f"A model in process can be added; {servers[0]} is a server.",
            next_step="Measure it in a study of its own: bakeoff run ... --prompt-model URL.",
        )
    task = read_task(store)
    models, _fetching = candidate_models(options, watcher, task.kind)
    found, missing = build_contenders(
        models,
        kind=task.kind,
        methods=options.methods,
        train_rows=store.fact("row_counts")["train"],
        prompts=prompts,
        unlabelled=len(store.unlabelled()),
    )
    check_contenders(found, missing, options)
    return found


def _check_asked(prompts: Sequence[GivenPromptFile], found: Sequence[Contender]) -> None:
    """Refuse a prompt that no model is asked with: it would be left out in silence."""
    asked = {one.parameters.get("prompt") for one in found}
    for prompt in prompts:
        if prompt.text not in asked:
            raise OptionError(
                f"{prompt.name} needs a model in process to prompt; this study has none for it.",
                next_step="Name one with --prompt-model.",
            )


def _unseeing_prompts(store: StudyStore, paths: Sequence[Path]) -> tuple[GivenPromptFile, ...]:
    """Read prompt files that no validation or test row of the study stands in, or was tried with.

    A new study sets such rows aside; those of this one are in use.
    """
    prompts = read_given_prompts(paths, read_task(store).labels)
    held = {same_key(text) for part in ("validation", "test") for text in store.rows(part).texts}
    for prompt in prompts:
        if known := held & prompt.seen:
            raise OptionError(
                f"{prompt.name} must not know the rows that its score is of; it shows, or was tried on, {len(known):,} "
                f"validation or test rows of this study{' (all its rows are tested)' if store.folds() else ''}.",
                next_step=f"Measure it in a study of its own, which leaves these rows out: bakeoff run ... --prompt "
                f"{prompt.name}.",
            )
    return prompts


def _facts_of_prompts(store: StudyStore, prompts: Sequence[GivenPromptFile]) -> dict[str, Any]:
    """Give what the study is to keep of the prompts: which versions were tried, as where it begins with them."""
    kept, checks = list(store.fact("given_prompts") or ()), list(store.fact("checks"))
    known = {(one["name"], one["digest"]) for one in kept}
    new = [prompt for prompt in prompts if (prompt.name, prompt.digest) not in known]
    told = [asdict(versions_told(prompt)) for prompt in new if prompt.tries]
    return {"given_prompts": [*kept, *given_prompt_facts(new)], "checks": [*checks, *told]} if new else {}


def _own_models(store: StudyStore) -> dict[str, tuple[str, ...]]:
    """Give the study's models in process, by their family."""
    own = [one for one in read_contenders(store) if one.arm != "current" and one.model is not None]
    by_family: dict[str, dict[str, None]] = {"encoder": {}, "decoder": {}}
    for one in own:
        for family, name in models_of(one):
            by_family.get(family, {})[name] = None
    return {family: tuple(names) for family, names in by_family.items()}


def _options(store: StudyStore, what: Addition) -> StudyOptions:
    """Take the study's own models where none is given."""
    own, given = _own_models(store), bool(what.encoders or what.prompt_models)
    return StudyOptions(
        methods=what.methods or None,
        encoders=what.encoders if given else own["encoder"],
        prompt_models=what.prompt_models if given else own["decoder"],
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
