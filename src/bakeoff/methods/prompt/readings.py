"""From what several prompts made a model say to a label: calibration, an affine map, or nearest neighbours.

All is arithmetic on one array, *said*, of shape (rows, prompts, labels + words): the log-probabilities of the labels,
and of other words that the model would use, behind each row in each prompt. Which of the readings is taken is chosen by
cross-validation inside the labelled rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bakeoff.methods.prompt import calibrate
from bakeoff.methods.prompt.affine import AffineMap, fit_affine
from bakeoff.methods.prompt.neighbours import divergences, neighbour_scores
from bakeoff.tasks import score_codes

__all__ = [
    "READINGS",
    "Candidate",
    "Choice",
    "Reading",
    "choose_reading",
    "fit_reading",
    "read_reading",
    "write_reading",
]

#: Kind of reading and its strength: the map's penalty, the number of neighbours; 0 for calibration, which has none.
Candidate = tuple[str, float]

_CALIBRATED: tuple[Candidate, ...] = (("calibrated", 0.0),)
#: Penalties below and above these were no better on validation rows of four data sets; see LOG.md.
_AFFINE: tuple[Candidate, ...] = (("affine", 30.0), ("affine", 100.0), ("affine", 10.0))
_NEIGHBOURS: tuple[Candidate, ...] = (("neighbours", 9.0), ("neighbours", 5.0), ("neighbours", 3.0))

#: What can be asked for, each with what it is chosen from: first what is taken where few rows or time allow no choice,
#: and before all others that do not do clearly better.
READINGS: Mapping[str, tuple[Candidate, ...]] = {
    "chosen": (*_AFFINE, *_CALIBRATED, *_NEIGHBOURS),
    "affine": _AFFINE,
    "calibrated": _CALIBRATED,
    "neighbours": _NEIGHBOURS,
}

_FOLDS, _ROUNDS = 5, 2
#: Multiplications of a choice, counted for one step of each fit, above which it would take longer than the scores.
_MOST_WORK = 400_000_000

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A fitted reading.

    Parameters
    ----------
    kind : {"affine", "calibrated", "neighbours"}
    shifts : ndarray of float64, shape (prompts, labels)
        Each prompt's own leaning.
    centres : ndarray of float64, shape (prompts, words)
        What is subtracted from the other words' scores, each row's mean having been taken out.
    map : AffineMap or None
    anchors : ndarray of float64, shape (n, prompts, labels + words), or None
    codes : ndarray of int64, shape (n,), or None
        Labels of the anchors.
    neighbours : int
    """

    kind: str
    shifts: Floats
    centres: Floats
    map: AffineMap | None = None
    anchors: Floats | None = None
    codes: Codes | None = None
    neighbours: int = 0

    def scores(self, said: Floats) -> Floats:
        """Score the labels of rows.

        Parameters
        ----------
        said : ndarray of float64, shape (rows, prompts, labels + words)

        Returns
        -------
        ndarray of float64, shape (rows, labels)
            Logarithms of probabilities, up to a number a row.
        """
        if self.map is not None:
            return self.map.scores(self._features(said))
        labels = self.shifts.shape[1]
        if self.anchors is not None and self.codes is not None:
            apart = sum(divergences(said[:, p], self.anchors[:, p]) for p in range(len(self.shifts)))
            return neighbour_scores(np.asarray(apart), self.codes, labels, self.neighbours)
        return np.asarray((_centred(said[:, :, :labels]) - self.shifts).mean(axis=1), dtype=np.float64)

    def _features(self, said: Floats) -> Floats:
        labels = self.shifts.shape[1]
        own = _centred(said[:, :, :labels]) - self.shifts
        others = _centred(said[:, :, labels:]) - self.centres
        return np.concatenate([own.reshape(len(said), -1), others.reshape(len(said), -1)], axis=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which reading was chosen, and by what.

    Parameters
    ----------
    candidate : Candidate
    scores : tuple of (str, float, float)
        Kind, strength and cross-validated score of each candidate; empty where there was no choice to make.
    """

    candidate: Candidate
    scores: tuple[tuple[str, float, float], ...]


def fit_reading(candidate: Candidate, said: Floats, codes: Codes, empty: Floats, labels: int) -> Reading:
    """Fit a reading to labelled rows.

    Parameters
    ----------
    candidate : Candidate
    said : ndarray of float64, shape (n, prompts, labels + words)
        Of rows that no prompt shows; n may be 0, which leaves calibration.
    codes : ndarray of int64, shape (n,)
        Positions of their labels.
    empty : ndarray of float64, shape (texts, prompts, labels + words)
        Of texts without content; may be none.
    labels : int

    Returns
    -------
    Reading
    """
    kind, strength = candidate
    prompts, words = said.shape[1], said.shape[2] - labels
    counts = np.bincount(codes, minlength=labels).astype(np.float64)
    shifts = np.stack(
        [calibrate.joined_shift(said[:, p, :labels], empty[:, p, :labels], counts) for p in range(prompts)]
    )
    known = said if len(said) else empty
    centres = _centred(known[:, :, labels:]).mean(axis=0) if len(known) and words else np.zeros((prompts, words))
    plain = Reading("calibrated", shifts, centres)
    if not len(said) or kind == "calibrated":
        return plain
    if kind == "neighbours":
        return Reading(kind, shifts, centres, anchors=said, codes=codes, neighbours=int(strength))
    # The map starts at the mean of the calibrated prompts.
    start = np.concatenate([np.tile(np.eye(labels) / prompts, prompts), np.zeros((labels, prompts * words))], axis=1)
    return Reading(kind, shifts, centres, map=fit_affine(plain._features(said), codes, start, strength))


def choose_reading(
    name: str, said: Floats, codes: Codes, empty: Floats, labels: int, *, metric: str, seed: int
) -> Choice:
    """Choose a reading by cross-validation, on the task's metric.

    Few rows choose among readings with much noise. So the first of `READINGS[name]` is taken whose score is at most one
    standard error behind the best (the rule of Breiman et al. 1984, section 3.4.3).

    Parameters
    ----------
    name : str
        One of `READINGS`.
    said, codes, empty, labels
        As of `fit_reading`.
    metric : str
    seed : int
        Of the folds.

    Returns
    -------
    Choice
    """
    candidates = READINGS[name]
    # A step of a fit multiplies every row's features with every label's weights, there and back.
    work = 2 * _ROUNDS * _FOLDS * len(candidates) * said.size * labels
    if len(candidates) == 1 or len(said) < 2 * _FOLDS or work > _MOST_WORK:
        return Choice(candidates[0], ())
    found = [
        float(np.mean([_held_out(each, said, codes, empty, labels, metric, seed, turn) for turn in range(_ROUNDS)]))
        for each in candidates
    ]
    best = max(found)
    enough = best - float(np.sqrt(best * (1.0 - best) / len(codes)))
    chosen = next(each for each, score in zip(candidates, found, strict=True) if score >= enough)
    return Choice(
        chosen, tuple((kind, strength, score) for (kind, strength), score in zip(candidates, found, strict=True))
    )


def _held_out(
    candidate: Candidate,
    said: Floats,
    codes: Codes,
    empty: Floats,
    labels: int,
    metric: str,
    seed: int,
    turn: int,
) -> float:
    """Give the score of rows that each fold's reading has not seen."""
    scores = np.zeros((len(codes), labels))
    for held in _folds(codes, np.random.default_rng([seed, turn])):
        kept = np.setdiff1d(np.arange(len(codes)), held)
        scores[held] = fit_reading(candidate, said[kept], codes[kept], empty, labels).scores(said[held])
    return float(score_codes(metric, codes, scores.argmax(axis=1), labels))


def _folds(codes: Codes, generator: np.random.Generator) -> list[Codes]:
    """Divide rows, every label's as evenly as they can be: dealt like cards, label after label."""
    drawn = generator.permutation(len(codes))
    dealt = drawn[np.argsort(codes[drawn], kind="stable")]
    return [np.sort(dealt[first::_FOLDS]) for first in range(_FOLDS)]


def _centred(scores: Floats) -> Floats:
    return scores - scores.mean(axis=2, keepdims=True) if scores.shape[2] else scores


def write_reading(reading: Reading, path: Path) -> None:
    """Write a reading as safetensors.

    Parameters
    ----------
    reading : Reading
    path : Path
    """
    from safetensors.numpy import save_file

    tensors: dict[str, NDArray[np.generic]] = {"shifts": reading.shifts, "centres": reading.centres}
    if reading.map is not None:
        tensors |= {
            "weights": np.ascontiguousarray(reading.map.weights),
            "bias": np.ascontiguousarray(reading.map.bias),
        }
    if reading.anchors is not None and reading.codes is not None:
        count = np.array([reading.neighbours], dtype=np.int64)
        tensors |= {"anchors": np.ascontiguousarray(reading.anchors), "codes": reading.codes, "neighbours": count}
    save_file(tensors, path)


def read_reading(path: Path) -> Reading:
    """Read what `write_reading` wrote.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Reading
    """
    from safetensors.numpy import load_file

    found = load_file(path)
    fitted = AffineMap(found["weights"], found["bias"]) if "weights" in found else None
    anchors = found.get("anchors")
    kind = "affine" if fitted is not None else "calibrated" if anchors is None else "neighbours"
    count = int(found["neighbours"][0]) if anchors is not None else 0
    return Reading(kind, found["shifts"], found["centres"], fitted, anchors, found.get("codes"), count)
