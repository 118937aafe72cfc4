"""Evidence and decisions for the report's tests; built once, as they are frozen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bakeoff.records import Decision, Evidence

# Test folders are no packages: the builders beside this file are found by their folder.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[1] / "decision"))


@pytest.fixture(scope="session")
def evidence() -> Evidence:
    from report_builders import build_evidence

    return build_evidence()


@pytest.fixture(scope="session")
def decision() -> Decision:
    from report_builders import build_decision

    return build_decision()


@pytest.fixture(scope="session")
def unresolved() -> Decision:
    from report_builders import build_unresolved

    return build_unresolved()
