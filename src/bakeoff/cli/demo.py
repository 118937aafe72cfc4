"""``bakeoff demo``: the main job on real customer reviews."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.cli import options
from bakeoff.cli.json_output import Given

if TYPE_CHECKING:
    from rich.console import Console

    from bakeoff.records import Decision
    from bakeoff.workbench.conclude import Outcome

__all__ = ["demo"]

#: A demo ends within six minutes on two cores once everything is downloaded.
DEMO_SECONDS = 340.0
DEMO_TEST_ROWS = 300
INSTRUCTION = "Classify the sentiment of the customer review."


def demo(
    output: options.StudyFolder = None,
    as_json: options.Json = False,
) -> None:
    """Run the main job on amazon-reviews (real customer reviews, rated by people), within six minutes."""
    from bakeoff.cli.run import start
    from bakeoff.workbench.options import DataOptions, StudyOptions

    start(
        Given("demo", as_json),
        "amazon-reviews",
        DataOptions(text=("text",), label="label", group="review"),
        StudyOptions(instruction=INSTRUCTION, time_limit=DEMO_SECONDS, test_rows=DEMO_TEST_ROWS),
        output,
        then=_next_commands,
    )


def _next_commands(console: Console, outcome: Outcome) -> None:
    """Print where the report lies, and commands to try."""
    from bakeoff.workbench.next_command import next_command

    folder = outcome.folder
    lines = [f"The report: {(folder / 'report.html').absolute()}", "Next, try:"]
    lines += _activation()
    further = next_command(folder, outcome.seconds_to_go_on)
    if further is not None:
        lines.append(f"  {further}")
    if outcome.bundle is not None:
        lines.append(f"  bakeoff predict {folder}/bundle new.csv -o answers.csv")
        lines.append(f"  bakeoff serve {folder}/bundle")
    lines.append(f"  bakeoff ship {folder} --contender {shlex.quote(_another(outcome.decision))}")
    lines.append("  bakeoff run your.csv --text review --label sentiment --time-limit 12m")
    console.print("\n" + "\n".join(lines), markup=False, soft_wrap=True)


def _activation() -> list[str]:
    """Give the command that puts the program on the user's path, where it runs in an environment that is not active."""
    script = Path(sys.prefix) / "bin" / "activate"
    if sys.prefix == sys.base_prefix or os.environ.get("VIRTUAL_ENV") == sys.prefix or not script.exists():
        return []
    return [f"  source {shlex.quote(str(script))}"]


def _another(decision: Decision) -> str:
    """Give the better of the finalists that were not shipped; a floor where there was no final."""
    shipped = decision.verdict.contender or decision.verdict.meanwhile
    final = next((one for one in decision.comparisons if one.role == "verdict"), None)
    scored = [] if final is None else [(final.score_a, final.a), (final.score_b, final.b)]
    return max((one for one in scored if one[1] != shipped), default=(0.0, "tfidf"))[1]
