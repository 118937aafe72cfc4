"""The options of the commands, each with its help; and those that name the rows, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from bakeoff.workbench.options import DataOptions

__all__ = [
    "AllowSend",
    "Assume",
    "Budgets",
    "CostMatrix",
    "DataType",
    "Delimiter",
    "Division",
    "Encoder",
    "Encoding",
    "ErrorCost",
    "Group",
    "HostHourCost",
    "HourCost",
    "Instruction",
    "Label",
    "LabelCost",
    "LabelsFile",
    "Limits",
    "MachineHourCost",
    "Margin",
    "MethodNames",
    "Metric",
    "MinLabelRows",
    "NoHeader",
    "NoShip",
    "Predictions",
    "PricesFile",
    "PromptFiles",
    "PromptModel",
    "Rare",
    "Require",
    "ReviewCost",
    "RowTexts",
    "Seed",
    "Seeds",
    "Source",
    "Study",
    "StudyFolder",
    "TaskKind",
    "TestRows",
    "Text",
    "TextPair",
    "Time",
    "TimeLimit",
    "Until",
    "Volume",
    "data_options",
]


def _option(*names: str, help: str, **settings: Any) -> Any:  # noqa: A002  # typer's own word
    return typer.Option(*names, help=help, show_default=settings.pop("show_default", False), **settings)


# Rows
Source = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A .csv, .tsv, .jsonl, .parquet or .xlsx file, a folder with train/validation/test files, the name of a "
        "data set in the catalogue, or hf:owner/name.",
        show_default=False,
    ),
]
Text = Annotated[list[str] | None, _option("--text", help="Column of the text; repeat to join several.")]
TextPair = Annotated[str | None, _option("--text-pair", help="Column of the second text of a pair.")]
Label = Annotated[str | None, _option("--label", help="Column of the label.")]
Group = Annotated[str | None, _option("--group", help="Column whose members (a customer, a document) stay together.")]
Time = Annotated[str | None, _option("--time", help="Column of the time: the latest rows are the test.")]
Encoding = Annotated[str | None, _option("--encoding", help="Encoding, where it is not UTF-8.")]
Delimiter = Annotated[str | None, _option("--delimiter", help="Delimiter of cells, where it is not found.")]
NoHeader = Annotated[bool, _option("--no-header", help="The first row is data; columns are numbered from 1.")]
MinLabelRows = Annotated[int, _option("--min-label-rows", min=1, help="Least rows of a label that is kept.")]
Rare = Annotated[Literal["drop", "merge"], _option("--rare", help="What to do with rarer labels.", show_default=True)]
Unlabelled = Annotated[
    Path | None,
    _option("--unlabelled", help="File of further texts without a label, for methods that learn from such."),
]

# Task
TaskKind = Annotated[
    Literal["auto", "classification", "multi-label", "regression", "pair", "tagging"],
    _option("--task", help="Kind of the task; auto: told by the columns.", show_default=True),
]
Metric = Annotated[
    str | None, _option("--metric", help="Such as accuracy or macro-F1; by default chosen by kind and labels.")
]
Instruction = Annotated[str | None, _option("--instruction", help="What prompts tell the model.")]
LabelsFile = Annotated[
    Path | None, _option("--labels", help="YAML or JSON file: what each label means, its words, examples.")
]

# Contenders
#: Named here, since the registry is not loaded for a help text; a test compares them.
METHODS = (
    "probe, full, lora, tagger, zero-shot, zero-shot-calibrated, few-shot, few-shot-calibrated, prompt-ensemble, "
    "prompt-search, server-zero-shot, server-few-shot"
)
NAMED_METHODS = (
    "label-names, lp-ft, contrastive, lora-encoder, label-generator, seq2seq, zero-shot-domain, few-shot-domain, "
    "few-shot-diverse, few-shot-retrieved, many-shot, generated, generated-reasoning, prompt-affine, "
    "prompt-neighbours, server-choice, distil, cascade, tuned-prompt"
)
_METHODS = f"Method to try beside the floors; repeat for several. By default: {METHODS}. By name only: {NAMED_METHODS}."
Encoder = Annotated[
    list[str],
    _option("--encoder", help="Model to fine-tune: a name or a folder; repeat for several.", show_default=True),
]
PromptModel = Annotated[
    list[str],
    _option(
        "--prompt-model",
        help="Model to prompt: a name, a folder, a .gguf file, or http://host:port/v1#model; repeat for several.",
        show_default=True,
    ),
]
MethodNames = Annotated[list[str] | None, _option("--method", help=_METHODS)]
Predictions = Annotated[
    Path | None,
    _option("--predictions", help="File of today's answers: a column with the texts, and one named prediction."),
]

PromptFiles = Annotated[
    list[Path] | None, _option("--prompt", metavar="FILE", help="Prompt file of yours to try; repeat for several.")
]

# Plan
Budgets = Annotated[str | None, _option("--budgets", help="Label budgets; by default 0,16,64,256,all.")]
Seeds = Annotated[int, _option("--seeds", min=1, help="Seeds; under 3 there is no verdict.", show_default=True)]
FinalistSeeds = Annotated[
    int,
    _option("--finalist-seeds", min=1, help="Seeds of the finalists, where time allows.", show_default=True),
]
Seed = Annotated[int, _option("--seed", help="Of the split and all samples.", show_default=True)]
TimeLimit = Annotated[str | None, _option("--time-limit", help="Such as 90s, 12m, 1.5h.")]
Division = Annotated[
    Literal["auto", "one", "cross-fit"],
    _option("--split", help="One split, or a fold for each seed; auto: folds under 2,000 rows.", show_default=True),
]
Until = Annotated[
    Literal["decided", "measured"] | None,
    _option("--until", help="End when the verdict is decided, or with all measured; decided without a time limit."),
]
TestRows = Annotated[int | None, _option("--test-rows", min=20, help="Most test rows to answer.")]
DataType = Annotated[
    Literal["auto", "float32", "bfloat16"], _option("--dtype", help="Of prompts' forward passes.", show_default=True)
]

# Decision
Require = Annotated[
    list[str] | None, _option("--require", help="Hard limit: 'accuracy>=0.9', 'p95_ms<=50', 'offline'.")
]
Volume = Annotated[float, _option("--volume", min=0, help="Predictions a month.", show_default=True)]
MachineHourCost = Annotated[
    float, _option("--machine-hour-cost", min=0, help="Price of an hour of this machine.", show_default=True)
]
LabelCost = Annotated[float, _option("--label-cost", min=0, help="Price of one further label.", show_default=True)]
HourCost = Annotated[float, _option("--hour-cost", min=0, help="Price of an hour of people's work.", show_default=True)]
HostHourCost = Annotated[
    float, _option("--host-hour-cost", min=0, help="Price of an hour of an instance that is always on; 0: none is.")
]
ErrorCost = Annotated[
    float | None, _option("--error-cost", min=0, help="Cost of a wrong answer: the choice is then by expected cost.")
]
ReviewCost = Annotated[float | None, _option("--review-cost", min=0, help="Cost of an answer that is not given.")]
CostMatrix = Annotated[
    Path | None,
    _option("--cost-matrix", help="CSV or YAML file: costs by true label (rows) and answered label (columns)."),
]
Assume = Annotated[
    list[str] | None,
    _option("--assume", metavar="NAME=VALUE", help="Another assumption, such as retrains_per_month=1; repeat."),
]
Margin = Annotated[float, _option("--margin", min=0, max=1, help="Scores this near are equal.", show_default=True)]

# Places and permissions
StudyFolder = Annotated[Path | None, _option("--output", "-o", help="Folder of the study.")]
NoShip = Annotated[bool, _option("--no-ship", help="Do not refit and ship the winner.")]
RowTexts = Annotated[
    bool | None,
    _option("--texts/--no-texts", help="Show test rows with their texts in the report, or by their ids alone."),
]
AllowSend = Annotated[list[str] | None, _option("--allow-send", metavar="HOST", help="Host to which rows may be sent.")]
PricesFile = Annotated[
    Path | None,
    _option("--prices", metavar="FILE", help="YAML table of prices; by default the user's own prices.yaml."),
]
Limits = Annotated[
    list[str] | None,
    _option("--limit", metavar="NAME=VALUE", help="Of servers: money, tokens, calls, or calls-at-a-time; repeat."),
]
Study = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of the study.", show_default=False)]


def data_options(given: Mapping[str, Any]) -> DataOptions:
    """Collect what a command was told about its rows.

    Parameters
    ----------
    given : mapping
        The command's parameters by name.

    Returns
    -------
    DataOptions
    """
    from bakeoff.workbench.options import DataOptions

    return DataOptions(
        text=tuple(given["text"] or ()),
        text_pair=given.get("text_pair"),
        # Commands without the option are for one label a row.
        kind=given.get("task", "classification"),
        label=given["label"],
        group=given["group"],
        time=given["time"],
        encoding=given["encoding"],
        delimiter=given["delimiter"],
        header=not given["no_header"],
        min_label_rows=given["min_label_rows"],
        rare=given["rare"],
        unlabelled=given.get("unlabelled"),
    )
