"""The versions of a prompt file: what each said, which rows it answered how, and how two of them differ.

The history is a folder beside the prompt file, one content-addressed file for each version and the rows it was tried
on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bakeoff.catalog import write_file
from bakeoff.data import target_of, write_truth
from bakeoff.decision import mcnemar_mid_p, wilson_interval
from bakeoff.errors import DataError, OptionError
from bakeoff.methods.prompt.prompt_file import PromptFile, prompt_digest, prompt_from_plain, prompt_to_plain
from bakeoff.tasks import TextCheck
from bakeoff.tasks.generation import GENERATION_METRICS
from bakeoff.workbench.prompt_texts import exchange_p, texts_interval, texts_score

__all__ = [
    "Change",
    "Tried",
    "TriedRow",
    "change_between",
    "changes_along",
    "history_folder",
    "keep",
    "pick",
    "read_history",
    "version_of",
]

_SCHEMA, _VERSION = "bakeoff.prompt-try", 1
#: Scores of a row that differ by rounding alone.
_SAME_SCORE = 1e-9
_FACTS = ("prompt", "source", "fingerprint", "n", "seed", "model", "model_sha256", "dtype", "calibration", "rows")


@dataclass(frozen=True, slots=True)
class TriedRow:
    """One row that a version answered.

    Parameters
    ----------
    id, text, label : str
        Of the row; the label is the true one.
    answer : str or None
        None for an abstention.
    score : float or None
        Of a text that was written, on the task's metric; None for labels, and where no check applies to the row.
    """

    id: str
    text: str
    label: str
    answer: str | None
    score: float | None = None

    @property
    def right(self) -> bool:
        """Whether the answer is the label."""
        return self.answer == self.label

    @property
    def target(self) -> str:
        """The first of the texts that are right."""
        return target_of(self.label)


@dataclass(frozen=True, slots=True)
class Tried:
    """One version of a prompt and what it answered.

    Parameters
    ----------
    prompt : PromptFile
    source, fingerprint : str
        Name of the rows' source, and a sha256 over the ids and labels of the rows that were answered.
    n, seed : int
        The label budget that the rows are from, and the seed of the draw.
    model : str
    model_sha256 : str or None
    dtype, calibration : str
    rows : tuple of TriedRow
    label_mass : float or None
        Mean probability of all labels' words together.
    rows_per_second, tokens_per_row : float
    when : str
        ISO 8601, UTC.
    version : int
        From 1, in the order in which prompts were first tried; 0 for one that is not kept yet.
    model_reported : str or None
        What a server says that its model is; None for a model in process.
    metric : str
        ``"accuracy"`` where answers are labels; else the task's metric of texts.
    checks : tuple of TextCheck
        That one of several texts was chosen by, and that the metric may be made of.
    """

    prompt: PromptFile
    source: str
    fingerprint: str
    n: int
    seed: int
    model: str
    model_sha256: str | None
    dtype: str
    calibration: str
    rows: tuple[TriedRow, ...]
    label_mass: float | None
    rows_per_second: float
    tokens_per_row: float
    when: str
    version: int = 0
    model_reported: str | None = None
    metric: str = "accuracy"
    checks: tuple[TextCheck, ...] = ()

    @property
    def asked(self) -> str:
        """Which model it was: the sha256 of its weights; or a server with its model, and what it says of it."""
        return self.model_sha256 or f"{self.model} {self.model_reported}"

    @property
    def right(self) -> int:
        """Rows answered with their label."""
        return sum(row.right for row in self.rows)

    @property
    def writes(self) -> bool:
        """Whether its answers are texts, and no labels."""
        return self.metric != "accuracy"

    @property
    def score(self) -> float:
        """Share of rows answered with their label, in [0, 1]; for texts the metric of all rows together."""
        return texts_score(self.metric, *self.said(), self.checks) if self.writes else self.right / len(self.rows)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the score: Wilson's of an accuracy, the bootstrap's of a metric of texts."""
        if self.writes:
            return texts_interval(self.metric, *self.said(), self.checks)
        return wilson_interval(self.score, len(self.rows))

    def said(self) -> tuple[list[str], list[str | None]]:
        """Give what answers are held against, with the sources where there are checks, and the answers."""
        return [_truth(row, self.checks) for row in self.rows], [row.answer for row in self.rows]


