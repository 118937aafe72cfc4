"""Numbers by a prompt: the model rates a text on a scale of nine points, and the mean of its ratings is read.

A rating is worth the point's number times its probability, summed over the points, which tells texts apart that have
the same likeliest point. What range the points stand for comes from the labelled rows, or from the instruction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import write_number
from bakeoff.errors import BundleError, OptionError
from bakeoff.methods import loaded
from bakeoff.methods.outputs import NOT_FINITE
from bakeoff.methods.prompt import calibrate
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_file, write_prompt_file
from bakeoff.methods.prompt.rendering import count_tokens, fitting_design, rendered, size_mb
from bakeoff.methods.prompt.score_store import NO_NUMBER, TIME_WAS_UP, TOO_LONG, RowScore
from bakeoff.methods.prompt.scored import ScoredPrompt
from bakeoff.methods.prompt.template import BETWEEN, CONTENT_FREE, Demonstration, PromptDesign, design_for
from bakeoff.records import Answer
from bakeoff.tasks import Task, are_pairs

__all__ = ["NO_RANGE", "ScalePrompt", "range_in"]

#: Points of the scale, written as digits, which every tokenizer has.
POINTS = tuple(str(point) for point in range(1, 10))
#: Abstention where nothing says what the points stand for.
NO_RANGE = "no range of numbers is known: give labelled rows, or an instruction that says 'from LOW to HIGH'"
#: Rows that are not shown by which ratings are brought to the labels' unit, at most and at least.
_MOST_ROWS, _LEAST_ROWS = 64, 4
_OPENING = "{{ instruction }}\nRate from 1 (lowest) to 9 (highest).\n"
_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_PROMPT_NAME, _SCALE_NAME = "prompt.yaml", "scale.json"

Floats = NDArray[np.float64]


class ScalePrompt(ScoredPrompt):
    """A prompt that has a decoder rate texts, by the scores of a scale's points.

    Parameters
    ----------
    task : Task
        Of the kind regression.
    model : str
        Name of a decoder.
    seed : int
        Of the choice and the order of demonstrations.
    shots : int
        Labelled rows that the prompt shows with their points, 0 or more: spread over the numbers.

    Attributes
    ----------
    design_ : PromptDesign
    line_ : tuple of float, or None
        Slope and height of the line that makes a number of a rating; None where no range is known, and every row is an
        abstention.
    """

    honest_probabilities: ClassVar[bool] = False
    least_n: ClassVar[int] = 0
    needs_two_labels: ClassVar[bool] = False

    def __init__(self, task: Task, model: str, seed: int = 0, shots: int = 0) -> None:
        self.task = task
        self.model: str = model
        self.seed = seed
        self.shots = shots

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        if self.shots < 0:
            raise OptionError(f"shots must be 0 or more; {self.shots} came.", next_step="Give a number of rows.")
        self.details_ = {"reused_rows": 0, "reused_seconds": 0.0}
        numbers = np.array([float(label) for label in labels])
        known = (float(numbers.min()), float(numbers.max())) if len(numbers) else range_in(self.task.instruction)
        shown = self._chosen(numbers)
        demonstrations = tuple(Demonstration(row, texts[row], _point(numbers[row], known)) for row in shown)
        between = BETWEEN if are_pairs(self.task, texts) else None
        self._use(fitting_design(_design(self.task, demonstrations, between), self._scorer().decoder, texts))
        kept = self.design_.demonstrations
        self.history_.append({"step": "design the prompt", "demonstrations": len(kept)})
        self.line_ = None if known is None else ((known[1] - known[0]) / (len(POINTS) - 1), known[0])
        rows = 0
        if known is not None:
            # In any case one text is scored, so that the prefix is read inside the fit.
            left = [row for row in range(len(texts)) if row not in {each.row for each in kept}][:_MOST_ROWS]
            found = self._scored(self._prompt, [texts[row] for row in left] or CONTENT_FREE[:1]).rows
            rows = self._fit_line(found, numbers[left]) if left else 0
        self.details_ |= {
            "demonstrations": [each.row for each in kept],
            "demonstrations_a_text": len(kept),
            "range": None if known is None else list(known),
            "line": None if self.line_ is None else list(self.line_),
            "calibration_rows": rows,
            "prefix_tokens": count_tokens(self._scorer().decoder, self._prompt.prefix),
        }
        self.history_.append({"step": "control the output", "by": "label scores", "points": len(POINTS)})

    def _chosen(self, numbers: Floats) -> list[int]:
        """Choose rows to show: one out of each part of the sorted numbers, in an order that the seed draws."""
        generator = np.random.default_rng([self.seed, self.shots])
        count = min(self.shots, len(numbers))
        parts = np.array_split(np.argsort(numbers, kind="stable"), count) if count else []
        return [int(row) for row in generator.permutation([generator.choice(part) for part in parts])] if parts else []

    def _fit_line(self, found: Sequence[RowScore | None], numbers: Floats) -> int:
        """Bring ratings to the labels' unit by least squares, where enough rows were rated; give how many."""
        usable = [place for place, row in enumerate(found) if row is not None and np.isfinite(row.scores).all()]
        if len(usable) < _LEAST_ROWS:
            return 0
        ratings = _ratings(np.array([found[place].scores for place in usable]))  # type: ignore[union-attr]
        spread = float(ratings.var())
        truth = numbers[usable]
        slope = float(((ratings - ratings.mean()) * (truth - truth.mean())).mean()) / spread if spread > 0 else 0.0
        self.line_ = (slope, float(truth.mean() - slope * ratings.mean()))
        return len(usable)

    def _answer(self, texts: list[str]) -> list[Answer]:
        if self.line_ is None:
            return [Answer(None, abstention=NO_RANGE) for _ in texts]
        found = self._scored(
            self._prompt, texts, lambda done, rows: self.context_.progress("scoring the scale", done / max(rows, 1))
        )
        return [self._one(row, self.line_) for row in found.rows]

    def _one(self, row: RowScore | None, line: tuple[float, float]) -> Answer:
        if row is None:
            return Answer(None, abstention=TIME_WAS_UP)
        tokens, seconds = round(row.tokens), row.seconds
        if row.too_long or not np.isfinite(row.scores).all():
            reason = TOO_LONG if row.too_long else NO_NUMBER
            return Answer(None, abstention=reason, tokens_in=tokens, seconds=seconds)
        number = line[0] * float(_ratings(row.scores[None, :])[0]) + line[1]
        if not np.isfinite(number):
            return Answer(None, abstention=NOT_FINITE, tokens_in=tokens, seconds=seconds)
        return Answer(write_number(number), tokens_in=tokens, seconds=seconds)

    def _use(self, design: PromptDesign) -> None:
        """Set the design, and what follows from it and the model."""
        decoder = self._scorer().decoder
        self.design_ = design
        self._prompt = rendered(design, decoder)
        self.details_ |= {
            "prompt": self._prompt.prefix,
            "row_place": self._prompt.row_place(),
            "model_parameters": int(sum(weight.numel() for weight in decoder.model.parameters())),
        }
        self.size_mb_ = size_mb(loaded.model_files(self.model).path)

    def _save(self, folder: Path) -> None:
        sha256 = loaded.model_files(self.model).sha256
        prompt = PromptFile(self.design_, "label-scores", model=self.model, model_sha256=sha256)
        write_prompt_file(folder / _PROMPT_NAME, prompt)
        line = None if self.line_ is None else list(self.line_)
        (folder / _SCALE_NAME).write_text(json.dumps({"line": line}) + "\n", encoding="utf-8")

    def _load(self, folder: Path) -> None:
        prompt = read_prompt_file(folder / _PROMPT_NAME)
        sha256 = loaded.model_files(self.model).sha256
        if prompt.model_sha256 != sha256:
            raise BundleError(
                f"The weights of {self.model} must have the sha256 {str(prompt.model_sha256)[:12]}, for which the "
                f"prompt was made; {sha256[:12]} came.",
                next_step=f"Get the weights it was made for, under the name {prompt.model}.",
            )
        self._use(prompt.design.in_order(POINTS))
        line = json.loads((folder / _SCALE_NAME).read_text(encoding="utf-8"))["line"]
        self.line_ = None if line is None else (float(line[0]), float(line[1]))
        # A reloaded method is compared with the trained one, which a shared store would make an empty test.
        self.fresh_scores = True


