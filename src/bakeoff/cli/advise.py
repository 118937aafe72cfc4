"""``bakeoff advise``: what to expect before anything is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from bakeoff.cli import options
from bakeoff.cli.json_output import Given, plain

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from bakeoff.workbench.advise import Advice

__all__ = ["advise"]


def advise(
    context: typer.Context,
    source: options.Source,
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
    labels: options.LabelsFile = None,
    encoder: options.Encoder = ["minilm-l6"],  # noqa: B006  # never changed
    prompt_model: options.PromptModel = ["smollm2-135m"],  # noqa: B006
    method: options.MethodNames = None,
    seed: options.Seed = 0,
    require: options.Require = None,
    volume: options.Volume = 100_000,
    machine_hour_cost: options.MachineHourCost = 0.20,
    as_json: options.Json = False,
) -> None:
    """Advise in seconds, from the data alone: nothing is measured, fetched or written.

    What it expects was counted on open sets; `bakeoff run` measures your own rows.
    """
    from bakeoff.records import Assumptions
    from bakeoff.workbench.advise import advise as advise_source
    from bakeoff.workbench.options import StudyOptions, parse_requirement

    study = StudyOptions(
        labels=labels,
        encoders=tuple(encoder),
        prompt_models=tuple(prompt_model),
        methods=tuple(method) if method else None,
        seed=seed,
        requirements=tuple(parse_requirement(one) for one in require or ()),
        assumptions=Assumptions(volume=volume, machine_hour_cost=machine_hour_cost),
    )
    advice = advise_source(source, options.data_options(context.params), study)

    def show(console: Console) -> None:
        for piece in _pieces(advice):
            console.print(piece)

    Given("advise", as_json).give(lambda: {"measured": False, **plain(advice)}, show)


def _pieces(advice: Advice) -> list[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    from bakeoff.report.figures import clean_text
    from bakeoff.report.lookup import CONSIDERATION_WORDS
    from bakeoff.report.terminal import checks_table

    counts = ", ".join(f"{count:,} {part}" for part, count in advice.rows.items())
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="bold", no_wrap=True, min_width=12)
    lines.add_column(overflow="fold")
    lines.add_row("NOT MEASURED", f"{clean_text(advice.name)}: {advice.kind}, {advice.labels} labels; rows: {counts}")
    lines.add_row("expected", _expected(advice))
    for one in advice.considerations:
        word, _long = CONSIDERATION_WORDS[one.name]
        lines.add_row(word, Text(f"{one.finding} Favours {one.favours}."))
    for number, sentence in enumerate(advice.literature):
        lines.add_row("" if number else "literature", Text(sentence))
    found: list[RenderableType] = [lines]
    if advice.checks:
        found.append(checks_table(advice.checks))
    table = Table(title="By rule of thumb on two cores; a study measures this machine", box=None, title_justify="left")
    for name in ("contender", "labelled rows", "to fit, s", "1,000 answers, s"):
        table.add_column(name, justify="left" if name == "contender" else "right")
    for forecast in advice.forecasts:
        seconds = (f"{forecast.fit_seconds:,.0f}", f"{forecast.answer_seconds:,.0f}")
        table.add_row(clean_text(forecast.contender), f"{forecast.n:,}", *seconds)
    return [*found, table, Text(f"Measure it: bakeoff run {advice.name} --time-limit 12m", style="dim")]


def _expected(advice: Advice) -> str:
    expected = advice.expected
    if expected is None:
        return "Nothing is: no open sets of this kind of task were measured both ways."
    if expected.way is None:
        return (
            f"Nothing is: {expected.sets} open sets and budgets with about as many rows a label were measured so far, "
            f"and either way was ahead on {expected.ahead} of them at most."
        )
    way = {"finetune": "fine-tuning", "prompt": "prompting"}[expected.way]
    low, high = expected.rows_a_label
    rows = f"{low:g} rows a label or more" if high == float("inf") else f"{low:g} to {high:g} rows a label"
    return (
        f"{way} ahead, with probability {expected.probability:.2f}: it was on {expected.ahead} of {expected.sets} open "
        f"sets and budgets with {rows} (small models). That is ({expected.ahead} + 1) of ({expected.sets} + 2): "
        "one more is counted for either way, since so few prove little."
    )
