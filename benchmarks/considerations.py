"""Show what the five considerations favour on real sets, and whether that depends on the set.

Each set is studied by `bakeoff run` in a process of its own, with the same limits and the same time.

    BAKEOFF_TEST_DATA=FOLDER python benchmarks/considerations.py --output considerations

A study that has its verdict is not run again, one that was stopped is resumed. The last line is one JSON object:
of each consideration, how often it favoured what.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SETS = (
    "ag_news",
    "amazon_reviews",
    "banking77",
    "financial_phrasebank",
    "poem_sentiment",
    "sst2",
    "trec",
    "tweet_emoji",
    "tweet_offensive",
)

#: One that small models meet on easy sets alone, and one that tells a prompted decoder from a tuned encoder.
REQUIREMENTS = ("score>=0.7", "p95_ms<=100")

#: Exit codes of a study that has a verdict, or ended without one.
_ENDED = (0, 3)


def study(rows: Path, folder: Path, time_limit: str, log: Path) -> None:
    """Run a set's study, or go on with it, unless its verdict is there.

    Parameters
    ----------
    rows : Path
        Folder of the set.
    folder : Path
        Of the study.
    time_limit : str
        As `bakeoff run` takes it.
    log : Path
        File to which the program's output is appended.

    Raises
    ------
    SystemExit
        Where the study did not end.
    """
    if (folder / "verdict.json").exists():
        return
    program = [sys.executable, "-m", "bakeoff"]
    if folder.exists():
        command = [*program, "resume", str(folder)]
    else:
        limits = [word for limit in REQUIREMENTS for word in ("--require", limit)]
        command = [*program, "run", str(rows), "--time-limit", time_limit, "-o", str(folder), "--no-ship", *limits]
    with log.open("a", encoding="utf-8") as file:
        ended = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    if ended not in _ENDED:
        raise SystemExit(f"{' '.join(command)} ended with {ended}; see {log}.")


def favoured(verdict: Mapping[str, Any]) -> dict[str, str]:
    """Give what each consideration of a verdict favours, by its name."""
    return {name: str(one["favours"]) for name, one in verdict["considerations"].items()}


def counted(found: Sequence[Mapping[str, str]]) -> dict[str, dict[str, int]]:
    """Count, of each consideration, how often it favours what."""
    names = list(dict.fromkeys(name for one in found for name in one))
    return {name: dict(Counter(one[name] for one in found if name in one).most_common()) for name in names}


def _line(name: str, verdict: Mapping[str, Any]) -> str:
    finalists = next((one for one in verdict["comparisons"] if one["role"] == "verdict"), None)
    met = f"{finalists['a']}, {finalists['b']}" if finalists else "-"
    chosen = verdict["verdict"]
    cells = [name, chosen["n"], met, chosen["choice"], *favoured(verdict).values()]
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("considerations"), help="folder of the studies")
    parser.add_argument("--set", action="append", choices=SETS, help="a data set; all where not given")
    parser.add_argument("--time-limit", default="4m", help="of each study (default: %(default)s)")
    options = parser.parse_args()
    root = os.environ.get("BAKEOFF_TEST_DATA")
    if not root or not (Path(root) / "data").is_dir():
        raise SystemExit(f"BAKEOFF_TEST_DATA must name the folder that holds data/{SETS[0]} and the other sets.")
    options.output.mkdir(parents=True, exist_ok=True)
    verdicts: dict[str, dict[str, Any]] = {}
    for name in options.set or SETS:
        folder = options.output / name
        study(Path(root) / "data" / name, folder, options.time_limit, options.output / f"{name}.log")
        verdicts[name] = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
        print(f"{name}: {favoured(verdicts[name])}", file=sys.stderr, flush=True)
    header = ["set", "n", "finalists", "choice", *favoured(next(iter(verdicts.values())))]
    print(f"| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for name, verdict in verdicts.items():
        print(_line(name, verdict))
    print(json.dumps(counted([favoured(verdict) for verdict in verdicts.values()])))


if __name__ == "__main__":
    main()
