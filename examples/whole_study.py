"""A whole study from Python: measure both ways, read the verdict, and see what would flip it.

    python examples/whole_study.py FOLDER

FOLDER is what `write_rows.py` writes; the study is written into its folder `study`. It takes some minutes on two cores.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bakeoff.workbench.conclude import Outcome
from bakeoff.workbench.options import DataOptions, StudyOptions
from bakeoff.workbench.run import run

# Trials run in a worker process, which imports this file again: what starts a study stands behind this line.
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    options = StudyOptions(
        methods=("probe", "zero-shot-calibrated"), budgets=(0, 64), test_rows=100, finalist_seeds=3, ship=False
    )
    outcome: Outcome = run(str(folder / "reviews.csv"), DataOptions(), options, folder=folder / "study")

    verdict = outcome.decision.verdict
    # Where nothing is decided there is no contender, but one to use until then.
    print(f"{verdict.choice}: {verdict.contender or f'meanwhile {verdict.meanwhile}'}")
    for reason in verdict.reasons:
        print(f"- {reason}")
    for flip in verdict.flips:
        print(f"would flip: {flip.what}, {flip.now:.3g} now; {flip.to} at {flip.at:.3g}")
    for row in outcome.decision.leaderboard:
        print(f"{row.contender:<40} {row.score:.3f}")
