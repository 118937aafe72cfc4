"""The options of the commands, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bakeoff.cli import complete
from bakeoff.cli.row_options import (
    CONTENDERS,
    DECISION,
    PLACES,
    PLAN,
    SERVERS,
    ChecksFile,
    Delimiter,
    Encoding,
    Group,
    Instruction,
    Label,
    LabelsFile,
    Metric,
    MinLabelRows,
    NoHeader,
    Rare,
    Source,
    TaskKind,
    Text,
    TextPair,
    Time,
    Unlabelled,
    data_options,
    option,
)

__all__ = [
    "TUNING_METHODS",
    "AllowSend",
    "Assume",
    "Budgets",
    "ChecksFile",
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
    "Json",
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
    "On",
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
    "Unlabelled",
    "Until",
    "Volume",
    "data_options",
    "option",
]


# Contenders
#: Named here, since the registry is not loaded for a help text; a test compares them.
METHODS = (
    "probe, full, lora, tagger, zero-shot, zero-shot-calibrated, few-shot, few-shot-calibrated, prompt-ensemble, "
    "prompt-search, server-zero-shot, server-few-shot, zero-shot-sets, zero-shot-scale, few-shot-scale, prompt-head, "
    "tag-marks, write-full, write-zero-shot, write-few-shot, server-write, server-write-few-shot"
)
NAMED_METHODS = (
    "label-names, lp-ft, contrastive, lora-encoder, label-generator, seq2seq, zero-shot-domain, few-shot-domain, "
    "few-shot-diverse, few-shot-retrieved, many-shot, generated, generated-reasoning, prompt-affine, "
    "prompt-neighbours, server-choice, write-lora, write-seq2seq, write-retrieved, write-search, distil, cascade, "
    "tuned-prompt"
)
_METHODS = f"Method to try beside the floors; repeat for several. By default: {METHODS}. By name only: {NAMED_METHODS}."
#: Methods that tune a model alone.
TUNING_METHODS = (
    "label-names, probe, full, lp-ft, contrastive, lora, lora-encoder, label-generator, seq2seq, tagger, write-lora, "
    "write-full, write-seq2seq"
)
Encoder = Annotated[
    list[str],
    option(
        "--encoder",
        metavar="MODEL",
        help="Model to fine-tune: a name or a folder; repeat for several.",
        panel=CONTENDERS,
        show_default=True,
        autocompletion=complete.models,
    ),
]
PromptModel = Annotated[
    list[str],
    option(
        "--prompt-model",
        metavar="MODEL",
        panel=CONTENDERS,
        autocompletion=complete.models,
        help="Model to prompt: a name, a folder, a .gguf file, or http://host:port/v1#model; repeat for several.",
        show_default=True,
    ),
]
MethodNames = Annotated[
    list[str] | None,
    option("--method", metavar="NAME", help=_METHODS, panel=CONTENDERS, autocompletion=complete.methods),
]
Predictions = Annotated[
    Path | None,
    option(
        "--predictions",
        metavar="FILE",
        help="File of today's answers: a column with the texts, and one named prediction.",
        panel=CONTENDERS,
    ),
]

PromptFiles = Annotated[
    list[Path] | None,
    option("--prompt", metavar="FILE", help="Prompt file of yours to try; repeat for several.", panel=CONTENDERS),
]

# Plan
Budgets = Annotated[
    str | None,
    option(
        "--budgets",
        metavar="N,N,...",
        help="Label budgets, divided by commas; by default 0,16,64,256,all.",
        panel=PLAN,
    ),
]
Seeds = Annotated[
    int,
    option(
        "--seeds",
        metavar="COUNT",
        min=1,
        help="How often all is fitted; under 3 there is no verdict.",
        panel=PLAN,
        show_default=True,
    ),
]
FinalistSeeds = Annotated[
    int,
    option(
        "--finalist-seeds",
        metavar="COUNT",
        min=1,
        help="Seeds of the finalists, where time allows.",
        panel=PLAN,
        show_default=True,
    ),
]
Seed = Annotated[
    int,
    option("--seed", metavar="NUMBER", help="Of the split and all samples.", panel=PLAN, show_default=True),
]
TimeLimit = Annotated[
    str | None, option("--time-limit", metavar="TIME", help="Such as 90s, 12m, 1.5h; none by default.", panel=PLAN)
]
Division = Annotated[
    Literal["auto", "one", "cross-fit"],
    option(
        "--split",
        metavar="auto|one|cross-fit",
        help="One split, or a fold for each seed; auto: folds under 2,000 rows.",
        panel=PLAN,
        show_default=True,
    ),
]
Until = Annotated[
    Literal["decided", "measured"] | None,
    option(
        "--until",
        metavar="decided|measured",
        help="End when the verdict is decided, or with all measured; decided without a time limit.",
        panel=PLAN,
    ),
]
On = Annotated[
    str | None,
    option(
        "--on",
        metavar="local|ray[:HOST:PORT]",
        help="Where trials run: here, or on a Ray cluster, several at a time.",
        panel=PLAN,
    ),
]
TestRows = Annotated[
    int | None, option("--test-rows", metavar="ROWS", min=20, help="Most test rows to answer.", panel=PLAN)
]
DataType = Annotated[
    Literal["auto", "float32", "bfloat16"],
    option(
        "--dtype",
        metavar="auto|float32|bfloat16",
        help="Numbers that prompts are computed in.",
        panel=PLAN,
        show_default=True,
    ),
]

# Decision
Require = Annotated[
    list[str] | None,
    option(
        "--require",
        metavar="LIMIT",
        help="Hard limit: 'accuracy>=0.9', 'p95_ms<=50', 'offline'; repeat for several.",
        panel=DECISION,
    ),
]
Volume = Annotated[
    float,
    option("--volume", metavar="NUMBER", min=0, help="Predictions a month.", panel=DECISION, show_default=True),
]
MachineHourCost = Annotated[
    float,
    option(
        "--machine-hour-cost",
        metavar="PRICE",
        min=0,
        help="Price of an hour of this machine.",
        panel=DECISION,
        show_default=True,
    ),
]
LabelCost = Annotated[
    float,
    option(
        "--label-cost", metavar="PRICE", min=0, help="Price of one further label.", panel=DECISION, show_default=True
    ),
]
HourCost = Annotated[
    float,
    option(
        "--hour-cost",
        metavar="PRICE",
        min=0,
        help="Price of an hour of people's work.",
        panel=DECISION,
        show_default=True,
    ),
]
HostHourCost = Annotated[
    float,
    option(
        "--host-hour-cost",
        metavar="PRICE",
        min=0,
        help="Price of an hour of an instance that is always on; 0: none is.",
        panel=DECISION,
        show_default=True,
    ),
]
ErrorCost = Annotated[
    float | None,
    option(
        "--error-cost",
        metavar="PRICE",
        min=0,
        help="Cost of a wrong answer: the choice is then by expected cost.",
        panel=DECISION,
    ),
]
ReviewCost = Annotated[
    float | None,
    option("--review-cost", metavar="PRICE", min=0, help="Cost of an answer that is not given.", panel=DECISION),
]
CostMatrix = Annotated[
    Path | None,
    option(
        "--cost-matrix",
        metavar="FILE",
        help="CSV or YAML file: costs by true label (rows) and answered label (columns).",
        panel=DECISION,
    ),
]
Assume = Annotated[
    list[str] | None,
    option(
        "--assume",
        metavar="NAME=VALUE",
        help="Another assumption, such as retrains_per_month=1; repeat for several.",
        panel=DECISION,
    ),
]
Margin = Annotated[
    float,
    option(
        "--margin",
        metavar="SCORE",
        min=0,
        max=1,
        help="Scores this near count as equal.",
        panel=DECISION,
        show_default=True,
    ),
]

# Places and permissions
StudyFolder = Annotated[
    Path | None, option("--output", "-o", metavar="FOLDER", help="Folder of the study.", panel=PLACES)
]
NoShip = Annotated[bool, option("--no-ship", help="Do not refit and ship the winner.", panel=PLACES)]
RowTexts = Annotated[
    bool | None,
    option(
        "--texts/--no-texts",
        help="Show test rows with their texts in the report, or by their ids alone.",
        panel=PLACES,
    ),
]
AllowSend = Annotated[
    list[str] | None,
    option("--allow-send", metavar="HOST", help="Host to which rows may be sent; repeat for several.", panel=SERVERS),
]
PricesFile = Annotated[
    Path | None,
    option(
        "--prices", metavar="FILE", help="YAML table of prices; by default the user's own prices.yaml.", panel=SERVERS
    ),
]
Limits = Annotated[
    list[str] | None,
    option(
        "--limit",
        metavar="NAME=VALUE",
        help="Most money, tokens or calls of servers, or calls-at-a-time; repeat for several.",
        panel=SERVERS,
    ),
]
Study = Annotated[
    Path,
    typer.Argument(metavar="STUDY", help="Folder of the study.", show_default=False, autocompletion=complete.studies),
]
Json = Annotated[
    bool,
    option("--json", help="One JSON document on standard output, for programs; progress goes to standard error."),
]
