"""Fixtures of all tests: a home folder and a cache of their own, the small real models, the open data sets."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Test folders are no packages: what stands beside this file is found by its folder.
sys.path.insert(0, str(Path(__file__).parent))
from fault_relay import FaultRelay
from in_process import Program

_KEPT = ("BAKEOFF_TEST_DATA", "BAKEOFF_TEST_CACHE")
#: Whose tests take tens of seconds: they come first, so that at the end no process waits for one of them.
_LONGEST = (
    "test_ray_executor.py",
    "test_main_job.py",
    "test_server_study.py",
    "test_browser.py",
    "test_prompt_server.py",
    "test_prompt_improve.py",
    "test_examples.py",
    "test_site.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first; the others stay as they are."""
    items.sort(key=lambda item: item.path.name not in _LONGEST)


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Number the home folders: pytest's own numbers would have it read a folder of thousands for each test."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def own_home(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Send every test to a home folder and an (empty) cache of its own, and close the model hub to it."""
    home = next(_homes)
    home.mkdir()
    for name in list(os.environ):
        if name.startswith("BAKEOFF_") and name not in _KEPT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("BAKEOFF_CACHE", str(home / "bakeoff-cache"))
    # The models' cache is shared by tests; what one test has encoded must not answer in another.
    monkeypatch.setenv("BAKEOFF_COMPUTED", str(home / "computed"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return home


@pytest.fixture(scope="session")
def pulled_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a cache with the two small models and the demo's data set, pulled once a run, for all its processes.

    ``BAKEOFF_TEST_CACHE`` names a folder to keep it in between runs; every file is checked by its sha256 either way.
    """
    kept = os.environ.get("BAKEOFF_TEST_CACHE")
    base = tmp_path_factory.getbasetemp()
    # Processes that share the tests have folders beside one another; a pull waits for one that is under way.
    common = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = Path(kept) if kept else common / "pulled"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_CACHE", str(folder))
        patch.setenv("HF_HUB_OFFLINE", "1")
        from bakeoff.catalog import pull

        for name in ("minilm-l6", "smollm2-135m", "amazon-reviews"):
            pull(name)
        yield folder


@pytest.fixture
def catalogue_cache(own_home: Path, pulled_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point the catalogue at the cache that holds the small real models."""
    monkeypatch.setenv("BAKEOFF_CACHE", str(pulled_cache))
    return pulled_cache


@pytest.fixture
def ready_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have studies that this process runs start their workers with the model libraries imported."""
    from bakeoff.workbench import ship, where
    from ready_workers import ReadyExecutor

    for door in (ship, where):
        monkeypatch.setattr(door, "LocalExecutor", ReadyExecutor)


@pytest.fixture
def program(
    ready_workers: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    """Give the program in this process, with `tmp_path` as its working folder."""
    monkeypatch.chdir(tmp_path)
    return Program(monkeypatch, capsys)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Give the folder of open data sets, or skip where there is none."""
    root = os.environ.get("BAKEOFF_TEST_DATA")
    if not root:
        pytest.skip("BAKEOFF_TEST_DATA is not set: the open data sets are not at hand")
    folder = Path(root).resolve() / "data"
    if not folder.is_dir():
        pytest.skip(f"BAKEOFF_TEST_DATA={root} has no folder 'data'")
    return folder


@pytest.fixture(scope="session")
def chat_server(pulled_cache: Path) -> Iterator[str]:
    """Start llama.cpp, a real server of the OpenAI API, in this process; give its address with the model's name."""
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


@pytest.fixture
def relay_to() -> Iterator[Callable[..., FaultRelay]]:
    """Give a function that starts a relay with faults in front of a server."""
    started: list[FaultRelay] = []

    def start(upstream: str, fault: Callable[[int], str | None] = lambda _number: None) -> FaultRelay:
        relay = FaultRelay(upstream, fault)
        started.append(relay)
        relay.start()
        return relay

    yield start
    for relay in started:
        relay.stop()
