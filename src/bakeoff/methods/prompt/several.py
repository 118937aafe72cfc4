"""Classification by several prompts at once: what they make the model say is read together.

Each row is asked in a few wordings. In every one the labels are scored, and beside them the words that the model is
likeliest to say there to a text without content, which costs hardly more than the labels alone. Neither depends on the
labelled rows, so fits of other seeds and budgets share the scores of the rows they answer. The labelled rows teach the
reading (`bakeoff.methods.prompt.readings`), and no weight of the model changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import nested_order, strata_of
from bakeoff.errors import BundleError, OptionError
from bakeoff.methods import loaded
from bakeoff.methods.outputs import NOT_FINITE, Told
from bakeoff.methods.prompt import calibrate
from bakeoff.methods.prompt.demos import choose_demonstrations
from bakeoff.methods.prompt.phrasings import ENSEMBLE, WORDINGS, wording_of
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_file, write_prompt_file
from bakeoff.methods.prompt.readings import (
    READINGS,
    Choice,
    choose_reading,
    fit_reading,
    read_reading,
    write_reading,
)
from bakeoff.methods.prompt.rendering import count_tokens, design_for_task, fitting_design, rendered, size_mb
from bakeoff.methods.prompt.score_store import LEAST_REUSED, NO_NUMBER, TIME_WAS_UP, TOO_LONG, RowScore
from bakeoff.methods.prompt.scored import ScoredPrompt
from bakeoff.methods.prompt.template import (
    BETWEEN,
    CONTENT_FREE,
    Demonstration,
    PromptDesign,
    RenderedPrompt,
    design_for,
)
from bakeoff.records import Answer
from bakeoff.tasks import are_pairs, label_codes

__all__ = ["SeveralPrompts"]

#: Labelled rows whose scores teach the reading at most: beyond them it hardly gains, and each costs its prompts.
MOST_TAUGHT = 256
#: Rows that are asked in every prompt before the next ones, so that a deadline leaves whole answers.
_TOGETHER = 128
_READING_NAME = "reading.safetensors"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One prompt: its design, the words scored beside the labels, and both as strings."""

    design: PromptDesign
    words: tuple[str, ...]
    prompt: RenderedPrompt


