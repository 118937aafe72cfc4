"""The served API against its own description: schemathesis asks a real server what `/openapi.json` allows, and forbids.

Every answer must have a documented status, type and form, nothing that fits may be refused, nothing that does not fit
may be answered, and nothing may end in an answer of 500. A quick part of this is a test of the suite.

    pip install schemathesis
    python benchmarks/serve_schema.py --examples 500

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tiny_bundle import served, write_tiny_bundle


def main() -> None:
    """Ask, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=500, help="for each operation and phase, at most")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    beside = Path(sys.executable).with_name("schemathesis")
    program = str(beside) if beside.exists() else shutil.which("schemathesis")
    if program is None:
        raise SystemExit("this needs schemathesis: pip install schemathesis")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with served(write_tiny_bundle(place), place / "log.txt") as (address, _pid):
            began = time.monotonic()
            done = subprocess.run(
                [program, "run", f"{address}/openapi.json", "--max-examples", str(asked.examples), "--no-color",
                 "--seed", str(asked.seed), "--continue-on-failure", "--request-timeout", "60"],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            seconds = time.monotonic() - began
    print(done.stdout)
    generated = re.search(r"([\d,]+) generated", done.stdout)
    told = {
        "exit_code": done.returncode,
        "test_cases": int(generated[1].replace(",", "")) if generated else None,
        "failures": done.stdout.count("\n- ") if done.returncode else 0,
        "seconds": round(seconds),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
