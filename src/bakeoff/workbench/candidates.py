"""Find the models that a study may use, and fetch those of the catalogue that are not here."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from bakeoff.catalog import entries, is_here, pull, resolve_model
from bakeoff.catalog.servers import is_server, parse_server
from bakeoff.errors import OptionError
from bakeoff.methods.registry import method_spec, method_specs
from bakeoff.models.facts import read_facts
from bakeoff.study.contenders import CandidateModel
from bakeoff.workbench.options import StudyOptions, Watcher

__all__ = ["candidate_models"]


def candidate_models(
    options: StudyOptions, watcher: Watcher, kind: str = "classification"
) -> tuple[tuple[CandidateModel, ...], float]:
    """Find the models of a study, fetching what is not here.

    Parameters
    ----------
    options : StudyOptions
    watcher : Watcher
    kind : str
        Of the task. A model that no method of the study would use for it is neither fetched nor looked at.

    Returns
    -------
    models : tuple of CandidateModel
    fetching : float
        Seconds that fetching took.
    """
    fetching = 0.0
    families = _families(options, kind)
    encoders = options.encoders if families & {"encoder", "seq2seq"} else ()
    prompted = options.prompt_models if families & {"decoder", "server"} else ()
    for name in (*encoders, *prompted):
        if name in {item.name for item in entries("model")} and not is_here(name):
            began = time.monotonic()
            pull(name, progress=_teller(watcher, name))
            fetching += time.monotonic() - began
    named = {method_spec(name).model for name in options.methods or ()}
    tuned = ("encoder", "seq2seq") if "seq2seq" in named else ("encoder",)
    models = [_local_model(name, tuned, watcher) for name in encoders]
    for name in prompted:
        if is_server(name):
            models.append(_server_model(name))
        else:
            models.append(_local_model(name, ("decoder",), watcher))
    return tuple(models), fetching


def _families(options: StudyOptions, kind: str) -> set[str | None]:
    """Give the families of models that the named methods use, or those that a study has without being asked."""
    named = options.methods
    wanted = [
        spec
        for spec in method_specs()
        if kind in spec.kinds
        and (
            spec.by_default
            if named is None
            else spec.name in named or (spec.takes_prompt and (options.prompts or not named))
        )
    ]
    return {family for spec in wanted for family in (spec.model, spec.second_model)}


def _teller(watcher: Watcher, name: str) -> Callable[[int, int], None]:
    return lambda done, total: watcher.pulling(name, done, total)


def _local_model(name: str, families: tuple[str, ...], watcher: Watcher) -> CandidateModel:
    watcher.step(f"looking for {name}")
    files = resolve_model(name)
    facts = read_facts(files)
    if facts.family not in families:
        wanted = "--encoder takes an encoder" if "encoder" in families else "--prompt-model takes a decoder"
        raise OptionError(
            f"{wanted}; {name} is of the family {facts.family!r} ({facts.architecture}).",
            next_step="See 'bakeoff models' for models of both kinds.",
        )
    short = re.sub(r"\.(gguf)$", "", Path(files.name).name)
    return CandidateModel(
        name if files.name == name else str(files.path), facts.family, files.sha256, facts.parameters, short
    )


def _server_model(spec: str) -> CandidateModel:
    name = parse_server(spec)
    return CandidateModel(spec, "server", None, 0, name.model or name.url)