class SeveralPrompts(ScoredPrompt):
    """Several prompts, read together.

    Parameters
    ----------
    task : Task
    model : str
        Name of a decoder.
    seed : int
        Of the folds, and of the choice and order of demonstrations.
    reading : {"chosen", "affine", "calibrated", "neighbours"}
        See `bakeoff.methods.prompt.readings`; "chosen" by cross-validation inside the labelled rows.
    wordings : sequence of str
        Out of `bakeoff.methods.prompt.phrasings.WORDINGS`.
    words : int
        Words scored beside the labels, in each prompt; 0 or more.
    shots : int
        Demonstrations that each prompt shows, 0 or more. Rows that any prompt shows teach the reading nothing.
    demonstration_sets : int
        Draws of demonstrations, 1 or more; every wording is asked with each. 1 where there are no shots.

    Attributes
    ----------
    reading_ : Reading
    choice_ : Choice
    """

    honest_probabilities: ClassVar[bool] = True
    least_n: ClassVar[int] = 0
    needs_two_labels: ClassVar[bool] = False

    def __init__(
        self,
        task: Any,
        model: str,
        seed: int = 0,
        reading: str = "chosen",
        wordings: Sequence[str] = ENSEMBLE,
        words: int = 100,
        shots: int = 0,
        demonstration_sets: int = 1,
    ) -> None:
        self.task = task
        self.model: str = model
        self.seed = seed
        self.reading = reading
        self.wordings = wordings
        self.words = words
        self.shots = shots
        self.demonstration_sets = demonstration_sets

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        self._check_settings()
        self.details_ = {"reused_rows": 0, "reused_seconds": 0.0, "label_mass": None}
        self._read_rows: set[int] = set()
        self._use([self._asked(design) for design in self._designs(texts, labels)])
        self.history_.append({"step": "design the prompts", "prompts": len(self._prompts), "words": self._words})
        shown = {each.text for one in self._prompts for each in one.design.demonstrations}
        strata = strata_of(self.task.kind, labels)
        order = nested_order(strata, self.seed).tolist() if len(texts) > MOST_TAUGHT else range(len(texts))
        taught = [place for place in order if texts[place] not in shown][:MOST_TAUGHT]
        empty = self._said(CONTENT_FREE)
        rows = self._said([texts[place] for place in taught])
        usable = _whole(rows.scores)
        learned = [labels[place] for place, whole in zip(taught, usable, strict=True) if whole]
        self._teach(rows.scores[usable], learned, empty.scores[_whole(empty.scores)])
        demonstrated = {each.row for one in self._prompts for each in one.design.demonstrations}
        self.details_["labels_read"] = len({*self._read_rows, *taught, *demonstrated})

    def _teach(self, said: Floats, labels: Sequence[str], empty: Floats) -> None:
        """Choose and fit the reading."""
        size, codes = len(self.task.labels), label_codes(labels, self.task.labels)
        candidates = READINGS[self.reading]
        self.choice_ = Choice(candidates[0], ())
        if not self.context_.deadline.passed:
            self.choice_ = choose_reading(
                self.reading, said, codes, empty, size, metric=self.task.metric, seed=self.seed
            )
        self.reading_ = fit_reading(self.choice_.candidate, said, codes, empty, size)
        kind, strength = self.choice_.candidate
        self.details_ |= {
            "reading": self.reading_.kind,
            "reading_strength": strength if self.reading_.kind == kind else 0.0,
            "reading_rows": len(said),
            "reading_scores": [list(each) for each in self.choice_.scores],
        }
        self.history_.append({"step": "control the output", "by": "label scores", "reading": self.reading_.kind})

    def _designs(self, texts: list[str], labels: list[str]) -> list[PromptDesign]:
        """Give every wording with every draw of demonstrations."""
        designs = []
        for number in range(self.demonstration_sets if self.shots else 1):
            # Draws of one seed must not be those of the next.
            rows = choose_demonstrations(texts, labels, self.shots, self.seed + 1000 * number)
            shown = tuple(Demonstration(row, texts[row], labels[row]) for row in rows)
            whole = design_for(self.task, shown)
            if are_pairs(self.task, texts):
                # Numbers, too, may be those of pairs, which the rows alone tell.
                whole = replace(whole, between=BETWEEN)
            designs += [wording_of(whole, name) for name in self.wordings]
        return [fitting_design(design, self._scorer().decoder, texts) for design in designs]

    def _asked(self, design: PromptDesign) -> _Asked:
        """Find the words that a design's prompt makes likely, and render it with them."""
        from bakeoff.models.next_words import likeliest_words

        plain = rendered(design, self._scorer().decoder)
        words: Sequence[str] = ()
        if self.words and not self.context_.deadline.passed:
            empty = [plain.prefix + plain.query(text) for text in CONTENT_FREE]
            words = likeliest_words(self._scorer().decoder, empty, self.words, apart_from=plain.continuations)
        return _with_words(design, plain, tuple(words))

    def _answer(self, texts: list[str]) -> list[Answer]:
        answers: list[Answer] = []
        for start in _starts(len(texts)):
            found = self._said(texts[start[0] : start[1]])
            masses = [float(mass) for mass in found.masses if np.isfinite(mass)] if self.task.labels else []
            self._mass_rows += len(masses)
            self._mass += sum(masses)
            usable = _whole(found.scores)
            told = iter(self._told(found.scores[usable]) if usable.any() else ())
            answers += [
                self._one(next(told) if whole else None, row) for whole, row in zip(usable, found.rows, strict=True)
            ]
        if self._mass_rows:
            self.details_["label_mass"] = self._mass / self._mass_rows
        return answers

    def _told(self, said: Floats) -> list[Told]:
        """Give each row's answer by what the model said, shape (rows, prompts, labels + words)."""
        shares = calibrate.probabilities(self.reading_.scores(said))
        return [(self.task.labels[int(row.argmax())], tuple(row.tolist())) for row in shares]

    def _one(self, told: Told | None, rows: Sequence[RowScore | None]) -> Answer:
        reached = [row for row in rows if row is not None]
        tokens, seconds = round(sum(row.tokens for row in reached)), sum(row.seconds for row in reached)
        if told is not None:
            value, shares = told
            reason = None if value is not None else NOT_FINITE
            return Answer(value, shares, reason, tokens_in=tokens, seconds=seconds)
        too_long = any(row.too_long for row in reached)
        reason = TOO_LONG if too_long else NO_NUMBER if len(reached) == len(rows) else TIME_WAS_UP
        return Answer(None, abstention=reason, tokens_in=tokens, seconds=seconds)

    def _said(self, texts: Sequence[str]) -> _Said:
        """Ask rows in every prompt, and add what that took to the fit's usage or to the details."""
        columns: list[tuple[RowScore | None, ...]] = []
        for number, asked in enumerate(self._prompts):
            share = number / len(self._prompts)
            self.context_.progress("asking in several wordings", share)
            columns.append(self._scored(asked.prompt, texts).rows)
        return _together(list(zip(*columns, strict=True)), len(self._prompts), len(self.task.labels), self._words)

    def _use(self, prompts: Sequence[_Asked]) -> None:
        """Set the prompts and what follows from them and the model."""
        # One array holds all scores, so that every prompt has as many words as the one with the fewest.
        self._words = min(len(one.words) for one in prompts)
        decoder = self._scorer().decoder
        plain = [rendered(one.design, decoder) for one in prompts]
        self._prompts = tuple(
            _with_words(one.design, each, one.words[: self._words]) for one, each in zip(prompts, plain, strict=True)
        )
        first = self._prompts[0].prompt
        self.details_ |= {
            "prompt": first.prefix,
            "prompts": [f"{one.prompt.prefix}(text){one.prompt.ending}" for one in self._prompts],
            "row_place": first.row_place(),
            "demonstrations": sorted({each.row for one in self._prompts for each in one.design.demonstrations}),
            "demonstrations_a_text": max(len(one.design.demonstrations) for one in self._prompts),
            "prefix_tokens": sum(count_tokens(decoder, one.prompt.prefix) for one in self._prompts),
            "words": [list(one.words) for one in self._prompts],
            "model_parameters": int(sum(weight.numel() for weight in decoder.model.parameters())),
        }
        self._mass_rows, self._mass = 0, 0.0
        self.size_mb_ = size_mb(loaded.model_files(self.model).path)

    def _check_settings(self) -> None:
        unknown = [name for name in self.wordings if name not in WORDINGS]
        if unknown or not self.wordings:
            raise OptionError(
                f"wordings must be one or more of {', '.join(WORDINGS)}; {unknown[0] if unknown else 'none'!r} came.",
                next_step="Choose among these names.",
            )
        if self.reading not in READINGS:
            raise OptionError(
                f"reading must be one of {', '.join(READINGS)}; {self.reading!r} came.",
                next_step="Choose one of these names.",
            )
        for name, least in (("words", 0), ("shots", 0), ("demonstration_sets", 1)):
            if getattr(self, name) < least:
                raise OptionError(
                    f"{name} must be {least} or more; {getattr(self, name)} came.", next_step="Give a larger number."
                )

    def _save(self, folder: Path) -> None:
        files = loaded.model_files(self.model)
        for number, one in enumerate(self._prompts):
            write_prompt_file(
                folder / f"prompt-{number + 1}.yaml",
                PromptFile(one.design, "label-scores", "none", (), self.model, files.sha256),
            )
            (folder / f"words-{number + 1}.txt").write_text("\n".join(one.words), encoding="utf-8", newline="\n")
        self._write_reading(folder)

    def _write_reading(self, folder: Path) -> None:
        write_reading(self.reading_, folder / _READING_NAME)

    def _read_reading(self, folder: Path) -> None:
        self.reading_ = read_reading(folder / _READING_NAME)
        self.details_["reading"] = self.reading_.kind

    def _load(self, folder: Path) -> None:
        sha256 = loaded.model_files(self.model).sha256
        prompts = []
        for number in range(1, len(list(folder.glob("prompt-*.yaml"))) + 1):
            one = read_prompt_file(folder / f"prompt-{number}.yaml")
            if one.model_sha256 != sha256:
                raise BundleError(
                    f"The weights of {self.model} must have the sha256 {str(one.model_sha256)[:12]}, for which the "
                    f"prompts were made; {sha256[:12]} came.",
                    next_step=f"Get the weights they were made for, under the name {one.model}.",
                )
            words = (folder / f"words-{number}.txt").read_text(encoding="utf-8")
            design = design_for_task(one.design, self.task, f"prompt-{number}.yaml")
            plain = rendered(design, self._scorer().decoder)
            prompts.append(_with_words(design, plain, tuple(words.split("\n")) if words else ()))
        self._use(prompts)
        self._read_reading(folder)
        # A reloaded method is compared with the trained one, which a shared store would make an empty test.
        self.fresh_scores = True


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What the model said to rows: shape (rows, prompts, labels + words), NaN where nothing; and the rows as scored."""

    scores: Floats
    masses: Floats
    rows: list[tuple[RowScore | None, ...]]


def _together(rows: list[tuple[RowScore | None, ...]], prompts: int, labels: int, words: int) -> _Said:
    scores = np.full((len(rows), prompts, labels + words), np.nan)
    for place, row in enumerate(rows):
        for prompt, one in enumerate(row):
            if one is not None:
                scores[place, prompt] = one.scores
    return _Said(scores, np.exp(scores[:, :, :labels]).sum(axis=2).mean(axis=1), rows)


def _whole(scores: Floats) -> NDArray[np.bool_]:
    """Tell the rows for which every prompt gave every score."""
    return np.asarray(np.isfinite(scores).all(axis=(1, 2)), dtype=np.bool_)


def _with_words(design: PromptDesign, plain: RenderedPrompt, words: tuple[str, ...]) -> _Asked:
    """Let further words be scored behind the labels', each for itself."""
    owners = range(len(design.labels), len(design.labels) + len(words))
    prompt = replace(plain, continuations=(*plain.continuations, *words), owners=(*plain.owners, *owners))
    return _Asked(design, words, prompt)


def _starts(rows: int) -> list[tuple[int, int]]:
    """Divide rows into runs, none so short that the store would pass it over for its shortness alone."""
    bounds = [*range(0, rows, _TOGETHER), rows]
    if len(bounds) > 2 and bounds[-1] - bounds[-2] < LEAST_REUSED:
        del bounds[-2]
    return list(pairwise(bounds))
