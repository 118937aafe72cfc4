"""How far a written text agrees with the texts that are right: what each row adds, and the metric of the sums.

chrF (Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation") and BLEU (Papineni et al. 2002) are
those of sacrebleu with its defaults (Post 2018), ROUGE (Lin 2004) is that of rouge-score with stemming, exact match and
token F1 are those of SQuAD (Rajpurkar et al. 2016, section 6.1). All are shares in [0, 1], where the packages say
percent.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.extras import require

__all__ = ["OVERLAPS", "Overlap", "row_sums"]

Reals = NDArray[np.float64]

_CHRF_ORDER, _CHRF_BETA = 6, 2.0
_BLEU_ORDER = 4
#: Rows whose sums are kept: a study asks for the same ones after every trial.
_KEPT = 1 << 18
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True)
class Overlap:
    """A metric of written texts.

    Parameters
    ----------
    summary : str
        What it is, for people.
    sums : callable
        Of an answer and its references: what the row adds to each sum.
    of_sums : callable
        Sums of shape (resamples, sums) to the metric, shape (resamples,).
    """

    summary: str
    sums: Callable[[str, tuple[str, ...]], Sequence[float]]
    of_sums: Callable[[Reals], Reals]


@lru_cache(maxsize=_KEPT)
def row_sums(metric: str, answer: str, references: tuple[str, ...]) -> tuple[float, ...]:
    """Give what a row adds to the sums of a metric.

    Parameters
    ----------
    metric : str
        One of `OVERLAPS`.
    answer : str
        Empty for an abstention.
    references : tuple of str

    Returns
    -------
    tuple of float
    """
    return tuple(map(float, OVERLAPS[metric].sums(answer, references)))


@cache
def _sacrebleu(name: str) -> Any:
    return getattr(require("sacrebleu.metrics", extra="generate", purpose=f"The metric {name}"), name)()


def _chrf_sums(answer: str, references: tuple[str, ...]) -> Sequence[float]:
    """Give n-grams of the answer, of the reference and of both, for each order; of the reference that is nearest."""
    metric = _sacrebleu("CHRF")
    sums: Sequence[float] = metric._extract_corpus_statistics([answer], [[each] for each in references])[0]
    return sums


def _of_chrf(sums: Reals) -> Reals:
    """Give the F-score of mean precision and mean recall over the orders that both sides have."""
    said, right, both = sums.reshape(len(sums), _CHRF_ORDER, 3).transpose(2, 0, 1)
    known = (said > 0) & (right > 0)
    orders = np.maximum(known.sum(axis=1), 1)
    precision = np.where(known, both / np.where(known, said, 1.0), 0.0).sum(axis=1) / orders
    recall = np.where(known, both / np.where(known, right, 1.0), 0.0).sum(axis=1) / orders
    below = _CHRF_BETA**2 * precision + recall
    return np.asarray(
        np.where(below > 0, (1 + _CHRF_BETA**2) * precision * recall / np.where(below > 0, below, 1.0), 0.0)
    )


def _bleu_sums(answer: str, references: tuple[str, ...]) -> Sequence[float]:
    """Give both lengths, then the n-grams that are right and all n-grams of the answer, for each order."""
    metric = _sacrebleu("BLEU")
    sums: Sequence[float] = metric._extract_corpus_statistics([answer], [[each] for each in references])[0]
    return sums


def _of_bleu(sums: Reals) -> Reals:
    """Give the geometric mean of precisions, less the brevity penalty; zeros are smoothed by halves, as sacrebleu's."""
    said, right = sums[:, 0], sums[:, 1]
    correct, total = sums[:, 2 : 2 + _BLEU_ORDER], sums[:, 2 + _BLEU_ORDER :]
    with np.errstate(divide="ignore", invalid="ignore"):
        penalty = np.where(said >= right, 1.0, np.where(said > 0, np.exp(1.0 - right / np.maximum(said, 1e-300)), 0.0))
        halves = 2.0 ** np.cumsum((correct == 0) & (total > 0), axis=1)
        shares = np.where(correct > 0, correct, 1.0 / halves) / np.where(total > 0, total, np.inf)
        logs = np.log(shares).mean(axis=1)
    return np.asarray(np.where((correct > 0).any(axis=1) & (total > 0).all(axis=1), penalty * np.exp(logs), 0.0))


def _rouge(name: str) -> Callable[[str, tuple[str, ...]], Sequence[float]]:
    def sums(answer: str, references: tuple[str, ...]) -> Sequence[float]:
        scorer = _rouge_scorer(name)
        return (max(scorer.score(each, answer)[name].fmeasure for each in references), 1.0)

    return sums


@cache
def _rouge_scorer(name: str) -> Any:
    module = require("rouge_score.rouge_scorer", extra="generate", purpose="ROUGE")
    return module.RougeScorer([name], tokenizer=_stems())


class _Stems:
    """The tokenizer of rouge-score, which stems each text once: to stem takes most of its time."""

    def __init__(self, plain: Any) -> None:
        self.tokenize = lru_cache(maxsize=_KEPT)(plain.tokenize)


@cache
def _stems() -> _Stems:
    module = require("rouge_score.tokenizers", extra="generate", purpose="ROUGE")
    return _Stems(module.DefaultTokenizer(use_stemmer=True))


def _normal(text: str) -> str:
    """Give a text without capitals, punctuation, articles and further blanks, as SQuAD compares it."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _exact_match(answer: str, references: tuple[str, ...]) -> Sequence[float]:
    said = _normal(answer)
    return (float(bool(answer) and any(said == _normal(each) for each in references)), 1.0)


def _token_f1(answer: str, references: tuple[str, ...]) -> Sequence[float]:
    return (max(_f1(_normal(answer).split(), _normal(each).split()) for each in references), 1.0)


def _f1(said: list[str], right: list[str]) -> float:
    if not said or not right:
        return 0.0
    both = (Counter(said) & Counter(right)).total()
    return 2.0 * both / (len(said) + len(right))


def _mean(sums: Reals) -> Reals:
    """Give the mean of what rows have, the second sum being their count."""
    return np.asarray(sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], 1.0))


#: Metrics of written texts, the default first.
OVERLAPS: Mapping[str, Overlap] = {
    "chrf": Overlap("agreement of runs of one to six characters with the nearest reference", _chrf_sums, _of_chrf),
    "bleu": Overlap(
        "agreement of runs of one to four words with the references, for all rows together", _bleu_sums, _of_bleu
    ),
    "rouge-l": Overlap(
        "F1 of the longest common run of words, gaps allowed, with the best reference", _rouge("rougeL"), _mean
    ),
    "rouge-1": Overlap("F1 of words with the best reference", _rouge("rouge1"), _mean),
    "rouge-2": Overlap("F1 of pairs of words with the best reference", _rouge("rouge2"), _mean),
    "token-f1": Overlap("F1 of words with the best reference, articles and punctuation aside", _token_f1, _mean),
    "exact-match": Overlap(
        "share of answers that are a reference, articles and punctuation aside", _exact_match, _mean
    ),
}
