"""Is one system better than another on these rows? The paired test, by hand, from two files of answers.

    python examples/compare_two_systems.py FOLDER

FOLDER is what `write_rows.py` writes. The two systems are today's list of words and one that always says "positive".
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from bakeoff.data import read_predictions, read_rows
from bakeoff.decision import mcnemar_mid_p, smallest_detectable_difference, wilson_interval


def main(folder: Path) -> float:
    """Print both scores and the test; give its p-value."""
    rows = dict(read_rows(folder / "reviews.csv").splits)["all"].take(range(500))
    today = read_predictions(folder / "today.csv", rows, labels=("negative", "positive"))

    truth = np.array(rows.labels)
    a = np.array(today.values) == truth
    b = truth == "positive"
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    p = mcnemar_mid_p(only_a, only_b)

    for name, right in (("list of words", a), ("always positive", b)):
        low, high = wilson_interval(float(right.mean()), len(right))
        print(f"{name:<16} {right.mean():.3f} [{low:.3f}, {high:.3f}] on {len(right)} rows")
    print(f"rows that only one has right: {only_a} and {only_b}; McNemar's mid-p {p:.3g}")
    print(f"{len(rows)} rows can show {smallest_detectable_difference(len(rows)):.1f} points or more")
    return p


if __name__ == "__main__":
    main(Path(sys.argv[1]))
