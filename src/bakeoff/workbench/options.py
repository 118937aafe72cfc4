"""What a person may settle about a study; plain values, kept with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bakeoff.catalog.terms import ServerTerms
from bakeoff.errors import OptionError
from bakeoff.records import Assumptions, Requirement
from bakeoff.tasks import TASK_KINDS, Task, metrics_of

if TYPE_CHECKING:
    from bakeoff.data import Check
    from bakeoff.records import Contender
    from bakeoff.study.plan import Plan
    from bakeoff.study.progress import StudyProgress
    from bakeoff.study.run import Until
    from bakeoff.study.sending import Sending

__all__ = [
    "DataOptions",
    "Division",
    "KnownBefore",
    "StudyOptions",
    "Watcher",
    "parse_budgets",
    "parse_duration",
    "parse_requirement",
]

#: Metrics that come with checks of written texts; that of one check alone is ``form:NAME``.
_CHECK_METRICS = ("form", "slot-accuracy")
_FIGURES = (
    "p50_ms",
    "p95_ms",
    "rows_per_second",
    "valid_rate",
    "cost_per_1k",
    "size_mb",
)


#: One split, or cross-fitting; by default cross-fitting where rows are few.
Division = Literal["auto", "one", "cross-fit"]


@dataclass(frozen=True, slots=True)
class DataOptions:
    """How to read the rows.

    Parameters
    ----------
    text : tuple of str
        Columns of the text, joined by a line break; found by name and content where empty.
    text_pair : str or None
        Column of the second text of a pair; found by its name where None.
    label, group, time : str or None
        Columns of the label, of what must stay on one side of the split, and of the time.
    encoding, delimiter : str or None
        Found out where None.
    header : bool
        Whether the first row names the columns.
    min_label_rows : int
        Labels with fewer rows are dropped or merged.
    rare : {"drop", "merge"}
        What is done with them.
    kind : str
        Kind of the task; ``"auto"`` tells it by the columns.
    unlabelled : Path or None
        File of further texts without a label.
    """

    text: tuple[str, ...] = ()
    text_pair: str | None = None
    label: str | None = None
    group: str | None = None
    time: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header: bool = True
    min_label_rows: int = 1
    rare: Literal["drop", "merge"] = "drop"
    kind: str = "auto"
    unlabelled: Path | None = None


@dataclass(frozen=True, slots=True)
class KnownBefore:
    """What is known before anything runs.

    Parameters
    ----------
    source : str
    columns : str
        One sentence on which columns were taken.
    task : Task
    rows : mapping
        ``train``, ``validation`` and ``test`` rows.
    split : str
        One sentence on how they were divided.
    mde : float
        Forecast of the smallest difference in accuracy that shows, in points; NaN where nothing is compared.
    forecast : str
        The same in a sentence that says on what it rests; empty where nothing is compared.
    """

    source: str
    columns: str
    task: Task
    rows: dict[str, int]
    split: str
    mde: float
    forecast: str = ""


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """What a study is to measure.

    Parameters
    ----------
    instruction : str or None
        What prompts tell the model.
    labels : Path or None
        File of label definitions.
    checks : Path or None
        File of checks that written texts must pass.
    metric : str or None
        Primary metric; chosen from the label frequencies where None.
    encoders, prompt_models : tuple of str
        Models for fine-tuning, and for prompting (and for tuning beside it: the same-base pair).
    methods : tuple of str or None
        Methods to try; all where None.
    budgets : tuple of int or None
        Label budgets; -1 stands for all rows.
    seeds : int
        How many; at least 3 for a verdict.
    finalist_seeds : int
        How many the finalists get where time allows and one split stands for all seeds.
    seed : int
        Of the split and of the seeds.
    division : {"auto", "one", "cross-fit"}
        Whether one split stands for all seeds, or each takes a fold.
    time_limit : float or None
        Seconds.
    until : {"decided", "measured"} or None
        Whether the study ends as soon as no trial would tell more about the verdict, or with all of its plan. Where
        None, with all of it under a time limit, since that is time that was given, and else as soon as it is decided.
    test_rows : int or None
        Most test rows to answer.
    predictions : Path or None
        Answers of today's system.
    prompts : tuple of Path
        Prompt files, each a contender with every decoder.
    requirements : tuple of Requirement
    assumptions : Assumptions
    allow_send : frozenset of str
        Hosts to which rows may be sent.
    terms : ServerTerms
        Prices and limits of calls to servers.
    dtype : {"auto", "float32", "bfloat16"}
    ship : bool
        Whether to refit and ship the winner.
    texts : bool
        Whether the report shows test rows with their texts.
    """

    instruction: str | None = None
    labels: Path | None = None
    checks: Path | None = None
    metric: str | None = None
    encoders: tuple[str, ...] = ("minilm-l6",)
    prompt_models: tuple[str, ...] = ("smollm2-135m",)
    methods: tuple[str, ...] | None = None
    budgets: tuple[int, ...] | None = None
    seeds: int = 3
    finalist_seeds: int = 5
    seed: int = 0
    division: Division = "auto"
    time_limit: float | None = None
    until: Until | None = None
    test_rows: int | None = None
    predictions: Path | None = None
    prompts: tuple[Path, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    assumptions: Assumptions = field(default_factory=Assumptions)
    allow_send: frozenset[str] = frozenset()
    terms: ServerTerms = field(default_factory=ServerTerms)
    dtype: str = "auto"
    ship: bool = True
    texts: bool = True


class Watcher:
    """Who looks on while a verb works; every method does nothing here and may be overridden."""

    def pulling(self, name: str, done: int, total: int) -> None:
        """Learn that a catalogue entry is being fetched: bytes done and in all."""

    def step(self, text: str) -> None:
        """Learn what is being done now."""

    def checked(self, checks: tuple[Check, ...], known: KnownBefore) -> None:
        """See the checks of the rows, and what is known before anything runs."""

    def started(self, folder: Path) -> None:
        """Learn where the study stands, from which on it can be resumed."""

    def planned(
        self, plan: Plan, contenders: tuple[Contender, ...], forecast: str, time_limit: float | None = None
    ) -> None:
        """See the plan, what the rows to be answered can show by forecast, in a sentence, and the time limit.

        That is the user's own, in seconds, of the run that begins: the plan's leaves out what ends a study.
        """

    def sending(self, sendings: tuple[Sending, ...]) -> None:
        """See what will be sent to servers, before anything is."""

    def fitting(self, what: str, share: float) -> None:
        """Learn how far a single fit is: what it does, and the share of that which is done, in [0, 1]."""

    def progress(self, progress: StudyProgress) -> None:
        """See how far the study is."""


def parse_duration(text: str) -> float:
    """Read a duration such as ``90s``, ``12m`` or ``1.5h``.

    Parameters
    ----------
    text : str

    Returns
    -------
    float
        Seconds, above 0.

    Raises
    ------
    OptionError
        If it is none.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|h)\s*", text.lower())
    seconds = float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]] if found else 0.0
    if seconds <= 0:
        raise OptionError(
            f"A duration is a number above 0 with s, m or h, such as 90s, 12m or 1.5h; {text!r} came.",
            next_step="Write for example: --time-limit 12m",
        )
    return seconds


