"""Fine-tune one method alone: fit on the train rows, score on the test rows, and write what was scored as a bundle."""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.data import Columns, Rows, Split, check_rows, fingerprint
from bakeoff.errors import OptionError, TrialError
from bakeoff.methods.registry import load_method, method_spec, method_specs
from bakeoff.records import Contender
from bakeoff.ship import BundleFacts, TunedFigures, check_place, tuned_card
from bakeoff.study.contenders import build_contenders
from bakeoff.workbench.candidates import candidate_models
from bakeoff.workbench.fitting import (
    Scored,
    calibration_figures,
    context_for,
    floor_score,
    rows_source,
    sample,
    scored,
    write_fitted,
)
from bakeoff.workbench.options import DataOptions, StudyOptions, Watcher
from bakeoff.workbench.prepare import check_meaning, task_of
from bakeoff.workbench.rows import divide, known_before, read_source
from bakeoff.workbench.settings_search import SettingsFound, search_settings

if TYPE_CHECKING:
    from bakeoff.methods.contract import Method
    from bakeoff.tasks import Task

__all__ = ["FinetuneOptions", "FinetuneOutcome", "finetune", "settings_of"]

#: The method of a kind of task where none is named; ``full`` for the others.
_USUAL = {"tagging": "tagger", "generation": "write-full"}


@dataclass(frozen=True, slots=True)
class FinetuneOptions:
    """What is to be fitted.

    Parameters
    ----------
    method : str or None
        Name of a method that tunes a model or fits a head on one; the usual one of the kind of task where None.
    model : str or None
        The one that is commonly used with the method where None.
    n : int or None
        Labelled rows; all train rows where None.
    settings : sequence of str
        Of the method, ``NAME=VALUE`` each, in place of its defaults.
    seed : int
        Of the split, the sample and the fit.
    labels : Path or None
        File of label definitions.
    metric : str or None
        Chosen from the label frequencies where None.
    seconds : float or None
        Within which training ends, on a schedule that fits; no limit where None.
    tries : int
        Settings that are tried inside the rows before the fit; none where 0. Half of the time goes to them at most.
    """

    method: str | None = None
    model: str | None = None
    n: int | None = None
    settings: Sequence[str] = ()
    seed: int = 0
    labels: Path | None = None
    metric: str | None = None
    seconds: float | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class FinetuneOutcome:
    """What came of it.

    Parameters
    ----------
    contender : Contender
    task : Task
    n : int
        Labelled rows that were learned from.
    validation, test : Scored
    floor : Scored
        TF-IDF and logistic regression on the same rows, tested.
    seconds : float
        Of the fit.
    rows_per_second : float
        Answering the test rows.
    details : mapping
        As the method told them.
    history : tuple of mapping
        Step by step, as the method told it.
    cut : bool
        Whether time was up before the fit was done.
    bundle : Path or None
    searched : SettingsFound or None
        What the search over settings found, where there was one.
    """

    contender: Contender
    task: Task
    n: int
    validation: Scored
    test: Scored
    floor: Scored
    seconds: float
    rows_per_second: float
    details: Mapping[str, Any]
    history: tuple[Mapping[str, Any], ...]
    cut: bool
    bundle: Path | None
    searched: SettingsFound | None = None


def finetune(
    source: Any,
    data: DataOptions,
    options: FinetuneOptions,
    *,
    output: Path,
    command: str = "",
    watcher: Watcher | None = None,
) -> FinetuneOutcome:
    """Fit one method, score it on rows that it did not see, and write it as a bundle.

    Parameters
    ----------
    source : str or a table in memory
        A file, a folder with splits, a data set of the catalogue, or ``hf:owner/name``; a table of pandas, polars or
        pyarrow, a ``datasets.Dataset``, or a mapping of splits to these.
    data : DataOptions
    options : FinetuneOptions
    output : Path
        Folder of the bundle; one that stands there is replaced.
    command : str
        How to repeat it, for the card.
    watcher : Watcher, optional

    Returns
    -------
    FinetuneOutcome

    Raises
    ------
    UserError
        If rows, options or models cannot be used; nothing has been written then.
    TrialError
        If the fit fails.
    """
    watcher = watcher or Watcher()
    check_place(output)
    given = _given(source, data, options, watcher)
    began = time.monotonic()
    contender, found = _searched(given, options, watcher)
    left = None if options.seconds is None else max(options.seconds - (time.monotonic() - began), 1.0)
    watcher.step(f"fitting {contender.name} on {len(given.train):,} rows")
    method = _made(contender, given.task, options.seed).within(context_for(left, watcher, output, measure_dtype=True))
    method.fit(given.train.texts, given.train.labels)
    watcher.step("answering the validation and test rows")
    outcome = replace(_outcome(method, contender, given, options.seed), searched=found)
    watcher.step("writing the bundle, and answering with what was written")
    return replace(outcome, bundle=_write(method, outcome, given, output, command))