@dataclass(frozen=True, slots=True)
class Change:
    """How two versions answer the rows that both answered.

    Parameters
    ----------
    before, after : Tried
    gained, lost : tuple of (TriedRow, TriedRow)
        Rows, as before and as after, that are right only after, or only before; of texts those whose score is higher or
        lower after, what changed most first.
    common, right_before, right_after : int
        Rows that both answered, and how many of them each has right.
    p : float
        McNemar's mid-p, two-sided; of texts that of the permutation test of the metric.
    score_before, score_after : float
        Of the rows that both answered.
    """

    before: Tried
    after: Tried
    gained: tuple[tuple[TriedRow, TriedRow], ...]
    lost: tuple[tuple[TriedRow, TriedRow], ...]
    common: int
    right_before: int
    right_after: int
    p: float
    score_before: float
    score_after: float


def change_between(before: Tried, after: Tried) -> Change | None:
    """Compare two versions on the rows that both answered.

    Parameters
    ----------
    before, after : Tried

    Returns
    -------
    Change or None
        None where they share no row.
    """
    known = {(row.id, row.label): row for row in before.rows}
    pairs = [(known[row.id, row.label], row) for row in after.rows if (row.id, row.label) in known]
    if not pairs:
        return None
    if before.writes or after.writes:
        same = before.metric == after.metric and (before.checks == after.checks or after.metric in GENERATION_METRICS)
        return _change_of_texts(before, after, pairs) if same else None
    gained = tuple(pair for pair in pairs if pair[1].right and not pair[0].right)
    lost = tuple(pair for pair in pairs if pair[0].right and not pair[1].right)
    rights = [sum(pair[side].right for pair in pairs) for side in (0, 1)]
    p = mcnemar_mid_p(len(lost), len(gained))
    shares = [right / len(pairs) for right in rights]
    return Change(before, after, gained, lost, len(pairs), rights[0], rights[1], p, shares[0], shares[1])


def _change_of_texts(before: Tried, after: Tried, pairs: Sequence[tuple[TriedRow, TriedRow]]) -> Change:
    def rise(pair: tuple[TriedRow, TriedRow]) -> float:
        return (pair[1].score or 0.0) - (pair[0].score or 0.0)

    metric, labels = after.metric, [_truth(one, after.checks) for one, _ in pairs]
    said = [[pair[side].answer for pair in pairs] for side in (0, 1)]
    scores = [texts_score(metric, labels, answers, after.checks) for answers in said]
    ordered = sorted(pairs, key=rise, reverse=True)
    gained = tuple(pair for pair in ordered if rise(pair) > _SAME_SCORE)
    lost = tuple(pair for pair in reversed(ordered) if rise(pair) < -_SAME_SCORE)
    rights = [sum(pair[side].right for pair in pairs) for side in (0, 1)]
    p = exchange_p(metric, labels, said[0], said[1], after.checks)
    return Change(before, after, gained, lost, len(pairs), rights[0], rights[1], p, scores[0], scores[1])


def _truth(row: TriedRow, checks: Sequence[TextCheck]) -> str:
    return write_truth(row.label, row.text) if checks else row.label


def changes_along(history: Sequence[Tried]) -> tuple[tuple[Tried, Tried | None, Change | None], ...]:
    """Give every try with what it gained and lost against the last other version before it.

    Parameters
    ----------
    history : sequence of Tried

    Returns
    -------
    tuple of (Tried, Tried or None, Change or None)
        The try, that before it of another version, and the change, where they share rows.
    """
    found = []
    for place, tried in enumerate(history):
        before = next((one for one in reversed(history[:place]) if one.version != tried.version), None)
        found.append((tried, before, None if before is None else change_between(before, tried)))
    return tuple(found)


def history_folder(prompt: Path) -> Path:
    """Give the folder that keeps a prompt file's versions.

    Parameters
    ----------
    prompt : Path

    Returns
    -------
    Path
        ``NAME.history`` beside it.
    """
    return prompt.with_name(f"{prompt.stem}.history")


