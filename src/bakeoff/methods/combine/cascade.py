"""A cascade: a tuned encoder answers, and rows of which it is unsure go to a prompt.

The threshold stands where rows that neither part has learned from score best (Chen et al. 2023, "FrugalGPT", section 3,
with the largest probability in place of a scoring model).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import strata_of
from bakeoff.errors import BundleError, OptionError
from bakeoff.methods.combine.mixture import Mixture
from bakeoff.methods.finetune.full import FullFineTuning
from bakeoff.methods.finetune.token_rows import held_out_rows
from bakeoff.methods.prompt.several import SeveralPrompts
from bakeoff.records import Answer
from bakeoff.tasks import scoring_of

__all__ = ["Cascade", "Threshold", "choose_threshold"]

#: Thresholds under which no row and every row goes to the prompt.
NEVER, ALWAYS = 0.0, 1.0
_NAME = "cascade.json"

Values = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold, and what it did on the rows that it was chosen on.

    Parameters
    ----------
    threshold : float
        Rows whose largest probability is not above it go to the prompt: 0 is never, 1 always.
    sent_share : float
        Share of the rows that go, in [0, 1].
    score, tuned_score, prompt_score : float
        Of the cascade, and of either part alone, on the task's metric.
    rows : int
    """

    threshold: float
    sent_share: float
    score: float
    tuned_score: float
    prompt_score: float
    rows: int


def choose_threshold(
    sureness: NDArray[np.float64], tuned: Values, prompted: Values, score: Callable[[Values], float]
) -> Threshold:
    """Choose the threshold with the best score; of equal ones that which sends fewest rows.

    Parameters
    ----------
    sureness : ndarray of float64, shape (rows,)
        The tuned model's largest probabilities, in [0, 1].
    tuned, prompted : sequence of (str or None), length rows
        Answers of either part.
    score : callable
        Of answers to these rows; higher is better.

    Returns
    -------
    Threshold
        Out of the observed probabilities, never and always.
    """
    best: tuple[float, float] | None = None
    for threshold in (NEVER, *np.unique(sureness).tolist(), ALWAYS):
        reached = score(_mixed(sureness <= threshold, tuned, prompted))
        # Thresholds ascend, so that a later one sends more rows, and must gain something.
        if best is None or reached > best[1] + 1e-12:
            best = threshold, reached
    if best is None:
        raise ValueError("there is always the threshold of never")
    sent = float((sureness <= best[0]).mean()) if len(sureness) else 0.0
    return Threshold(best[0], sent, best[1], score(tuned), score(prompted), len(sureness))


def _mixed(sent: NDArray[np.bool_], tuned: Values, prompted: Values) -> list[str | None]:
    return [second if goes else first for goes, first, second in zip(sent, tuned, prompted, strict=True)]