@dataclass(frozen=True, slots=True)
class _Given:
    """What is known before anything is fitted: the rows, divided, the task, and the contender as it was asked for."""

    source: str
    columns: Columns
    split: Split
    task: Task
    contender: Contender
    train: Rows


def _given(source: str, data: DataOptions, options: FinetuneOptions, watcher: Watcher) -> _Given:
    _check_method(options.method)
    watcher.step("reading the rows")
    read = read_source(source, data)
    options = replace(options, method=options.method or _USUAL.get(read.kind, "full"))
    study = _study_options(options)
    settings_of(str(options.method), options.settings)
    split = divide(read, seed=options.seed, seeds=1, division="one")
    task = task_of(read, split, study)
    checks = (*check_rows(read), *split.checks)
    watcher.checked(checks, known_before(read, task, split))
    check_meaning(checks)
    contender = _contender(task, study, options, len(split.train), watcher)
    # What looks at no label must not be said to have learned from rows.
    train = sample(split.train, options.n if contender.uses_labels else 0, options.seed)
    return _Given(source, read.columns, split, task, contender, train)


def _made(contender: Contender, task: Task, seed: int) -> Method:
    return load_method(contender.method)(task=task, model=contender.model, seed=seed, **dict(contender.parameters))


def _write(method: Method, outcome: FinetuneOutcome, given: _Given, output: Path, command: str) -> Path:
    facts = BundleFacts(
        contender=outcome.contender,
        task=given.task,
        seed=method.seed,
        rows=outcome.n,
        fingerprint=fingerprint({"train": given.train}, given.task.labels),
        dtype=method.context_.dtype,
        text_columns=given.columns.text,
        text_pair=given.columns.text_pair,
        rows_from=rows_source(given.source),
    )
    card = tuned_card(
        given.task, outcome.contender, _figures(outcome), seed=method.seed, repeat=command, bundle_name=output.name
    )
    return write_fitted(method, facts, card, output, given.split.test.texts)


def _searched(given: _Given, options: FinetuneOptions, watcher: Watcher) -> tuple[Contender, SettingsFound | None]:
    """Search the settings inside the train rows, where that was asked for."""
    contender = given.contender
    if not options.tries:
        return contender, None
    space = method_spec(contender.method).search_space
    if not space:
        tunable = ", ".join(spec.name for spec in method_specs() if spec.search_space)
        raise OptionError(
            f"--tune searches settings of {tunable}; {contender.method} has none.", next_step="Leave --tune away."
        )
    settled = settings_of(contender.method, options.settings)
    kept = {name: values for name, values in space.items() if name not in settled}
    if not kept:
        raise OptionError("--set settles all that --tune would search.", next_step="Leave one of them away.")
    watcher.step(f"searching settings of {contender.name} inside {len(given.train):,} rows")
    try:
        found = search_settings(
            lambda settings: _made(replace(contender, parameters=dict(settings)), given.task, options.seed),
            contender.parameters,
            kept,
            (given.train.texts, given.train.labels),
            tries=options.tries,
            seed=options.seed,
            context=context_for(None if options.seconds is None else options.seconds / 2, watcher, measure_dtype=True),
        )
    except TrialError as error:
        watcher.step(f"{error} The settings stay as they are.")
        return contender, None
    return replace(contender, parameters=dict(found.settings)), found


