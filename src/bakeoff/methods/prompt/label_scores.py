"""Classification by a prompt: the label whose words the model finds likeliest after the text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bakeoff.errors import BundleError, DataError, OptionError
from bakeoff.methods import loaded
from bakeoff.methods.prompt import calibrate
from bakeoff.methods.prompt.demos import (
    check_choice,
    choose_demonstrations,
    diverse_demonstrations,
    most_demonstrations,
)
from bakeoff.methods.prompt.phrasings import phrasings_of
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_file, write_prompt_file
from bakeoff.methods.prompt.rendering import (
    beside_longest_text,
    count_tokens,
    design_for_task,
    fitting_design,
    rendered,
    size_mb,
)
from bakeoff.methods.prompt.retrieved import (
    DemonstrationPool,
    RetrievingPrompt,
    read_pool,
    retrieving_prompt,
    write_pool,
)
from bakeoff.methods.prompt.score_store import NO_NUMBER, TIME_WAS_UP, TOO_LONG, RowScore, ScoredRows, score_rows
from bakeoff.methods.prompt.scored import ScoredPrompt
from bakeoff.methods.prompt.template import (
    CONTENT_FREE,
    Demonstration,
    PromptDesign,
    RenderedPrompt,
    design_for,
)
from bakeoff.records import Answer, RephrasedAnswers
from bakeoff.tasks import Task

__all__ = ["LabelScorePrompt"]

#: Most rows on which batch calibration rests.
_MOST_ROWS = 64
#: Share of the labelled rows that many demonstrations leave to batch calibration.
_LEFT_TO_CALIBRATE = 0.25
_PROMPT_NAME = "prompt.yaml"
_POOL_NAME = "demonstrations.jsonl"


class LabelScorePrompt(ScoredPrompt):
    """A prompt whose answer is the likeliest label, by the label scores of a decoder.

    The three steps of prompt engineering: `fit` designs the prompt (instruction, demonstrations), the output is
    controlled by comparing the labels' scores alone, and a prompt file carries a design from one version to the next.

    Parameters
    ----------
    task : Task
    model : str
        Name of a decoder.
    seed : int
        Of the choice and the order of demonstrations.
    shots : int
        Demonstrations, 0 or more; at most so many where they are "many".
    calibration : {"none", "contextual", "domain", "batch", "file"}
        See `bakeoff.methods.prompt.calibrate`. Batch calibration uses up to 64 rows that are not shown, joined with
        what texts without content give; where all rows are shown, it is contextual. Domain-context calibration uses
        the words of all labelled rows; where there are none, it is contextual.
    prompt_file : str, optional
        A prompt file, whose design (demonstrations included) is used as it stands.
    demonstrations : {"balanced", "diverse", "many", "retrieved"}
        How they are chosen: see `bakeoff.methods.prompt.demos`. Where many are shown, a quarter of the rows is left to
        batch calibration. Where they are retrieved, all labelled rows stay with the method, and batch calibration asks
        each of them with demonstrations that are not its own text.

    Attributes
    ----------
    design_ : PromptDesign
    shift_ : ndarray of float64, shape (labels,)
        What calibration subtracts from the scores; zeros without one.
    """

    honest_probabilities: ClassVar[bool] = True
    least_n: ClassVar[int] = 0
    needs_two_labels: ClassVar[bool] = False
    #: For those whose demonstrations stand in a file.
    demonstrations: str = "balanced"

    def __init__(
        self,
        task: Task,
        model: str,
        seed: int = 0,
        shots: int = 0,
        calibration: str = "none",
        prompt_file: str | None = None,
        demonstrations: str = "balanced",
    ) -> None:
        self.task = task
        self.model: str = model
        self.seed = seed
        self.shots = shots
        self.calibration = calibration
        self.prompt_file = prompt_file
        self.demonstrations = demonstrations

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        self._check_settings()
        self.details_ = {"reused_rows": 0, "reused_seconds": 0.0, "label_mass": None}
        from_file = self._given_prompt()
        pool: tuple[Demonstration, ...] = ()
        if from_file is not None:
            design = design_for_task(from_file.design, self.task, str(self.prompt_file))
            wanted = len(design.demonstrations)
        elif self.demonstrations == "retrieved" and self.shots:
            design, wanted = design_for(self.task), 0
            pool = self._shown(range(len(texts)), texts, labels)
        else:
            rows, wanted = self._chosen(texts, labels)
            design = design_for(self.task, self._shown(rows, texts, labels))
        self._use(fitting_design(design, self._scorer().decoder, texts), pool)
        shown = pool or self.design_.demonstrations
        self.details_ |= {
            "prompt": self._prompt.prefix,
            "row_place": None if pool else self._prompt.row_place(),
            "demonstrations": [each.row for each in shown],
            "demonstrations_a_text": min(self.shots, len(pool)) if pool else len(shown),
            "demonstrations_dropped": max(wanted - len(self.design_.demonstrations), 0),
            "prompt_file": self.prompt_file,
        }
        self.history_.append({"step": "design the prompt", "demonstrations": self.details_["demonstrations_a_text"]})
        self._calibrate(texts, labels, from_file)
        self.history_.append({"step": "control the output", "by": "label scores", **self._calibration_facts()})

    def _chosen(self, texts: list[str], labels: list[str]) -> tuple[Sequence[int], int]:
        """Choose rows that every prompt shows, and say how many it would show in a context without end."""
        if self.demonstrations != "many":
            choose = diverse_demonstrations if self.demonstrations == "diverse" else choose_demonstrations
            return choose(texts, labels, self.shots, self.seed), min(self.shots, len(texts))
        left = math.ceil(_LEFT_TO_CALIBRATE * len(texts)) if self.calibration == "batch" else 0
        most, decoder = min(self.shots, len(texts) - left), self._scorer().decoder

        def fits(rows: Sequence[int]) -> bool:
            return beside_longest_text(design_for(self.task, self._shown(rows, texts, labels)), decoder, texts)

        return most_demonstrations(texts, labels, most, self.seed, fits), most

    def _shown(self, rows: Sequence[int], texts: list[str], labels: list[str]) -> tuple[Demonstration, ...]:
        return tuple(Demonstration(row, texts[row], labels[row]) for row in rows)

    def _given_prompt(self) -> PromptFile | None:
        """Give the prompt that is to be used as it stands; None where one is to be made."""
        return read_prompt_file(Path(self.prompt_file)) if self.prompt_file else None

    def _calibrate(self, texts: list[str], labels: list[str], from_file: PromptFile | None) -> None:
        """Set `shift_`; one text without content is scored in any case, so that the prefix is read inside the fit."""
        name, self._calibrated_by, self._calibrated_on = self.calibration, self.calibration, 0
        on_empty = name in ("contextual", "domain", "batch")
        own = calibrate.domain_texts(texts, self.seed) if name == "domain" else []
        first = self._score(own or (CONTENT_FREE if on_empty else CONTENT_FREE[:1]))
        self.shift_ = np.zeros(len(self.task.labels))
        if name == "file":
            self.shift_ = self._file_shift(from_file)
            self._calibrated_by = from_file.calibration if from_file else name
        elif on_empty and (usable := _usable(first.rows)):
            self.shift_ = calibrate.contextual_shift(_scores(usable))
        unseen = self._not_shown(texts)
        if name == "batch" and (usable := _usable(self._score(unseen, labelled=True).rows if unseen else ())):
            counts = np.array([labels.count(label) for label in self.task.labels], dtype=np.float64)
            batch = calibrate.batch_shift(_scores(usable), calibrate.label_prior(counts))
            self.shift_ = calibrate.blended_shift(batch, len(usable), self.shift_)
            self._calibrated_on = len(usable)
        elif on_empty:
            self._calibrated_by = ("domain" if own else "contextual") if self.shift_.any() else "none"
            self._calibrated_on = len(texts) - len(self.design_.demonstrations) if own else 0
        self.details_ |= {**self._calibration_facts(), "prefix_tokens": self._prefix_tokens(first)}

    def _not_shown(self, texts: list[str]) -> list[str]:
        shown = {each.text for each in self.design_.demonstrations}
        return [text for text in texts if text not in shown][:_MOST_ROWS]

    def _answer(self, texts: list[str]) -> list[Answer]:
        found = self._score(texts)
        usable = _usable(found.rows)
        self._mass_rows += len(usable)
        self._mass += sum(row.mass for row in usable)
        if self._mass_rows:
            self.details_["label_mass"] = float(self._mass / self._mass_rows)
        return [self._one(row) for row in found.rows]

    def _one(self, row: RowScore | None) -> Answer:
        if row is None:
            return Answer(None, abstention=TIME_WAS_UP)
        tokens, seconds = round(row.tokens), row.seconds
        if row.too_long:
            return Answer(None, abstention=TOO_LONG, tokens_in=tokens, seconds=seconds)
        if not np.isfinite(row.scores).all():
            return Answer(None, abstention=NO_NUMBER, tokens_in=tokens, seconds=seconds)
        shares = tuple(calibrate.probabilities(calibrate.calibrated(row.scores[None, :], self.shift_))[0].tolist())
        given = shares if self.honest_probabilities else None
        return Answer(self._value_of(shares), probabilities=given, tokens_in=tokens, seconds=seconds)

    def _value_of(self, shares: Sequence[float]) -> str:
        """Give the answer by the labels' probabilities."""
        return self.task.labels[int(np.argmax(shares))]

    def rephrased(self, X: Sequence[str]) -> tuple[RephrasedAnswers, ...]:
        """Answer rows under every one of `bakeoff.methods.prompt.phrasings`, each plain and contextually calibrated.

        Parameters
        ----------
        X : sequence of str, length rows

        Returns
        -------
        tuple of RephrasedAnswers
            The prompt as it stands first. A phrasing that the deadline cuts is left out with those behind it.
        """
        said = []
        scorer, phrasings = self._scorer(), phrasings_of(self.design_)
        for number, (name, design) in enumerate(phrasings.items()):
            self.context_.progress("trying other phrasings", number / len(phrasings))
            prompt = self._rendered(design)
            found = score_rows(scorer, prompt, [*CONTENT_FREE, *X], deadline=self.context_.deadline)
            if any(row is None for row in found.rows):
                break
            empty = _usable(found.rows[: len(CONTENT_FREE)])
            shift = calibrate.contextual_shift(_scores(empty)) if empty else np.zeros(len(self.task.labels))
            rows = found.rows[len(CONTENT_FREE) :]
            plain = tuple(self._value(row, np.zeros_like(shift)) for row in rows)
            said.append(RephrasedAnswers(name, prompt.prefix, plain, tuple(self._value(row, shift) for row in rows)))
        return tuple(said)

    def _value(self, row: RowScore | None, shift: NDArray[np.float64]) -> str | None:
        usable = _usable([row])
        return self.task.labels[int((usable[0].scores - shift).argmax())] if usable else None

    def _score(self, texts: Sequence[str], *, labelled: bool = False) -> ScoredRows:
        """Score rows, labelled ones without their own text before them; add what that took to the usage or details."""
        prompt = self._prompt
        if labelled and isinstance(prompt, RetrievingPrompt):
            prompt = prompt.for_labelled_rows()
        return self._scored(
            prompt,
            texts,
            lambda done, rows: self.context_.progress("scoring labels", done / max(rows, 1)),
        )

    def _rendered(self, design: PromptDesign) -> RenderedPrompt:
        """Render a design; where demonstrations are retrieved, each text's come with it."""
        decoder = self._scorer().decoder
        return retrieving_prompt(design, decoder, self._pool, self.shots) if self._pool else rendered(design, decoder)

    def _use(self, design: PromptDesign, pool: Sequence[Demonstration] = ()) -> None:
        """Set the design, the rows to retrieve from, and what follows from them and the model."""
        decoder = self._scorer().decoder
        self.design_ = design
        self._pool = DemonstrationPool(pool, self.seed) if pool else None
        self._prompt = self._rendered(design)
        self.details_["model_parameters"] = int(sum(weight.numel() for weight in decoder.model.parameters()))
        # Over all rows answered, so that rows asked one by one do not stand for the rest.
        self._mass_rows, self._mass = 0, 0.0
        self.size_mb_ = size_mb(loaded.model_files(self.model).path)

    def _check_settings(self) -> None:
        calibrate.check_calibration(self.calibration)
        check_choice(self.demonstrations)
        if self.shots < 0:
            raise OptionError(f"shots must be 0 or more; {self.shots} came.", next_step="Give a number of rows.")
        if self.calibration == "file" and not self.prompt_file:
            raise OptionError(
                "calibration 'file' needs a prompt file; none came.", next_step="Give prompt_file, or calibrate anew."
            )

        if self.demonstrations != "balanced" and self.prompt_file:
            raise OptionError(
                f"A prompt file brings its own demonstrations; demonstrations {self.demonstrations!r} came beside it.",
                next_step="Leave one of the two out.",
            )

    def _file_shift(self, from_file: PromptFile | None) -> NDArray[np.float64]:
        sha256 = loaded.model_files(self.model).sha256
        if from_file is None or not from_file.shift or from_file.model_sha256 != sha256:
            raise DataError(
                f"The prompt file {self.prompt_file} must hold calibration values for the model {self.model}.",
                next_step="Calibrate anew: set calibration to contextual or batch.",
            )
        return _in_order(from_file, self.task)

    def _calibration_facts(self) -> dict[str, object]:
        return {
            "calibration": self._calibrated_by,
            "calibration_rows": self._calibrated_on,
            "shift": self.shift_.tolist(),
        }

    def _prefix_tokens(self, found: ScoredRows) -> int:
        return found.prefix_tokens or count_tokens(self._scorer().decoder, self._prompt.prefix)

    def _save(self, folder: Path) -> None:
        files = loaded.model_files(self.model)
        name = self._calibrated_by
        shift = () if name == "none" else tuple(self.shift_.tolist())
        write_prompt_file(
            folder / _PROMPT_NAME, PromptFile(self.design_, "label-scores", name, shift, self.model, files.sha256)
        )
        if self.demonstrations == "retrieved":
            write_pool(folder / _POOL_NAME, self._pool.rows if self._pool else ())

    def _load(self, folder: Path) -> None:
        prompt = read_prompt_file(folder / _PROMPT_NAME)
        sha256 = loaded.model_files(self.model).sha256
        if prompt.model_sha256 != sha256:
            raise BundleError(
                f"The weights of {self.model} must have the sha256 {str(prompt.model_sha256)[:12]}, for which the "
                f"prompt was made; {sha256[:12]} came.",
                next_step=f"Get the weights it was made for, under the name {prompt.model}.",
            )
        retrieved = self.demonstrations == "retrieved"
        rows = read_pool(folder / _POOL_NAME, self.task.labels) if retrieved else ()
        self._use(design_for_task(prompt.design, self.task, _PROMPT_NAME), rows)
        self.shift_ = _in_order(prompt, self.task) if prompt.shift else np.zeros(len(self.task.labels))
        self._calibrated_by, self._calibrated_on = prompt.calibration, 0
        # A reloaded method is compared with the trained one, which a shared store would make an empty test.
        self.fresh_scores = True
        self.details_ |= {"prompt": self._prompt.prefix, "calibration": prompt.calibration}


def _in_order(prompt: PromptFile, task: Task) -> NDArray[np.float64]:
    values = dict(zip(prompt.design.labels, prompt.shift, strict=True))
    return np.array([values[label] for label in task.labels], dtype=np.float64)


def _usable(rows: Sequence[RowScore | None]) -> list[RowScore]:
    return [row for row in rows if row is not None and np.isfinite(row.scores).all()]


def _scores(rows: Sequence[RowScore]) -> NDArray[np.float64]:
    return np.array([row.scores for row in rows], dtype=np.float64)
