"""Does `bakeoff watch` stay quiet where nothing has shifted, see what has, and cover the score? Real rows, TF-IDF.

A study is drawn from each data set: 600 rows to learn from, 300 test rows with the answers of three fits. Its bundle
has learned from all 900. The rows that are left are the world: whatever is drawn from them has not shifted.

- *Quiet*: draws of 300 rows of the world; how often any look says "shifted", and how often one is shown at all.
- *Seen*: 300 rows of another data set; of the world with half of the rows of its most frequent label gone; of the world
  with every third word replaced by one of another data set's.
- *Covered*: 50 rows of the world, labelled: how often the 95% interval holds the score on all of the world. Beside the
  interval in use stands that of prediction-powered inference (Angelopoulos et al. 2023, with the power tuning of
  Angelopoulos, Duchi and Zrnic 2023), which uses the bundle's probabilities for 1,000 further rows.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/watch.py

The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bakeoff.decision import drift, wilson_interval
from bakeoff.decision.redecide import audited_score, redecide
from bakeoff.decision.vocabulary import known_words, unknown_among_themselves, unknown_shares
from bakeoff.methods.floors import TfidfLogistic
from bakeoff.records import Look, Reference
from bakeoff.tasks import Task, classification_task

SETS = ("ag_news", "amazon_reviews", "financial_phrasebank", "trec", "tweet_offensive")
LEARNED, TESTED, NEW, AUDITED = 600, 300, 300, 50
_Z = 1.959964


@dataclass(frozen=True)
class World:
    """One data set: the study's sums and texts, and the rows that are left, answered by its bundle."""

    name: str
    task: Task
    reference: Reference
    study_texts: tuple[str, ...]
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    answers: tuple[str, ...]
    confidence: NDArray[np.float64]
    bundle: TfidfLogistic


def make_world(folder: Path, name: str) -> World:
    rows = [json.loads(line) for path in sorted((folder / name).glob("*.jsonl")) for line in path.open("rb")]
    rows = list({row["text"]: row for row in rows}.values())
    order = np.random.default_rng(7).permutation(len(rows))[: LEARNED + TESTED + 3000]
    texts, labels = (tuple(str(rows[at][field]) for at in order) for field in ("text", "label"))
    task = classification_task(name="label", labels=sorted(set(labels)), metric="accuracy")
    tested = slice(LEARNED, LEARNED + TESTED)
    runs = []
    for seed in range(3):
        drawn = np.random.default_rng(seed).permutation(LEARNED)[: int(0.8 * LEARNED)]
        made = TfidfLogistic(task, seed=seed).fit([texts[at] for at in drawn], [labels[at] for at in drawn])
        runs.append([str(value) for value in made.predict(list(texts[tested]))])
    study = texts[: LEARNED + TESTED]
    bundle = TfidfLogistic(task).fit(list(study), list(labels[: LEARNED + TESTED]))
    answers = bundle.answer(list(texts[len(study) :]))
    right = [np.mean([a == b for a, b in zip(run, labels[tested], strict=True)]) for run in runs]
    low, high = wilson_interval(float(np.mean(right)), TESTED)
    shares = unknown_among_themselves(study)
    reference = Reference(
        rows=len(study), metric="accuracy", score=float(np.mean(right)), low=low, high=high,
        answers=tuple(dict(Counter(run)) for run in runs), numbers=(), abstained=(0, 0, 0),
        lengths=tuple(len(text.split()) for text in study), words=known_words(study), unknown=float(shares.mean()),
        unknown_deviation=float(shares.std(ddof=1)), copies=0.0,
    )  # fmt: skip
    return World(
        name, task, reference, study, texts[len(study) :], labels[len(study) :],
        tuple(str(answer.value) for answer in answers),
        np.array([max(answer.probabilities or (0.0,)) for answer in answers]), bundle,
    )  # fmt: skip


def looks_at(world: World, texts: list[str], answers: list[str], seed: int) -> tuple[Look, ...]:
    return drift.corrected(
        [
            drift.texts_look(world.study_texts, texts, seed),
            drift.lengths_look(world.reference, [len(text.split()) for text in texts]),
            drift.unknown_words_look(world.reference, unknown_shares(texts, world.reference.words)),
            drift.answers_look(world.reference, answers, seed),
            drift.abstentions_look(world.reference, 0, len(texts)),
        ]
    )


def drawn(world: World, count: int, chance: np.random.Generator) -> list[int]:
    return [int(at) for at in chance.choice(len(world.texts), count, replace=False)]


def quiet(world: World, draws: int) -> list[tuple[Look, ...]]:
    chance = np.random.default_rng(1)
    found = []
    for seed in range(draws):
        rows = drawn(world, NEW, chance)
        found.append(looks_at(world, [world.texts[at] for at in rows], [world.answers[at] for at in rows], seed))
    return found


def other_mix(world: World, chance: np.random.Generator) -> tuple[list[str], list[str]]:
    top = Counter(world.labels).most_common(1)[0][0]
    rows = drawn(world, min(2 * NEW, len(world.texts)), chance)
    rows = [at for at in rows if world.labels[at] != top or chance.random() < 0.5][:NEW]
    return [world.texts[at] for at in rows], [world.answers[at] for at in rows]


