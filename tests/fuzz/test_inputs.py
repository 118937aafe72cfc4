"""What fuzzing kept: every input of the corpus, and every one that was a fault, is read or refused in our own words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FUZZ = Path(__file__).parents[2] / "fuzz"
sys.path.insert(0, str(FUZZ))

from targets import TARGETS  # noqa: E402

INPUTS = sorted(path for kind in ("corpus", "regressions") for path in (FUZZ / kind).glob("*/*") if path.is_file())
READERS = sorted(TARGETS.keys() - {"manifest", "method-files", "parquet"})  # which take a process or a fit each


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_kept_input_is_read_or_refused(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(["csv", "tsv", "txt", "jsonl", "json", "xlsx", "parquet", "settings", "prompt"]),
    data=st.data(),
)
def test_any_bytes_are_read_or_refused(name: str, data: st.DataObject) -> None:
    """Bytes of a kept input, some of them cut out and some put in: what atheris does with more patience."""
    kept = [path.read_bytes() for path in INPUTS if path.parent.name == name]
    content = data.draw(st.sampled_from(kept) | st.binary(max_size=60))
    at = data.draw(st.integers(0, len(content)))
    TARGETS[name](content[:at] + data.draw(st.binary(max_size=8)) + content[data.draw(st.integers(at, len(content))) :])


def test_the_corpus_is_small_and_every_target_has_one() -> None:
    assert {path.parent.name for path in INPUTS} == set(TARGETS)
    assert sum(path.stat().st_size for path in INPUTS) < 200_000
    command = [sys.executable, FUZZ / "run.py", "--help"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert all(name in told for name in TARGETS)
