from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from bakeoff.study.executors.local import LocalExecutor


@pytest.fixture(scope="session")
def executor() -> Iterator[LocalExecutor]:
    """Start one worker for all: importing the model classes takes seconds."""
    with LocalExecutor(threads=1) as running:
        yield running