def other_words(world: World, other: World, chance: np.random.Generator) -> tuple[list[str], list[str]]:
    pool = [word for text in other.texts[:500] for word in text.split()]
    texts = []
    for at in drawn(world, NEW, chance):
        words = [str(chance.choice(pool)) if chance.random() < 1 / 3 else word for word in world.texts[at].split()]
        texts.append(" ".join(words))
    return texts, [str(value) for value in world.bundle.predict(texts)]


def prediction_powered(
    right: NDArray[np.float64], told: NDArray[np.float64], further: NDArray[np.float64]
) -> tuple[float, float]:
    """Give the interval of a mean from few labels and many predictions, with the weight that narrows it most."""
    labels, more = len(right), len(further)
    weight = float(np.cov(right, told)[0, 1] / max(further.var(ddof=1), 1e-12) / (1 + labels / more))
    weight = min(max(weight, 0.0), 1.0)
    rest = right - weight * told
    mean = weight * float(further.mean()) + float(rest.mean())
    half = _Z * float(np.sqrt(weight**2 * further.var(ddof=1) / more + rest.var(ddof=1) / labels))
    return mean - half, mean + half


def covered(world: World, draws: int) -> dict[str, list[float]]:
    chance = np.random.default_rng(2)
    right = np.array([a == b for a, b in zip(world.answers, world.labels, strict=True)], dtype=np.float64)
    macro = replace(world.task, metric="macro-F1")
    truths = {
        "wilson": float(right.mean()),
        "powered": float(right.mean()),
        "bootstrap": audited_score(macro, world.labels[:2000], world.answers[:2000]).score,
    }
    found: dict[str, list[float]] = {f"{name}_{what}": [] for name in truths for what in ("holds", "width")}
    found |= {"yes": [], "no": []}
    for number in range(draws):
        rows = drawn(world, AUDITED + 1000, chance)
        few, many = rows[:AUDITED], rows[AUDITED:]
        truth, answers = [world.labels[at] for at in few], [world.answers[at] for at in few]
        score = audited_score(world.task, truth, answers)
        intervals = {
            "wilson": score.ci,
            "powered": prediction_powered(right[few], world.confidence[few], world.confidence[many]),
        }
        if number < draws // 5:
            intervals["bootstrap"] = audited_score(macro, truth, answers, number).ci
        for name, (low, high) in intervals.items():
            found[f"{name}_holds"].append(float(low <= truths[name] <= high))
            found[f"{name}_width"].append(high - low)
        foretold = world.reference
        said = redecide(score, foretold.score or 0.0, (foretold.low or 0.0, foretold.high or 1.0), 0.05)
        found["yes"].append(float(said.answer == "yes"))
        found["no"].append(float(said.answer == "no"))
    return found


def any_shifted(looks: tuple[Look, ...]) -> bool:
    return any(look.finding == "shifted" for look in looks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=20, help="draws of 300 rows of each set")
    parser.add_argument("--audits", type=int, default=1000, help="audits of 50 rows of each set")
    options = parser.parse_args()
    started = time.process_time()
    folder = Path(os.environ["BAKEOFF_TEST_DATA"]) / "data"
    worlds = [make_world(folder, name) for name in SETS]
    calm = {world.name: quiet(world, options.draws) for world in worlds}
    every = [looks for found in calm.values() for looks in found]
    for name, found in calm.items():
        told = Counter(f"{look.name} {look.finding}" for looks in found for look in looks if look.p_holm < drift.ALPHA)
        print(f"{name}: quiet draws shifted {np.mean([any_shifted(looks) for looks in found]):.3f}, {dict(told)}")
    seen: dict[str, list[bool]] = {"other_set": [], "label_mix": [], "other_words": []}
    by_look: Counter[str] = Counter()
    chance = np.random.default_rng(3)
    for world in worlds:
        for other in worlds:
            if other is world:
                continue
            texts = [other.texts[at] for at in drawn(other, NEW, chance)]
            looks = looks_at(world, texts, [str(value) for value in world.bundle.predict(texts)], 0)
            seen["other_set"].append(any_shifted(looks))
            changed, answers = other_words(world, other, chance)
            seen["other_words"].append(any_shifted(looks_at(world, changed, answers, 0)))
            mixed = looks_at(world, *other_mix(world, chance), 0)
            seen["label_mix"].append(any_shifted(mixed))
            by_look.update(look.name for look in mixed if look.finding == "shifted")
    print(f"label mix: of {len(seen['label_mix'])} draws, shifted by look: {dict(by_look)}")
    scores = {world.name: covered(world, options.audits) for world in worlds}
    for name, found in scores.items():
        world = next(world for world in worlds if world.name == name)
        right = np.mean([a == b for a, b in zip(world.answers, world.labels, strict=True)])
        told = ", ".join(f"{key} {np.mean(values):.3f}" for key, values in found.items())
        print(f"{name}: card {world.reference.score:.3f}, world {right:.3f}; {told}")
    mean = {key: float(np.mean([np.mean(found[key]) for found in scores.values()])) for key in scores[SETS[0]]}
    print(f"{time.process_time() - started:.0f} s of the processor")
    result = {
        "false_alarm_rate": float(np.mean([any_shifted(looks) for looks in every])),
        "shown_rate": float(np.mean([any(look.p_holm < drift.ALPHA for look in looks) for looks in every])),
        **{f"seen_{name}": float(np.mean(values)) for name, values in seen.items()},
        **{f"audit_{name}": value for name, value in mean.items()},
    }
    print(json.dumps({name: round(value, 4) for name, value in result.items()}))


if __name__ == "__main__":
    main()