def _outcome(method: Method, contender: Contender, given: _Given, seed: int) -> FinetuneOutcome:
    task, split = given.task, given.split
    validation, _answers, _rate = scored(method, split.validation, task, seed)
    test, _answers, rate = scored(method, split.test, task, seed)
    return FinetuneOutcome(
        contender=contender,
        task=task,
        n=len(given.train),
        validation=validation,
        test=test,
        floor=floor_score(task, given.train, split.test, seed),
        seconds=method.usage_.seconds,
        rows_per_second=rate,
        details=method.details_,
        history=tuple(method.history_),
        cut=method.cut_,
        bundle=None,
    )


def settings_of(method: str, given: Sequence[str]) -> dict[str, Any]:
    """Read settings of a method, such as ``learning_rate=2e-5``.

    Parameters
    ----------
    method : str
    given : sequence of str
        ``NAME=VALUE`` each.

    Returns
    -------
    dict
        Values of the types that the method's defaults have.

    Raises
    ------
    OptionError
        If a name is none of the method's, or a value is not of its type.
    """
    known = method_spec(method).parameters
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            raise OptionError(
                f"--set takes NAME=VALUE with one of {', '.join(known) or 'no settings'} for {method}; {text!r} came.",
                next_step="Write it as in: --set learning_rate=2e-5" if known else "Leave it away.",
            )
        found[name] = _as_type(name, value, type(known[name]))
    return found


def _as_type(name: str, value: str, kind: type) -> Any:
    if kind is bool and value.lower() in ("true", "false"):
        return value.lower() == "true"
    try:
        if kind is not bool:
            return kind(value)
    except ValueError:
        pass
    wanted = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "a text")
    raise OptionError(f"{name} is {wanted}; {value!r} came.", next_step="Mend the value behind --set.")


def _check_method(name: str | None) -> None:
    tuning = [each.name for each in method_specs() if each.arm == "finetune"]
    if name is not None and name not in tuning:
        near = difflib.get_close_matches(name, tuning, n=1)
        raise OptionError(
            f"--method names one that tunes a model: {', '.join(tuning)}; {name!r} came.",
            next_step=f"Did you mean {near[0]!r}?" if near else "Choose among these.",
        )


def _study_options(options: FinetuneOptions) -> StudyOptions:
    spec = method_spec(str(options.method))
    if spec.model == "seq2seq" and not options.model:
        raise OptionError(
            f"{spec.name} tunes an encoder-decoder, and the catalogue has none.",
            next_step="Name the folder of one, such as T5, with --model.",
        )
    models = (options.model,) if options.model else None
    encoders, decoders = StudyOptions().encoders, StudyOptions().prompt_models
    return StudyOptions(
        encoders=(models or encoders) if spec.model in ("encoder", "seq2seq") else (),
        prompt_models=(models or decoders) if spec.model == "decoder" else (),
        methods=(spec.name,),
        labels=options.labels,
        metric=options.metric,
        seed=options.seed,
        division="one",
    )


def _contender(task: Task, study: StudyOptions, options: FinetuneOptions, rows: int, watcher: Watcher) -> Contender:
    models, _seconds = candidate_models(study, watcher, task.kind)
    wanted = method_spec(str(options.method)).model
    for model in models:
        if model.family != wanted:
            raise OptionError(
                f"{options.method} needs a model of the family {wanted!r}; {model.short_name} is of {model.family!r}.",
                next_step="Name another model with --model, or another method.",
            )
    found, missing = build_contenders(models, kind=task.kind, methods=study.methods, train_rows=rows)
    chosen = [one for one in found if one.method == options.method]
    if not chosen:
        able = [spec.name for spec in method_specs() if spec.arm == "finetune" and task.kind in spec.kinds]
        unfit = f"{options.method} does not solve tasks of the kind {task.kind!r}."
        raise OptionError(
            unfit if options.method not in able else " ".join(missing),
            next_step=f"Choose among {', '.join(able)}, or another model with --model.",
        )
    settings = settings_of(chosen[0].method, options.settings)
    return replace(chosen[0], parameters={**chosen[0].parameters, **settings})


def _figures(outcome: FinetuneOutcome) -> TunedFigures:
    validation, test = outcome.validation, outcome.test
    return TunedFigures(
        learned_rows=outcome.n,
        validation=(validation.score, validation.interval, validation.rows),
        test=(test.score, test.interval, test.rows),
        floor=outcome.floor.score,
        seconds=outcome.seconds,
        rows_per_second=outcome.rows_per_second,
        cut=outcome.cut,
        calibration=calibration_figures(test),
    )
