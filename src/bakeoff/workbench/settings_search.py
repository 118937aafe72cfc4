"""Search a tuning method's settings inside its labelled rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import strata_of
from bakeoff.errors import OptionError, TrialError
from bakeoff.extras import require
from bakeoff.methods.contract import Deadline, Method, RunContext
from bakeoff.tasks import scoring_of, truths

__all__ = ["SettingsFound", "search_settings"]

#: Rows from which one held-out quarter says enough; below it four folds are needed.
_LEAST_FOR_ONE_PART = 400
_FOLDS = 4


@dataclass(frozen=True, slots=True)
class SettingsFound:
    """What a search found.

    Parameters
    ----------
    settings : mapping
        The best ones, complete.
    score : float
        Of these, on rows inside the labelled ones that their fits did not learn from.
    first_score : float
        Of the settings that the search began with, on the same rows.
    tried : int
        Settings whose score is known.
    seconds : float
    """

    settings: Mapping[str, Any]
    score: float
    first_score: float
    tried: int
    seconds: float


def search_settings(
    make: Callable[[Mapping[str, Any]], Method],
    first: Mapping[str, Any],
    space: Mapping[str, tuple[float, float] | list[Any]],
    rows: tuple[Sequence[str], Sequence[str]],
    *,
    tries: int,
    seed: int,
    context: RunContext,
) -> SettingsFound:
    """Search settings by a tree-structured Parzen estimator (Bergstra et al. 2011), with Optuna.

    Every fit learns from three quarters of the rows and is scored on the rest, four times where they are under 400.

    Parameters
    ----------
    make : callable
        Gives an unfitted method with some settings.
    first, space : mapping
        Complete settings, tried first, and what is tried of each, as a spec says.
    rows : (texts, labels)
        All that may be learned from.
    tries, seed : int
        Settings to try, the first ones included; the seed of the folds and of what is tried.
    context : RunContext
        Of every fit; its deadline ends the search.

    Returns
    -------
    SettingsFound

    Raises
    ------
    OptionError, TrialError
        If fewer than one try is asked for, or not one of the fits succeeds.
    """
    began = time.monotonic()
    parts = _parts(rows, make(first), seed)
    quiet = replace(context, may_shorten=False, progress=lambda _what, _share: None)

    def score(settings: Mapping[str, Any], number: int) -> float:
        context.progress(f"searching settings: {number + 1} of {tries}", number / tries)
        return _score(make(settings).within(quiet), rows, parts)

    known = _tried(score, first, space, tries, seed, context.deadline)
    if not known:
        raise TrialError("Not one of the settings could be fitted.")
    best, settings, _number = max(known, key=lambda one: (one[0], -one[2]))
    start = next((value for value, _settings, number in known if number == 0), float("nan"))
    return SettingsFound(settings, best, start, len(known), time.monotonic() - began)


def _tried(
    score: Callable[[Mapping[str, Any], int], float],
    first: Mapping[str, Any],
    space: Mapping[str, tuple[float, float] | list[Any]],
    tries: int,
    seed: int,
    deadline: Deadline,
) -> list[tuple[float, dict[str, Any], int]]:
    """Try settings, and give the score, the settings and the number of those that could be fitted in time."""
    if tries < 1:
        raise OptionError(f"A search tries one setting or more; {tries} came.", next_step="Give --tune 10, say.")
    optuna = require("optuna", extra="tune", purpose="a search over settings")
    # A fit that fails is left out and counted; its traceback tells a person nothing.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial({name: first[name] for name in space})

    def objective(trial: Any) -> float:
        if trial.number and deadline.passed:
            study.stop()
            raise optuna.TrialPruned
        settings = {**first, **{name: _suggested(trial, name, values) for name, values in space.items()}}
        return score(settings, trial.number)

    study.optimize(objective, n_trials=tries, catch=(TrialError,))
    done = [trial for trial in study.trials if trial.value is not None]
    return [(float(trial.value), {**first, **trial.params}, int(trial.number)) for trial in done]


def _suggested(trial: Any, name: str, values: tuple[float, float] | list[Any]) -> Any:
    if isinstance(values, tuple):
        return trial.suggest_float(name, *values, log=True)
    return trial.suggest_categorical(name, values)


def _parts(
    rows: tuple[Sequence[str], Sequence[str]], method: Method, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Divide the rows into those that a fit learns from and those it is scored on."""
    from sklearn.model_selection import KFold, StratifiedKFold

    strata = strata_of(method.task.kind, rows[1])
    codes = np.unique(strata, return_inverse=True)[1]
    counts = np.bincount(codes)
    # Labels with fewer rows than folds cannot be dealt out evenly.
    kind = StratifiedKFold if counts[counts > 0].min() >= _FOLDS else KFold
    found = list(kind(_FOLDS, shuffle=True, random_state=seed).split(np.zeros(len(codes)), codes))
    return found[:1] if len(codes) >= _LEAST_FOR_ONE_PART else found


def _score(
    method: Method,
    rows: tuple[Sequence[str], Sequence[str]],
    parts: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> float:
    texts, labels = rows
    truth: list[str] = []
    answers: list[str | None] = []
    for learned, held in parts:
        method.fit([texts[row] for row in learned], [labels[row] for row in learned])
        if method.cut_:
            raise TrialError("time was up inside a fit")
        asked = [texts[row] for row in held]
        answers += [answer.value for answer in method.answer(asked)]
        truth += truths(method.task, asked, [labels[row] for row in held])
    return scoring_of(method.task).score_values(truth, answers)
