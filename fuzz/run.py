"""Fuzz one target, or all of them one after another, with atheris (libFuzzer): inputs that reach new code are kept.

    pip install atheris
    python fuzz/run.py csv --minutes 10
    python fuzz/run.py all --minutes 10 --work fuzz-work

Begins with the inputs in `fuzz/corpus/TARGET` and what an earlier run left in the work folder. A fault does not end the
run: the first input of each kind is kept in `WORK/TARGET/faults`, with its traceback; copied into
`fuzz/regressions/TARGET`, a test reads it for ever. The last line is one JSON list.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import re
import subprocess
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).parent
TARGETS = ("csv", "tsv", "txt", "jsonl", "json", "xlsx", "parquet", "settings", "prompt", "manifest", "method-files")
#: Longest input, bytes; seconds and megabytes that one may take.
_LONGEST, _SECONDS, _MEGABYTES = 4096, 20, 4096
#: Modules whose branches are counted: the product's readers, and what reads YAML.
_COUNTED = [
    "bakeoff.catalog.prices", "bakeoff.data", "bakeoff.methods.floors", "bakeoff.methods.heads",
    "bakeoff.methods.prompt", "bakeoff.plain_yaml", "bakeoff.ship", "bakeoff.tasks.checks_file", "yaml",
]  # fmt: skip
_LOADED_LATE = (
    "yaml", "bakeoff.methods.floors", "bakeoff.methods.heads", "bakeoff.methods.prompt.held_templates",
    "bakeoff.methods.prompt.prompt_schema",
)  # fmt: skip


def fuzz(name: str, seconds: int, work: Path) -> None:
    """Run one target in this process, which libFuzzer ends."""
    import atheris

    sys.path.insert(0, str(HERE))
    with atheris.instrument_imports(include=_COUNTED):
        # What targets load only where they need it would not be counted otherwise.
        for module in _LOADED_LATE:
            importlib.import_module(module)
        target = importlib.import_module("targets").TARGETS[name]

    faults, kinds = work / "faults", set()
    faults.mkdir(parents=True, exist_ok=True)

    def one(data: bytes) -> None:
        try:
            target(data)
        except BaseException as error:  # a panic of a reader in Rust is no Exception
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            where = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} {where.filename}:{where.lineno}"
            if kind not in kinds:
                kinds.add(kind)
                path = faults / hashlib.sha256(kind.encode()).hexdigest()[:12]
                path.write_bytes(data)
                path.with_suffix(".txt").write_text("".join(traceback.format_exception(error)), "utf-8")

    found = work / "found"
    found.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={seconds}", f"-max_len={_LONGEST}", f"-timeout={_SECONDS}"]
    limits += [f"-rss_limit_mb={_MEGABYTES}", f"-artifact_prefix={faults}/", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *limits, str(found), str(HERE / "corpus" / name)], one)
    atheris.Fuzz()


def run(name: str, minutes: float, work: Path) -> dict[str, object]:
    """Run one target in a process of its own, and give what came of it."""
    work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    command = [sys.executable, __file__, name, "--minutes", str(minutes), "--work", str(work.parent), "--here"]
    with (work / "log.txt").open("w") as log:
        ended = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    log_text = (work / "log.txt").read_text("utf-8", "replace")
    executions = [int(number) for number in re.findall(r"stat::number_of_executed_units:\s*(\d+)", log_text)]
    covered = [int(number) for number in re.findall(r" cov: (\d+)", log_text)]
    first = re.search(r"INITED\s+cov: (\d+)", log_text)
    faults = sorted(path.name for path in (work / "faults").iterdir() if path.suffix != ".txt")
    return {
        "target": name,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "executions": executions[-1] if executions else None,
        "coverage_of_corpus": int(first[1]) if first else None,
        "coverage": covered[-1] if covered else None,
        "kinds_of_faults": len(faults),
        "ended_with": ended,
    }


def main() -> None:
    """Fuzz what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=(*TARGETS, "all"))
    parser.add_argument("--minutes", type=float, default=10.0, help="for each target")
    parser.add_argument("--work", type=Path, default=Path("fuzz-work"))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        fuzz(asked.target, max(1, round(60 * asked.minutes)), asked.work / asked.target)
        return
    told = [
        run(name, asked.minutes, asked.work / name) for name in (TARGETS if asked.target == "all" else (asked.target,))
    ]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
