"""Which of the finalists' answers to a row is the better: what a person says, blind, apart from what a model says."""

from __future__ import annotations

import datetime
import fcntl
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from bakeoff.data import spaced, split_fields
from bakeoff.decision import wilson_interval
from bakeoff.decision.comparisons import field_of
from bakeoff.decision.panel import Panel
from bakeoff.errors import DataError, OptionError, StudyError
from bakeoff.report.answered import Answered, shared_seed
from bakeoff.report.aside import write_aside
from bakeoff.study.evidence import gather_evidence, read_plan
from bakeoff.study.parts import read_parts
from bakeoff.study.seen import were_test_rows_shown
from bakeoff.workbench.opened import note_shown, opened_study, refuse_undecided

__all__ = [
    "Choice",
    "Rateable",
    "Rating",
    "RatingBoard",
    "Tally",
    "allow_rating",
    "board_of",
    "keep_ratings",
    "rate",
    "rating_board",
    "read_ratings",
    "take_back",
    "tally_of",
]

Choice = Literal["left", "right", "both", "neither", "tie"]
_CHOICES: tuple[Choice, ...] = get_args(Choice)
#: What a person may say; a model that judges says tie where it names none, or not the same in both orders.
_PERSONS = _CHOICES[:-1]
_FILE = "ratings.jsonl"
_SHOWN = "the app, for rating answers blind"


@dataclass(frozen=True, slots=True)
class Rating:
    """What a person, or a model, said of two answers to one row.

    Parameters
    ----------
    row : str
        Id of the test row.
    left, right : str
        Names of the contenders whose answers stood left and right.
    choice : {"left", "right", "both", "neither", "tie"}
        Which was better: one of the two, both good alike, or neither good; a tie of a model that judges.
    at : str
        ISO 8601, UTC.
    rater : str
        Empty for a person; a model that judges by its address, ``http://host:port/v1#model``.
    replies : tuple of str
        What the model wrote, with the left answer first and with the right one first; empty of a person.
    """

    row: str
    left: str
    right: str
    choice: Choice
    at: str = ""
    rater: str = ""
    replies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rateable:
    """A row that two contenders answer differently, with the answers in the order in which they are shown.

    Parameters
    ----------
    row, text : str
    left, right : str
        Names of the contenders.
    answers : tuple of (str or None, str or None)
        Theirs, left and right; None for an abstention.
    """

    row: str
    text: str
    left: str
    right: str
    answers: tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class RatingBoard:
    """The rows that can be rated, in an order that tells nothing, and what was said so far.

    Parameters
    ----------
    contenders : tuple of (str, str)
    rows : tuple of Rateable
    ratings : tuple of Rating
        Of these contenders and rows, the last one last.
    seed : int
        Whose fits gave the answers: one of several, so that ratings compare two fits, not two contenders.
    folds : int
        Of a round, where rows are cross-fitted: `seed` is then the round, in which each row is answered by the fit that
        did not see it. 0 where they are not.
    """

    contenders: tuple[str, str]
    rows: tuple[Rateable, ...]
    ratings: tuple[Rating, ...]
    seed: int = 0
    folds: int = 0

    @property
    def open(self) -> tuple[Rateable, ...]:
        """Rows that were not rated yet."""
        rated = {one.row for one in self.ratings}
        return tuple(one for one in self.rows if one.row not in rated)


@dataclass(frozen=True, slots=True)
class Tally:
    """What ratings came to.

    Parameters
    ----------
    contenders : tuple of (str, str)
    wins : tuple of (int, int)
        Rows on which each was better.
    both, neither, ties : int
        Ties are those of a model that judges.
    rate : float
        Share of wins of the first among rows on which one was better; NaN without any.
    interval : tuple of float
        95%, by Wilson's method.
    """

    contenders: tuple[str, str]
    wins: tuple[int, int]
    both: int
    neither: int
    rate: float
    interval: tuple[float, float]
    ties: int = 0


def allow_rating(study: Path) -> None:
    """Note that test rows are shown for rating; refused where there is no verdict yet."""
    refuse_undecided(study)
    note_shown(study, _SHOWN)


def rating_board(study: Path) -> RatingBoard | None:
    """Give the test rows that the finalists of both arms answer differently with the first seed of both.

    Parameters
    ----------
    study : Path

    Returns
    -------
    RatingBoard or None
        None until `allow_rating` was called.

    Raises
    ------
    StudyError
        If the study runs, has no verdict yet, or no finalist of both arms.
    """
    refuse_undecided(study)
    with opened_study(study) as store:
        allowed = were_test_rows_shown(store, _SHOWN)
    return board_of(study) if allowed else None