def parse_budgets(text: str) -> tuple[int, ...]:
    """Read label budgets such as ``0,16,64,all``.

    Parameters
    ----------
    text : str

    Returns
    -------
    tuple of int
        -1 stands for all rows.

    Raises
    ------
    OptionError
        If one is neither a number from 0 nor ``all``.
    """
    budgets = []
    for part in text.replace(" ", "").split(","):
        if part.lower() == "all":
            budgets.append(-1)
        elif part.isdecimal():
            budgets.append(int(part))
        else:
            raise OptionError(
                f"Label budgets are numbers from 0, or 'all', divided by commas; {part!r} came.",
                next_step="Write for example: --budgets 0,16,64,all",
            )
    return tuple(budgets)


def parse_requirement(text: str) -> Requirement:
    """Read a hard limit such as ``accuracy>=0.9``, ``p95_ms<=50`` or ``offline``.

    Parameters
    ----------
    text : str

    Returns
    -------
    Requirement

    Raises
    ------
    OptionError
        If it has another form, or names a figure that is not measured.
    """
    if text.strip().lower() == "offline":
        return Requirement("offline", "is", 1.0)
    scores = ("score", *dict.fromkeys(name for kind in TASK_KINDS for name in metrics_of(kind)), *_CHECK_METRICS)
    found = re.fullmatch(r"\s*([A-Za-z0-9_\-]+|form:[a-z0-9-]+)\s*(>=|<=)\s*(\d*\.?\d+)\s*", text)
    if not found or (found[1] not in (*scores, *_FIGURES) and not found[1].startswith("form:")):
        raise OptionError(
            f"A requirement is 'offline', or a figure, >= or <=, and a number, the figure being one of "
            f"{', '.join((*scores, *_FIGURES))}, or form:NAME of a check; {text!r} came.",
            next_step="Write for example: --require 'accuracy>=0.9'",
        )
    if (found[1] in (*scores, "valid_rate") or found[1].startswith("form:")) and float(found[3]) > 1:
        raise OptionError(
            f"{found[1]} lies between 0 and 1; the limit {found[3]} came.",
            next_step=f"Write 90 % as 0.9: --require '{found[1]}{found[2]}0.9'",
        )
    sense: Literal[">=", "<="] = ">=" if found[2] == ">=" else "<="
    return Requirement(found[1], sense, float(found[3]))
