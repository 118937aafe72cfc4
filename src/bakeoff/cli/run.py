"""``bakeoff run``: the main job."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bakeoff.cli import options
from bakeoff.cli.json_output import FLAG, Given

if TYPE_CHECKING:
    from rich.console import Console

    from bakeoff.workbench.conclude import Outcome
    from bakeoff.workbench.options import DataOptions, StudyOptions

__all__ = ["give_outcome", "run", "show_outcome", "start"]


#: Assumptions with an option of their own.
_PRICES = (
    "volume",
    "machine_hour_cost",
    "label_cost",
    "hour_cost",
    "host_hour_cost",
    "error_cost",
    "review_cost",
    "margin",
)


# fmt: off
def run(
    context: typer.Context, source: options.Source,
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
    unlabelled: options.Unlabelled = None,
    task: options.TaskKind = "auto",
    metric: options.Metric = None,
    instruction: options.Instruction = None,
    labels: options.LabelsFile = None, checks: options.ChecksFile = None,
    encoder: options.Encoder = ["minilm-l6"],  # noqa: B006  # never changed
    prompt_model: options.PromptModel = ["smollm2-135m"],  # noqa: B006
    method: options.MethodNames = None,
    budgets: options.Budgets = None,
    seeds: options.Seeds = 3,
    finalist_seeds: options.FinalistSeeds = 5,
    seed: options.Seed = 0, split: options.Division = "auto",
    time_limit: options.TimeLimit = None,
    until: options.Until = None, on: options.On = None,
    test_rows: options.TestRows = None,
    predictions: options.Predictions = None,
    prompt: options.PromptFiles = None,
    require: options.Require = None,
    volume: options.Volume = 100_000,
    machine_hour_cost: options.MachineHourCost = 0.20,
    label_cost: options.LabelCost = 0.10,
    hour_cost: options.HourCost = 50.0,
    host_hour_cost: options.HostHourCost = 0.0,
    error_cost: options.ErrorCost = None,
    review_cost: options.ReviewCost = None,
    cost_matrix: options.CostMatrix = None,
    assume: options.Assume = None,
    margin: options.Margin = 0.01,
    allow_send: options.AllowSend = None,
    prices: options.PricesFile = None,
    limit: options.Limits = None,
    dtype: options.DataType = "auto",
    output: options.StudyFolder = None,
    no_ship: options.NoShip = False, texts: options.RowTexts = None, as_json: options.Json = False,
) -> None:  # fmt: skip
    """Fine-tune and prompt on your rows, measure both, decide, report, and ship the winner."""
    study = _study_options(context.params)
    start(Given("run", as_json), source, options.data_options(context.params), study, output, on=on)
# fmt: on


def _study_options(given: Mapping[str, Any]) -> StudyOptions:
    from bakeoff.records import Assumptions
    from bakeoff.workbench.assume import assume
    from bakeoff.workbench.options import StudyOptions, parse_budgets, parse_duration, parse_requirement
    from bakeoff.workbench.sending import server_terms

    return StudyOptions(
        instruction=given["instruction"],
        labels=given["labels"],
        checks=given["checks"],
        metric=given["metric"],
        encoders=tuple(given["encoder"]),
        prompt_models=tuple(given["prompt_model"]),
        methods=tuple(given["method"]) if given["method"] else None,
        budgets=parse_budgets(given["budgets"]) if given["budgets"] else None,
        seeds=given["seeds"],
        finalist_seeds=given["finalist_seeds"],
        seed=given["seed"],
        division=given["split"],
        time_limit=parse_duration(given["time_limit"]) if given["time_limit"] else None,
        until=given["until"],
        test_rows=given["test_rows"],
        predictions=given["predictions"],
        prompts=tuple(given["prompt"] or ()),
        requirements=tuple(parse_requirement(text) for text in given["require"] or ()),
        assumptions=assume(
            Assumptions(), {name: given[name] for name in _PRICES}, given["assume"] or (), given["cost_matrix"]
        ),
        allow_send=frozenset(given["allow_send"] or ()),
        terms=server_terms(given["prices"], given["limit"] or ()),
        dtype=given["dtype"],
        ship=not given["no_ship"],
        texts=given["texts"] is not False,
    )


def start(
    given: Given,
    source: str,
    data: DataOptions,
    study: StudyOptions,
    output: Path | None,
    *,
    on: str | None = None,
    then: Callable[[Console, Outcome], None] | None = None,
) -> None:
    """Run a study in the terminal and give its verdict.

    Parameters
    ----------
    given : Given
    source : str
    data : DataOptions
    study : StudyOptions
    output : Path, optional
    on : str, optional
        Where trials run.
    then : callable, optional
        Prints more after the card.
    """
    from bakeoff.cli.live import TerminalWatcher
    from bakeoff.workbench import run as workbench

    command = shlex.join(["bakeoff", *(word for word in sys.argv[1:] if word != FLAG)])
    with TerminalWatcher(given.console) as watcher:
        outcome = workbench.run(source, data, study, folder=output, command=command, on=on, watcher=watcher)
    give_outcome(given, outcome, then=then)


def give_outcome(given: Given, outcome: Outcome, *, then: Callable[[Console, Outcome], None] | None = None) -> None:
    """Give a study's verdict, and leave with exit code 3 where there is none.

    Parameters
    ----------
    given : Given
    outcome : Outcome
    then : callable, optional
        Prints more after the card.
    """
    from bakeoff.cli.documents import study_document

    def show(console: Console) -> None:
        show_outcome(console, outcome)
        if then is not None:
            then(console, outcome)

    given.give(lambda: study_document(outcome), show, exit_code=0 if outcome.resolved else 3)


def show_outcome(console: Console, outcome: Outcome) -> None:
    """Print the verdict card.

    Parameters
    ----------
    console : Console
    outcome : Outcome
    """
    from rich.text import Text

    from bakeoff.report.card import verdict_card
    from bakeoff.workbench.next_command import next_command

    bundle = None if outcome.bundle is None else _near(outcome.bundle)
    report = _near(outcome.folder / "report.html")
    console.print()
    console.print(
        verdict_card(
            outcome.evidence,
            outcome.decision,
            title=Path(outcome.title).name,
            bundle=bundle,
            report=report,
            next_command=next_command(Path(_near(outcome.folder)), outcome.seconds_to_go_on),
        ),
        crop=False,  # a command that is longer than the terminal is wide must stay whole, to be copied
    )
    if outcome.shipped_note:
        console.print(Text(outcome.shipped_note, style="dim"))
    if not outcome.resolved:
        console.print(Text("exit code 3: finished, without a verdict", style="dim"))


def _near(path: Path) -> str:
    """Write a path as seen from the working folder, where that is shorter."""
    path = path.absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
