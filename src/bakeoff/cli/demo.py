"""``bakeoff demo``: the main job on real customer reviews."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bakeoff.workbench.conclude import Outcome

__all__ = ["demo"]

#: A demo ends within six minutes on two cores once everything is downloaded.
DEMO_SECONDS = 340.0
DEMO_TEST_ROWS = 300
INSTRUCTION = "Classify the sentiment of the customer review."


def demo(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder of the study.")] = None,
) -> None:
    """Run the main job on amazon-reviews (real customer reviews, rated by people), within six minutes."""
    from bakeoff.cli.run import start
    from bakeoff.workbench.options import DataOptions, StudyOptions

    outcome = start(
        "amazon-reviews",
        DataOptions(text=("text",), label="label", group="review"),
        StudyOptions(instruction=INSTRUCTION, time_limit=DEMO_SECONDS, test_rows=DEMO_TEST_ROWS),
        output,
    )
    _next_commands(outcome)


def _next_commands(outcome: Outcome) -> None:
    """Print where the report lies, and three commands to try."""
    from rich.console import Console

    folder = outcome.folder
    lines = [f"The report: {(folder / 'report.html').absolute()}", "Next, try:"]
    if outcome.bundle is not None:
        lines.append(f"  bakeoff predict {folder}/bundle new.csv -o answers.csv")
    lines.append("  bakeoff run your.csv --text review --label sentiment --time-limit 12m")
    lines.append(f"  bakeoff ship {folder} --contender tfidf")
    Console(highlight=False, soft_wrap=True).print("\n" + "\n".join(lines), markup=False)
