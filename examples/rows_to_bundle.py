"""From a file of rows to a bundle that answers new ones, by the functions behind the commands.

    python examples/rows_to_bundle.py FOLDER

FOLDER is what `write_rows.py` writes; `bundle` and `answers.csv` are written into it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bakeoff.workbench.check import check
from bakeoff.workbench.finetune import FinetuneOptions, FinetuneOutcome, finetune
from bakeoff.workbench.options import DataOptions
from bakeoff.workbench.predict import predict


def main(folder: Path) -> FinetuneOutcome:
    """Check, tune, and answer; give what tuning found."""
    source, data = str(folder / "fifty.csv"), DataOptions(text=("review",), label="sentiment")

    found = check(source, data)
    for one in found.checks:
        if one.status != "PASS":
            print(f"{one.status} {one.name}: {one.detail}")

    tuned = finetune(source, data, FinetuneOptions(method="probe"), output=folder / "bundle")
    low, high = tuned.test.interval
    print(f"{tuned.contender.name}, {tuned.n} rows: {tuned.task.metric} {tuned.test.score:.3f} [{low:.3f}, {high:.3f}]")

    answered = predict(folder / "bundle", folder / "new.csv", folder / "answers.csv", probabilities=True)
    print(f"{answered.answered} of {answered.rows} rows answered in {answered.output.name}")
    return tuned


if __name__ == "__main__":
    main(Path(sys.argv[1]))