def keep(folder: Path, tried: Tried) -> Path:
    """Write one version with its answers; the same version on the same rows takes the same file.

    Parameters
    ----------
    folder : Path
        Of the history.
    tried : Tried

    Returns
    -------
    Path
    """
    plain = asdict(tried) | {"prompt": prompt_to_plain(tried.prompt), "schema": _SCHEMA, "schema_version": _VERSION}
    del plain["version"]
    told = (*_FACTS, *(("model_reported",) if tried.model_reported is not None else ()))
    if not tried.writes:
        # As it was before texts could be tried, so that a version on the same rows keeps its file.
        plain = {**plain, "rows": [{name: row[name] for name in row if name != "score"} for row in plain["rows"]]}
        del plain["metric"]
    if not tried.checks:
        del plain["checks"]
    facts = json.dumps({name: plain[name] for name in told}, sort_keys=True)
    path = folder / f"{hashlib.sha256(facts.encode()).hexdigest()[:32]}.json"
    scores = {tried.metric: tried.score, "low": tried.interval[0], "high": tried.interval[1]}
    content = json.dumps(plain | {"scores": scores}, ensure_ascii=False, indent=1)
    write_file(path, content.encode("utf-8", "replace"))
    return path


def read_history(folder: Path) -> tuple[Tried, ...]:
    """Read all versions that were kept.

    Parameters
    ----------
    folder : Path
        Of the history; it need not be there.

    Returns
    -------
    tuple of Tried
        In the order in which they were tried, with their version numbers.

    Raises
    ------
    DataError
        If a file of the folder is broken or of another version.
    """
    found = sorted((_read(path) for path in folder.glob("*.json")), key=lambda tried: tried.when)
    numbers: dict[str, int] = {}
    return tuple(
        replace(tried, version=numbers.setdefault(prompt_digest(tried.prompt), len(numbers) + 1)) for tried in found
    )


def known_history(prompt: Path) -> tuple[Tried, ...]:
    """Read the versions of a prompt file, of which there is to be at least one.

    Parameters
    ----------
    prompt : Path

    Returns
    -------
    tuple of Tried
        As `read_history` gives them.

    Raises
    ------
    OptionError
        If none was tried.
    """
    history = read_history(history_folder(prompt))
    if not history:
        raise OptionError(
            f"No version of {prompt} was tried: {history_folder(prompt)} holds none.",
            next_step=f"Try it with: bakeoff prompt try {prompt} DATA",
        )
    return history


def version_of(history: Sequence[Tried], prompt: PromptFile) -> int | None:
    """Give the version number that a prompt has in a history; None where it was not tried."""
    digest = prompt_digest(prompt)
    return next((tried.version for tried in history if prompt_digest(tried.prompt) == digest), None)


def pick(history: Sequence[Tried], version: int, name: str) -> Tried:
    """Give the last try of a version.

    Parameters
    ----------
    history : sequence of Tried
    version : int
    name : str
        Of the prompt file, for messages.

    Returns
    -------
    Tried

    Raises
    ------
    OptionError
        If there is no such version.
    """
    found = [tried for tried in history if tried.version == version]
    if not found:
        known = max((tried.version for tried in history), default=0)
        raise OptionError(
            f"{name} has {f'the versions 1 to {known}' if known else 'no version that was tried'}; {version} came.",
            next_step=f"See them with: bakeoff prompt history {name}",
        )
    return found[-1]


def _read(path: Path) -> Tried:
    try:
        plain: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if (plain["schema"], plain["schema_version"]) != (_SCHEMA, _VERSION):
            raise ValueError(f"it is {plain['schema']} {plain['schema_version']}")
        names = Tried.__dataclass_fields__.keys() - {"prompt", "rows", "version", "model_reported", "metric", "checks"}
        # Tries of the time before servers could be tried, and texts written, do not have these.
        later = {"model_reported": plain.get("model_reported"), "metric": plain.get("metric", "accuracy")}
        later["checks"] = tuple(map(TextCheck.from_json, plain.get("checks", ())))
        fields = {name: plain[name] for name in names} | later
        rows = tuple(TriedRow(**row) for row in plain["rows"])
        if not rows:
            raise ValueError("it has no rows")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} must be a version that 'bakeoff prompt try' kept; {error}.", next_step="Delete the file."
        ) from error
    return Tried(prompt=prompt_from_plain(plain["prompt"], str(path)), rows=rows, **fields)