def range_in(instruction: str) -> tuple[float, float] | None:
    """Find the range of numbers that an instruction names.

    Parameters
    ----------
    instruction : str

    Returns
    -------
    tuple of float, or None
        Of ``"from LOW to HIGH"`` or ``"between LOW and HIGH"``, the first that stands there; words in brackets may
        follow a number. None where there is none, or both are one.
    """
    told = rf"(?:from|between)\s+({_NUMBER})(?:\s*\([^)]*\))?\s+(?:to|and)\s+({_NUMBER})"
    found = re.search(told, instruction, flags=re.IGNORECASE)
    if found is None:
        return None
    low, high = (float(one) for one in found.groups())
    return (low, high) if low != high else None


def _design(task: Task, demonstrations: tuple[Demonstration, ...], between: str | None) -> PromptDesign:
    plain = replace(design_for(task), labels=POINTS, words=POINTS, definitions=("",) * len(POINTS), other_words=())
    return replace(plain, opening=_OPENING, demonstrations=demonstrations, between=between)


def _point(number: float, known: tuple[float, float] | None) -> str:
    """Give the point of the scale that stands for a number."""
    low, high = known if known is not None and known[0] != known[1] else (number - 1.0, number + 1.0)
    return POINTS[round((len(POINTS) - 1) * (number - low) / (high - low))]


def _ratings(scores: Floats) -> Floats:
    """Give the mean point of each row, from 0 for the lowest, by the points' probabilities."""
    return np.asarray(calibrate.probabilities(scores) @ np.arange(len(POINTS), dtype=np.float64))