def board_of(study: Path, rater: str = "") -> RatingBoard:
    """Give the rows that can be rated, with what one rater said of them, whether or not they were shown to anybody.

    Parameters
    ----------
    study : Path
    rater : str
        As of `Rating`.

    Returns
    -------
    RatingBoard

    Raises
    ------
    StudyError
        As `rating_board` does.
    """
    with opened_study(study) as store:
        evidence = gather_evidence(store)
        field = field_of(Panel(evidence))
        if field.finetune is None or field.prompt is None:
            raise StudyError(
                "Answers are rated between a fine-tuned and a prompted finalist; this study has not both yet.",
                next_step="Resume it, or run one with contenders of both ways.",
            )
        rows = read_parts(store, read_plan(store)).test
    pair = (Answered(evidence, field.finetune), Answered(evidence, field.prompt))
    seed = shared_seed(pair)
    values = [one.values(one.place(seed)) for one in pair]
    differing = [at for at, (one, other) in enumerate(zip(*values, strict=True)) if one != other]
    chance = np.random.default_rng([evidence.seed, len(differing)])
    turned = chance.integers(0, 2, len(differing))
    texts = spaced(rows.texts) if rows.kind == "tagging" else rows.texts
    found = []
    for place in chance.permutation(len(differing)).tolist():
        at, turn = differing[place], int(turned[place])
        names, answers = [one.name for one in pair], [value[at] for value in values]
        text = "\n\n".join(split_fields(texts[at]))
        found.append(Rateable(rows.ids[at], text, names[turn], names[1 - turn], (answers[turn], answers[1 - turn])))
    contenders, known = (pair[0].name, pair[1].name), {one.row for one in found}
    said = [
        one
        for one in read_ratings(study)
        if one.rater == rater and {one.left, one.right} == set(contenders) and one.row in known
    ]
    return RatingBoard(
        contenders, tuple(found), tuple({one.row: one for one in said}.values()), seed, evidence.round_folds
    )


def rate(study: Path, row: str, choice: str) -> None:
    """Keep at once what a person says of a row; what was said of it before is replaced.

    Parameters
    ----------
    study : Path
    row : str
        Id of one of the rows of `rating_board`.
    choice : {"left", "right", "both", "neither"}

    Raises
    ------
    OptionError
        If there is no such row or choice.
    """
    board = rating_board(study)
    shown = next((one for one in board.rows if one.row == row), None) if board is not None else None
    if shown is None or choice not in _PERSONS:
        raise OptionError("That is no row that can be rated, or no choice.", next_step="Load the page again.")
    said: Choice = next(one for one in _PERSONS if one == choice)
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    keep_ratings(study, [Rating(row, shown.left, shown.right, said, at)])


def keep_ratings(study: Path, ratings: Sequence[Rating]) -> None:
    """Keep ratings at once; what the same rater said of the same pairs before is replaced.

    Parameters
    ----------
    study : Path
    ratings : sequence of Rating
    """
    said = {_pair_of(one) for one in ratings}
    with _held(study):
        _write(study, [*(one for one in read_ratings(study) if _pair_of(one) not in said), *ratings])


def take_back(study: Path) -> None:
    """Drop a person's last rating."""
    with _held(study):
        ratings = list(read_ratings(study))
        last = max((at for at, one in enumerate(ratings) if not one.rater), default=len(ratings))
        _write(study, [one for at, one in enumerate(ratings) if at != last])


@contextmanager
def _held(study: Path) -> Iterator[None]:
    """Hold the ratings while they are read and written anew: a person and a model may rate at the same time."""
    with (study / f"{_FILE}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read_ratings(study: Path) -> tuple[Rating, ...]:
    """Read all ratings of a study, the last one last.

    Parameters
    ----------
    study : Path

    Returns
    -------
    tuple of Rating

    Raises
    ------
    DataError
        If the file is broken.
    """
    path = study / _FILE
    try:
        lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
        found = tuple(_rating(json.loads(line)) for line in lines if line)
        if any(one.choice not in _CHOICES for one in found):
            raise ValueError("a choice is none of " + ", ".join(_CHOICES))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"{path} must hold one rating a line; {error}.", next_step="Mend or delete the file."
        ) from error
    return found


def tally_of(board: RatingBoard) -> Tally:
    """Count what was said.

    Parameters
    ----------
    board : RatingBoard

    Returns
    -------
    Tally
    """
    counts = Counter({"left": one.left, "right": one.right}.get(one.choice, f"\0{one.choice}") for one in board.ratings)
    first, second = (counts[name] for name in board.contenders)
    told = first + second
    share = first / told if told else float("nan")
    interval = wilson_interval(share, told)
    told_alike = {name: counts[f"\0{name}"] for name in ("both", "neither")}
    return Tally(board.contenders, (first, second), **told_alike, rate=share, interval=interval, ties=counts["\0tie"])


def _pair_of(rating: Rating) -> tuple[str, str, frozenset[str]]:
    return rating.rater, rating.row, frozenset((rating.left, rating.right))


def _rating(plain: Mapping[str, Any]) -> Rating:
    return Rating(**{**plain, "replies": tuple(plain.get("replies", ()))})


def _write(study: Path, ratings: Sequence[Rating]) -> None:
    # A person's line has no entries that only a model's has.
    lines = (
        json.dumps({name: value for name, value in asdict(one).items() if value or name == "at"}, ensure_ascii=False)
        for one in ratings
    )
    write_aside(study / _FILE, "".join(f"{line}\n" for line in lines))