class Cascade(Mixture):
    """A tuned encoder, and a prompt for the rows of which it is unsure.

    The labelled rows are divided, each label in its share: both parts are fitted on one side, the threshold is chosen
    on the other. A row that the prompt cannot answer keeps the tuned model's answer.

    Parameters
    ----------
    task : Task
    model : str
        Name of an encoder (`FullFineTuning`).
    seed : int
        Of the division, too.
    prompt_model : str
        Name of a decoder (`SeveralPrompts`).
    choosing_share : float
        Share of the labelled rows on which the threshold is chosen, in (0, 0.5].
    tuned, prompt : mapping or None
        Settings of the two parts.

    Attributes
    ----------
    threshold_ : Threshold
        As it was chosen.
    """

    honest_probabilities: ClassVar[bool] = True
    least_n: ClassVar[int] = 32

    def __init__(
        self,
        task: Any,
        model: str | None = None,
        seed: int = 0,
        prompt_model: str | None = None,
        choosing_share: float = 0.25,
        tuned: Mapping[str, Any] | None = None,
        prompt: Mapping[str, Any] | None = None,
    ) -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.prompt_model = prompt_model
        self.choosing_share = choosing_share
        self.tuned = tuned
        self.prompt = prompt

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        self._check_models()
        if not 0 < self.choosing_share <= 0.5:
            raise OptionError(
                f"choosing_share must be above 0 and at most 0.5; {self.choosing_share:g} came.",
                next_step="Give 0.25 for a quarter of the labelled rows.",
            )
        codes = np.unique(strata_of(self.task.kind, labels), return_inverse=True)[1].astype(np.int64)
        learned, choosing = held_out_rows(codes, self.choosing_share, self.seed)
        rows = [texts[row] for row in learned], [labels[row] for row in learned]
        self.tuned_ = self._new_tuned().fit(*rows)
        self.prompt_ = self._new_prompt().fit(*rows)
        self.size_mb_ = self.tuned_.size_mb + self.prompt_.size_mb
        asked = [texts[row] for row in choosing]
        first, second = self.tuned_.answer(asked), self.prompt_.answer(asked)
        truth = [labels[row] for row in choosing]
        values = [answer.value for answer in first]
        kept = [answer.value or own for answer, own in zip(second, values, strict=True)]
        self.threshold_ = choose_threshold(
            _sureness(first), values, kept, lambda given: scoring_of(self.task).score_values(truth, given)
        )
        self._charge(self.tuned_, first)
        self._charge(self.prompt_, second)
        self.history_ += [*self.tuned_.history_, *self.prompt_.history_]
        self.history_.append({"step": "choose the threshold", **asdict(self.threshold_)})
        self._begin_to_answer()
        self._tell(share_of_steps=self.tuned_.details_.get("share_of_steps", 1.0))

    def _begin_to_answer(self) -> None:
        self._answered = self._sent = 0

    def _tell(self, **more: Any) -> None:
        """Set the details: the threshold as it was chosen, what the parts say of themselves, and rows sent so far."""
        asked = self.prompt_.details_
        share = self._sent / self._answered if self._answered else self.threshold_.sent_share
        self.details_ = {
            **self.details_,
            "chosen": asdict(self.threshold_),
            "tuned_part": dict(self.tuned_.details_),
            "prompt_part": dict(asked),
            "demonstrations": list(asked.get("demonstrations", ())),
            "answered_rows": self._answered,
            "answered_by_prompt": self._sent,
            # A prompt's own tokens are read for the rows that reach it alone.
            "prefix_tokens": share * float(asked.get("prefix_tokens", 0)),
            **more,
        }

    def _answer(self, texts: list[str]) -> list[Answer]:
        for part in (self.tuned_, self.prompt_):
            part.context_, part.fresh_scores = self.context_, self.fresh_scores
        answers = self.tuned_.answer(texts)
        sent = np.flatnonzero(_sureness(answers) <= self.threshold_.threshold)
        for row, second in zip(sent, self.prompt_.answer([texts[row] for row in sent]), strict=True):
            answers[row] = _together(answers[row], second)
        self.cut_ = self.cut_ or self.prompt_.cut_
        self._answered += len(texts)
        self._sent += len(sent)
        self._tell()
        return answers

    def _save(self, folder: Path) -> None:
        for name, part in (("tuned", self.tuned_), ("prompt", self.prompt_)):
            (folder / name).mkdir()
            part.save(folder / name)
        (folder / _NAME).write_text(json.dumps(asdict(self.threshold_), indent=2) + "\n", encoding="utf-8")

    def _load(self, folder: Path) -> None:
        try:
            self.threshold_ = Threshold(**json.loads((folder / _NAME).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise BundleError(
                f"{folder} must hold a threshold in {_NAME}; it cannot be read: {error}.",
                next_step="Write the bundle again from its study.",
            ) from error
        self.tuned_ = FullFineTuning.load(folder / "tuned", self._tuned_settings, self.context_)
        self.prompt_ = SeveralPrompts.load(folder / "prompt", self._prompt_settings, self.context_)
        self.size_mb_ = self.tuned_.size_mb + self.prompt_.size_mb
        # As its prompt does: a reloaded method is compared with the trained one, which kept scores would make empty.
        self.fresh_scores = True
        self._begin_to_answer()
        self._tell()


def _sureness(answers: Sequence[Answer]) -> NDArray[np.float64]:
    """Give the largest probability of each answer, in [0, 1]; 0 for a row that has none."""
    found = [max(answer.probabilities) if answer.value and answer.probabilities else 0.0 for answer in answers]
    return np.minimum(np.array(found, dtype=np.float64), 1.0)


def _together(first: Answer, second: Answer) -> Answer:
    """Give the prompt's answer, or where it has none the tuned model's, with what both took."""
    kept = first if second.value is None else second
    return replace(
        kept,
        tokens_in=first.tokens_in + second.tokens_in,
        tokens_out=first.tokens_out + second.tokens_out,
        seconds=first.seconds + second.seconds,
    )
