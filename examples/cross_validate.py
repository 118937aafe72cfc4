"""Methods are scikit-learn's estimators: `cross_val_score`, `clone` and pipelines take them as they are.

    python examples/cross_validate.py FOLDER

FOLDER is what `write_rows.py` writes. The probe needs the small encoder: `bakeoff models pull minilm-l6`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sklearn.model_selection import StratifiedKFold, cross_val_score

from bakeoff.data import read_rows
from bakeoff.methods.registry import load_method
from bakeoff.tasks import classification_task


def main(folder: Path, count: int = 60) -> dict[str, float]:
    """Cross-validate a floor and a probe on the same folds; give the mean accuracy of each."""
    rows = dict(read_rows(folder / "reviews.csv").splits)["all"].take(range(count))
    task = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
    folds = StratifiedKFold(n_splits=3, shuffle=True, random_state=0)

    means = {}
    for name, model in (("majority", None), ("tfidf", None), ("probe", "minilm-l6")):
        method = load_method(name)(task=task, model=model, seed=0)
        scores = cross_val_score(method, list(rows.texts), list(rows.labels), cv=folds)
        means[name] = float(scores.mean())
        print(f"{name:<10} {' '.join(f'{score:.3f}' for score in scores)}   mean {means[name]:.3f}")
    return means


if __name__ == "__main__":
    main(Path(sys.argv[1]))
