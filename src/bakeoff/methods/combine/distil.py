"""Distillation: a prompt labels texts that nobody has labelled, and a small model learns from these and the rows.

The labels are taken hard, and only the likelier ones (Lee 2013, "Pseudo-Label"; Wang et al. 2021, "Want To Reduce
Labeling Cost? GPT-3 Can Help"). The prompt is needed no more once the small model is fitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bakeoff.errors import DataError, OptionError, TrialError
from bakeoff.methods.combine.mixture import Mixture
from bakeoff.methods.combine_forecast import LEAST_TO_TEACH
from bakeoff.methods.contract import Method
from bakeoff.methods.exportable import Exportable
from bakeoff.methods.finetune.full import FullFineTuning
from bakeoff.methods.prompt.label_scores import LabelScorePrompt
from bakeoff.records import Answer, WrittenForm
from bakeoff.tasks import scoring_of, written_texts

__all__ = ["Distillation", "likelier"]


class Distillation(Mixture):
    """An encoder that is tuned on the labelled rows, and on further texts with the labels that a prompt gives them.

    `fit` takes unlabelled texts in the way of scikit-learn's semi-supervised methods: their element of ``y`` is None.

    Parameters
    ----------
    task : Task
    model : str
        Name of an encoder, which is tuned (`FullFineTuning`).
    seed : int
    prompt_model : str
        Name of a decoder, which labels: by `SeveralPrompts` from 8 labelled rows on, with fewer by the zero-shot
        prompt, contextually calibrated.
    most_unlabelled : int
        Unlabelled texts that are labelled at most, the first ones; 1 or more.
    taken_share : float
        Share of each label's texts that the small model learns from, those for which the prompt is surest; in (0, 1].
    tuned, prompt : mapping or None
        Settings of `FullFineTuning` and of `SeveralPrompts`.
    """

    honest_probabilities: ClassVar[bool] = True
    least_n: ClassVar[int] = 0
    needs_two_labels: ClassVar[bool] = False

    def __init__(
        self,
        task: Any,
        model: str | None = None,
        seed: int = 0,
        prompt_model: str | None = None,
        most_unlabelled: int = 500,
        taken_share: float = 0.5,
        tuned: Mapping[str, Any] | None = None,
        prompt: Mapping[str, Any] | None = None,
    ) -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.prompt_model = prompt_model
        self.most_unlabelled = most_unlabelled
        self.taken_share = taken_share
        self.tuned = tuned
        self.prompt = prompt

    def score(self, X: Sequence[Any], y: Sequence[Any], sample_weight: None = None) -> float:
        """Score answers on the task's metric, unlabelled rows left out; higher is better."""
        known = [place for place, label in enumerate(y) if label is not None]
        return super().score([X[place] for place in known], [y[place] for place in known], sample_weight)

    def _checked(self, X: Sequence[Any], y: Sequence[Any]) -> tuple[list[str], list[str]]:
        """Give the labelled texts, the unlabelled ones behind them, and the labels, which are fewer."""
        given, labels = list(X), list(y)
        if len(given) != len(labels):
            raise DataError(
                f"fit needs one label a text, None for an unlabelled one; {len(given)} texts and {len(labels)} labels "
                "came.",
                next_step="Give X and y of one length.",
            )
        known = [place for place, label in enumerate(labels) if label is not None]
        texts, found = super()._checked([given[place] for place in known], [labels[place] for place in known])
        bare = written_texts([text for text, label in zip(given, labels, strict=True) if label is None])
        return texts + bare, found

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        self._check_settings()
        own = texts[: len(labels)]
        bare = [text for text in dict.fromkeys(texts[len(labels) :]) if text not in set(own)][: self.most_unlabelled]
        if not bare:
            raise TrialError(
                f"distillation needs unlabelled texts, which a prompt can label; {len(labels)} labelled rows came, and "
                "no other text. Fit it with fewer labelled rows, or use full."
            )
        prompt = self._asked(own, labels)
        given = prompt.answer(bare)
        checked = prompt.answer(own) if own else []
        self._charge(prompt, [*given, *checked])
        taken = likelier(given, self.taken_share)
        self.details_ = self._labelling(prompt, given, checked, labels) | {"taken_rows": len(taken)}
        self.history_ += [*prompt.history_, {"step": "label texts", "rows": len(bare), "taken": len(taken)}]
        told = [str(given[place].value) for place in taken]
        self._teach([*own, *(bare[place] for place in taken)], [*labels, *told], len(taken))

    def _asked(self, texts: list[str], labels: list[str]) -> Method:
        """Fit the prompt that labels."""
        if len(texts) >= LEAST_TO_TEACH:
            return self._new_prompt().fit(texts, labels)
        plain = LabelScorePrompt(self.task, str(self.prompt_model), self.seed, calibration="contextual")
        return plain.within(self.context_).fit([], [])

    def _labelling(
        self, prompt: Method, given: Sequence[Answer], checked: Sequence[Answer], labels: Sequence[str]
    ) -> dict[str, Any]:
        """Tell how the labelling went: rows, agreement with the labelled rows, seconds and tokens."""
        agreement = None
        if labels:
            agreement = scoring_of(self.task).score_values(labels, [answer.value for answer in checked])
        answers = (*given, *checked)
        return {
            "labelled_by": "prompts read together" if len(labels) >= LEAST_TO_TEACH else "zero-shot prompt",
            "asked_rows": len(given),
            "labelled_rows": sum(answer.value is not None for answer in given),
            "prompt_agreement": agreement,
            # Rows that taught the prompt how it is read flatter it.
            "agreement_is_in_sample": len(labels) >= LEAST_TO_TEACH,
            "labelling_seconds": prompt.usage_.seconds + sum(answer.seconds for answer in answers),
            "labelling_tokens": prompt.usage_.tokens_in + sum(answer.tokens_in for answer in answers),
        }

    def _teach(self, texts: list[str], labels: list[str], taken: int) -> None:
        student = self._new_tuned()
        if len(texts) < student.least_n or len(set(labels)) < 2 or not taken:
            late = "time was up" if self.cut_ else "the prompt gave too few labels"
            raise TrialError(
                f"distillation has {len(texts)} rows of {len(set(labels))} labels to learn from, {taken} of them "
                f"labelled by the prompt, and needs {student.least_n} of two labels: {late}."
            )
        self.tuned_ = student.fit(texts, labels)
        self._charge(self.tuned_)
        self.history_ += self.tuned_.history_
        self.details_ = {**self.tuned_.details_, **self.details_}
        self.size_mb_ = self.tuned_.size_mb

    def _answer(self, texts: list[str]) -> list[Answer]:
        return self.tuned_.answer(texts)

    @property
    def answers_in_parallel(self) -> bool:
        """Whether several threads may ask it at a time."""
        return self.tuned_.answers_in_parallel

    def exportable(self) -> Exportable:
        """Give the network of the model that was taught: the prompt is needed no more."""
        return self.tuned_.exportable()

    def _check_settings(self) -> None:
        self._check_models()
        if self.most_unlabelled < 1:
            raise OptionError(
                f"most_unlabelled must be 1 or more; {self.most_unlabelled} came.", next_step="Give a number of texts."
            )
        if not 0 < self.taken_share <= 1:
            raise OptionError(
                f"taken_share must be above 0 and at most 1; {self.taken_share:g} came.",
                next_step="Give 0.5 for the surer half of the prompt's labels.",
            )

    def write_hugging_face(self, folder: Path) -> WrittenForm:
        """Write the small model, which answers alone, as `FullFineTuning` does."""
        return self.tuned_.write_hugging_face(folder)

    def _save(self, folder: Path) -> None:
        self.tuned_.save(folder)

    def _load(self, folder: Path) -> None:
        self.tuned_ = FullFineTuning.load(folder, self._tuned_settings, self.context_)
        self.size_mb_ = self.tuned_.size_mb


def likelier(answers: Iterable[Answer], share: float) -> list[int]:
    """Choose of each label's rows those for which its probability is highest.

    Parameters
    ----------
    answers : iterable of Answer
        Abstentions are never chosen.
    share : float
        In (0, 1]; 0.5 takes the rows at or above the median of their label's probabilities.

    Returns
    -------
    list of int
        Places, ascending.
    """
    found: dict[str, list[tuple[int, float]]] = {}
    for place, answer in enumerate(answers):
        if answer.value is not None and answer.probabilities is not None:
            found.setdefault(answer.value, []).append((place, max(answer.probabilities)))
    chosen = []
    for rows in found.values():
        least = float(np.quantile([probability for _, probability in rows], 1.0 - share))
        chosen += [place for place, probability in rows if probability >= least]
    return sorted(chosen)
