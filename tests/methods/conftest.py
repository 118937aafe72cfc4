"""A real server of the OpenAI API for the tests of server methods: llama.cpp with the small decoder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def chat_server(pulled_cache: Path) -> Iterator[str]:
    """Start llama.cpp in this process and give its address with the model's name."""
    import xllamacpp

    weights = sorted(pulled_cache.rglob("*.gguf"))[0]
    settings = xllamacpp.CommonParams()
    settings.model.path = str(weights)
    settings.model_alias = {"smollm2"}
    settings.n_ctx = 4096
    settings.n_parallel = 2
    settings.n_predict = 12
    settings.warmup = False
    settings.verbosity = -1
    # One thread never waits for another, which costs most on a busy machine.
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(settings)
    yield f"{server.listening_address}/v1#smollm2"
    del server
