"""Fixtures of the methods' tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Test folders are no packages: the rows beside this file are found by their folder.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def small_decoder(catalogue_cache: Path) -> Path:
    """Let the catalogue find the small real decoder, and forget the label scores that it gave other tests."""
    from bakeoff.methods.prompt.score_store import clear_store

    clear_store()
    return catalogue_cache


@pytest.fixture(scope="session")
def tiny_decoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a decoder of 20,000 random weights, as a folder."""
    from small_models import write_decoder_folder

    return write_decoder_folder(tmp_path_factory.mktemp("decoder"))


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give an encoder of 30,000 random weights, as a folder: its steps take milliseconds."""
    from small_models import write_encoder_folder

    return write_encoder_folder(tmp_path_factory.mktemp("encoder"))
