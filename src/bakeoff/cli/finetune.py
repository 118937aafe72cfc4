"""``bakeoff finetune``: fit one method alone, score it, and write it as a bundle."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli import complete, options
from bakeoff.cli.json_output import FLAG, Given, plain
from bakeoff.errors import OptionError

if TYPE_CHECKING:
    from rich.console import Console

    from bakeoff.cli.live import TerminalWatcher
    from bakeoff.workbench.finetune import FinetuneOutcome
    from bakeoff.workbench.finetune_further import BeforeAfter, FurtherOutcome
    from bakeoff.workbench.fitting import Scored

__all__ = ["finetune"]

#: Heading of the help.
TRAINING = "Training"

Method = Annotated[
    str | None,
    options.option(
        "--method",
        metavar="NAME",
        help=f"One of {options.TUNING_METHODS}; full where not given, tagger for tags.",
        panel=TRAINING,
        autocompletion=complete.tuning_methods,
    ),
]
Model = Annotated[
    str | None,
    options.option(
        "--model",
        metavar="MODEL",
        help="A name or a folder; minilm-l6, or smollm2-135m for a decoder.",
        panel=TRAINING,
        autocompletion=complete.models,
    ),
]
Rows = Annotated[
    int | None,
    options.option(
        "-n",
        "--rows",
        metavar="ROWS",
        min=0,
        help="Labelled rows to learn from; by default all train rows.",
        panel=TRAINING,
    ),
]
Settings = Annotated[
    list[str] | None,
    options.option(
        "--set",
        metavar="NAME=VALUE",
        help="Setting of the method, as in learning_rate=2e-5; repeat for several.",
        panel=TRAINING,
    ),
]
Tune = Annotated[
    int,
    options.option(
        "--tune",
        metavar="COUNT",
        min=0,
        help="Settings to try inside the labelled rows first; none by default.",
        panel=TRAINING,
    ),
]
Seed = Annotated[
    int | None,
    options.option(
        "--seed",
        metavar="NUMBER",
        help="Of split, sample and fit; 0, or that of the bundle of --continue.",
        min=0,
        panel=TRAINING,
    ),
]
Further = Annotated[
    Path | None,
    options.option(
        "--continue",
        metavar="BUNDLE",
        help="Go on from this bundle, with its method and model.",
        panel=TRAINING,
        autocompletion=complete.bundles,
    ),
]
Earlier = Annotated[
    str | None,
    options.option(
        "--earlier", metavar="DATA", help="With --continue: the earlier rows, if they were moved.", panel=TRAINING
    ),
]
Output = Annotated[
    Path,
    options.option("--output", "-o", metavar="FOLDER", help="Folder of the bundle.", show_default=True),
]


def finetune(
    context: typer.Context,
    source: options.Source,
    method: Method = None,
    model: Model = None,
    rows: Rows = None,
    settings: Settings = None,
    tune: Tune = 0,
    text: options.Text = None,
    text_pair: options.TextPair = None,
    label: options.Label = None,
    group: options.Group = None,
    time: options.Time = None,
    encoding: options.Encoding = None,
    delimiter: options.Delimiter = None,
    no_header: options.NoHeader = False,
    min_label_rows: options.MinLabelRows = 1,
    rare: options.Rare = "drop",
    task: options.TaskKind = "auto",
    metric: options.Metric = None,
    labels: options.LabelsFile = None,
    seed: Seed = None,
    time_limit: options.TimeLimit = None,
    output: Output = Path("bundle"),
    further: Further = None,
    earlier: Earlier = None,
    as_json: options.Json = False,
) -> None:
    """Fine-tune one method on your rows, score it on rows it did not see, and write it as a bundle."""
    from bakeoff.cli.live import TerminalWatcher

    given = Given("finetune", as_json)
    with TerminalWatcher(given.console) as watcher:
        watcher.kept = "Run the same command again: training goes on from where its state was last kept."
        done = _go_on(watcher, context.params) if further is not None else _fit_alone(watcher, context.params)
    given.give(lambda: {**plain(done), "bundle": output}, lambda console: _show(console, done, output))


def _fit_alone(watcher: TerminalWatcher, given: Mapping[str, Any]) -> FinetuneOutcome:
    from bakeoff.workbench.finetune import FinetuneOptions
    from bakeoff.workbench.finetune import finetune as fit_alone

    if given["earlier"] is not None:
        raise OptionError("--earlier belongs to --continue.", next_step="Leave it away, or name a bundle.")
    wanted = FinetuneOptions(
        method=given["method"],
        model=given["model"],
        n=given["rows"],
        settings=tuple(given["settings"] or ()),
        seed=given["seed"] or 0,
        labels=given["labels"],
        metric=given["metric"],
        seconds=_seconds(given["time_limit"]),
        tries=given["tune"],
    )
    rows = options.data_options(given)
    return fit_alone(given["source"], rows, wanted, output=given["output"], command=_command(), watcher=watcher)


def _go_on(watcher: TerminalWatcher, given: Mapping[str, Any]) -> FurtherOutcome:
    from bakeoff.workbench.finetune_further import FurtherOptions, finetune_further

    for name, flag in (
        ("method", "--method"),
        ("model", "--model"),
        ("metric", "--metric"),
        ("labels", "--labels"),
        ("tune", "--tune"),
    ):
        if given[name]:
            raise OptionError(
                f"{flag} cannot change what the bundle of --continue is.", next_step=f"Leave {flag} away."
            )
    wanted = FurtherOptions(
        bundle=given["further"],
        n=given["rows"],
        settings=tuple(given["settings"] or ()),
        seed=given["seed"],
        earlier=given["earlier"],
        seconds=_seconds(given["time_limit"]),
    )
    rows = options.data_options(given)
    return finetune_further(given["source"], rows, wanted, output=given["output"], command=_command(), watcher=watcher)


def _seconds(time_limit: str | None) -> float | None:
    from bakeoff.workbench.options import parse_duration

    return parse_duration(time_limit) if time_limit else None


def _command() -> str:
    return shlex.join(["bakeoff", *(word for word in sys.argv[1:] if word != FLAG)])


def _show(console: Console, done: FinetuneOutcome | FurtherOutcome, output: Path) -> None:
    from bakeoff.workbench.finetune_further import FurtherOutcome

    if isinstance(done, FurtherOutcome):
        _show_further(console, done, output)
    else:
        _show_fitted(console, done, output)


def _show_fitted(console: Console, done: FinetuneOutcome, output: Path) -> None:
    from bakeoff.report.figures import duration_text, rate_text
    from bakeoff.workbench.fitting import floor_words

    if done.searched is not None:
        _show_search(console, done)
    _show_epochs(console, done.history, done.task.metric)
    shortened = done.details.get("share_of_steps", 1.0)
    console.print(
        f"{done.contender.name}: {done.n:,} rows in {duration_text(done.seconds)}, answers "
        f"{rate_text(done.rows_per_second)}{f', {shortened:.0%} of its steps' if shortened < 1 else ''}",
        markup=False,
    )
    console.print(f"test         {done.task.metric} {_told(done.test)}", markup=False)
    console.print(f"validation   {done.task.metric} {_told(done.validation)}", markup=False)
    if not math.isnan(done.floor.score):
        floor = floor_words(done.task.kind)
        console.print(f"floor        {done.task.metric} {_told(done.floor)}, {floor}, the same rows", markup=False)
    _show_calibrations(console, done)
    _show_long_texts(console, done)
    if done.cut:
        console.print("Time was up before training was done.", style="bold yellow")
    _show_merge(console, done.details.get("merged"))
    _show_bundle(console, output)


def _show_long_texts(console: Console, done: FinetuneOutcome) -> None:
    cut, whole = (done.details.get(name, 0) for name in ("truncated_rows", "windowed_rows"))
    if whole:
        console.print(f"{whole:,} of {done.n:,} labelled texts were read in windows", markup=False)
    if cut:
        most = done.details.get("max_tokens")
        limit = f" at {most:,} tokens" if most else ""
        console.print(f"{cut:,} of {done.n:,} labelled texts were cut{limit}", style="yellow", markup=False)
        if done.contender.parameters.get("long_texts") == "cut":
            console.print("They are read whole with: --set long_texts=windows", markup=False)


def _show_calibrations(console: Console, done: FinetuneOutcome) -> None:
    from bakeoff.report.figures import points_text

    lines = []

    def show(rows: str, error: float, unscaled: float | None, chance: float | None) -> None:
        before = "" if unscaled is None else f", {100 * unscaled:.1f} before scaling"
        by_chance = "" if chance is None else f", {100 * chance:.1f} by chance"
        lines.append(f"{rows:<13}{points_text(error, signed=False)}{before}{by_chance}")

    for name, scored in (("  test", done.test), ("  validation", done.validation)):
        if (found := scored.calibration) is not None:
            show(name, found.error, found.unscaled, found.by_chance)
    held = done.details.get("calibration_error")
    if held is not None:
        show("  held-out", held["after"], held["before"], None)
    for line in ["expected calibration error", *lines] if lines else ():
        console.print(line, markup=False)


def _show_merge(console: Console, merged: Mapping[str, Any] | None) -> None:
    if merged is None:
        return
    told = f"adapters merged: {merged['answers_changed']} of {merged['rows']} answers changed by it, "
    style = "bold yellow" if merged["answers_changed"] else None
    console.print(f"{told}probabilities by {merged['largest_difference']:.3f} at most", style=style, markup=False)


def _show_search(console: Console, done: FinetuneOutcome) -> None:
    from bakeoff.report.figures import duration_text, score_text

    found = done.searched
    if found is None:
        return
    settings = ", ".join(f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
                         for name, value in found.settings.items())  # fmt: skip
    console.print(
        f"{found.tried} settings tried inside the rows in {duration_text(found.seconds)}: {done.task.metric} "
        f"{score_text(found.score)}, the first {score_text(found.first_score)}",
        markup=False,
    )
    console.print(settings, markup=False)


def _show_further(console: Console, done: FurtherOutcome, output: Path) -> None:
    from bakeoff.report.figures import duration_text

    _show_epochs(console, done.history, done.task.metric)
    added = f", new labels: {', '.join(done.new_labels)}" if done.new_labels else ""
    console.print(f"{done.n:,} new rows in {duration_text(done.seconds)}{added}", markup=False)
    if done.learned_before:
        told = "new test and validation rows left out: the bundle had learned from their texts"
        console.print(f"{done.learned_before:,} {told}", style="yellow", markup=False, soft_wrap=True)
    _show_pair(console, "new test rows", done.task.metric, done.test)
    if done.earlier is None:
        console.print(f"earlier rows: {done.earlier_unknown}", markup=False)
        console.print("What it forgot is not known; name the earlier rows with --earlier DATA.", style="bold yellow")
    else:
        _show_pair(console, "earlier validation rows", done.task.metric, done.earlier)
        if done.earlier.fell:
            forgot = "It forgot some of what it knew"
            may_have = "It may have forgotten some of what it knew, which these rows cannot tell from chance"
            told = (
                f"{forgot if done.earlier.fall_is_shown else may_have}: tune on the earlier and the new rows together."
            )
            console.print(told, style="bold yellow")
    _show_bundle(console, output)


def _show_epochs(console: Console, history: Sequence[Mapping[str, Any]], metric: str) -> None:
    from bakeoff.report.figures import score_text

    for entry in history:
        if "loss" in entry:
            held = entry["held_out_score"]
            told = "" if held is None else f"   held-out {metric} {score_text(held)}"
            console.print(f"epoch {entry['epoch']:>3}   loss {entry['loss']:.3f}{told}", markup=False)


def _show_pair(console: Console, rows: str, metric: str, pair: BeforeAfter) -> None:
    from bakeoff.report.figures import p_phrase

    console.print(f"{rows}, {metric}", markup=False)
    console.print(f"  before     {_told(pair.before)}", markup=False)
    console.print(f"  after      {_told(pair.after)}", markup=False)
    if not math.isnan(pair.p):
        console.print(f"  {pair.gained} gained, {pair.lost} lost, McNemar's {p_phrase(pair.p)}", markup=False)


def _show_bundle(console: Console, bundle: Path) -> None:
    # A path or a command that is broken into lines cannot be copied.
    console.print(f"{bundle}   reloaded, answers equal", markup=False, soft_wrap=True)
    console.print(f"Use it with: bakeoff predict {shlex.quote(str(bundle))} new.csv", markup=False, soft_wrap=True)


def _told(scored: Scored) -> str:
    from bakeoff.report.figures import interval_text, score_text

    return f"{score_text(scored.score)} {interval_text(scored.interval)} on {scored.rows:,} rows"
