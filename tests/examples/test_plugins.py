"""A package of methods, models and metrics, really installed; and packages whose entry points cannot be used."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from example_files import EXAMPLES

from bakeoff import plugins
from bakeoff.catalog import entry
from bakeoff.errors import OptionError, SourceError
from bakeoff.methods import registry
from bakeoff.tasks import Task, classification_task, metrics_of, scoring_of
from bakeoff.testing import text_rows
from in_process import Program

BROKEN = {
    "bakeoff.methods": {"gone": "no_such_module_of_mine:SPEC", "tfidf": "broken_plugin:TAKEN"},
    "bakeoff.models": {"odd-model": "broken_plugin:ODD"},
    "bakeoff.metrics": {"leaves": "leaving_plugin:SPEC", "fails": "broken_plugin:FAILS"},
}
CODE = """
from bakeoff.methods.registry import method_spec
from bakeoff.tasks import MetricSpec
from bakeoff.methods.finetune_specs import FINETUNE_SPECS
from dataclasses import replace

TAKEN = replace(FINETUNE_SPECS[0], name="tfidf")
ODD = 3
FAILS = MetricSpec("fails", "raises", ("classification",), lambda truth, answer: 1 / 0)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the example's package as pip does, into a folder of its own."""
    source = tmp_path_factory.mktemp("source") / "keyword_method"
    shutil.copytree(EXAMPLES / "keyword_method", source)  # building writes beside the files
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", folder, source], check=True, capture_output=True)
    return folder


@pytest.fixture
def fresh() -> Iterator[None]:
    """Look for entry points anew, and forget what this test has found."""
    for function in (plugins.plugins, registry.method_specs):
        function.cache_clear()
    yield
    for function in (plugins.plugins, registry.method_specs):
        function.cache_clear()


@pytest.fixture
def plugged(installed: Path, fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(installed)


@pytest.fixture
def broken(tmp_path: Path, fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "broken"
    about = folder / "broken_plugin-0.3.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 0.3\n")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in BROKEN.items()
    ]
    (about / "entry_points.txt").write_text("\n".join(groups))
    (folder / "broken_plugin.py").write_text(CODE)
    (folder / "leaving_plugin.py").write_text("raise SystemExit('no licence')\n")
    monkeypatch.syspath_prepend(folder)


def _rows(path: Path) -> None:
    texts, labels = text_rows(48)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("review", "sentiment"), *zip(texts, labels, strict=True)])


@pytest.mark.usefixtures("plugged")
def test_a_study_runs_an_installed_method_on_an_installed_metric(program: Program, tmp_path: Path) -> None:
    _rows(tmp_path / "rows.csv")
    told = program(
        "run", "rows.csv", "--method", "keywords", "--metric", "careful-accuracy", "--budgets", "16", "-o", "study",
        "--json",
    )  # fmt: skip
    assert told.code in (0, 3), told.err
    verdict = json.loads((tmp_path / "study" / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["task"]["metric"] == "careful-accuracy"
    board = {row["contender"]: row["score"] for row in verdict["leaderboard"]}
    assert {"majority", "tfidf", "keywords"} <= set(board)
    assert board["keywords"] > 0.5


@pytest.mark.usefixtures("plugged")
def test_an_installed_model_is_in_the_catalogue(program: Program) -> None:
    listed = program("models", "--json").document["result"]["entries"]
    assert {"minilm-l6", "house-encoder"} <= {one["name"] for one in listed}
    assert entry("house-encoder").family == "encoder"


@pytest.mark.usefixtures("plugged")
def test_an_installed_metric_scores_and_resamples_rows() -> None:
    task = _task("careful-accuracy")
    assert "careful-accuracy" in metrics_of("classification")
    assert "careful-accuracy" not in metrics_of("regression")
    scoring = scoring_of(task)
    assert scoring.score_values(["a", "a", "b", "b"], ["a", "b", None, "b"]) == pytest.approx(0.625)
    truth, answers = scoring.codes(["a", "b"]), scoring.codes(["a", None])
    import numpy as np

    weights = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(scoring.score(truth, answers, weights), [1.0, 0.75, np.nan])
    assert scoring.with_metric("accuracy").score(truth, answers) == 0.5


def _task(metric: str) -> Task:
    return classification_task(name="letter", labels=["a", "b"], metric=metric)


@pytest.mark.usefixtures("broken")
def test_a_broken_package_breaks_nothing_and_is_told_where_its_name_is_asked_for(
    program: Program, tmp_path: Path
) -> None:
    assert registry.method_spec("tfidf").arm == "floor"
    assert program("models").code == 0
    with pytest.raises(OptionError, match=r"broken-plugin 0\.3 was to bring 'gone', .* ModuleNotFoundError") as caught:
        registry.method_spec("gone")
    assert caught.value.next_step.startswith("Mend or uninstall that package")
    with pytest.raises(OptionError, match="brings 'tfidf', a name that is taken, and is not used"):
        registry.method_spec("other")
    with pytest.raises(SourceError, match="broken_plugin:ODD is a int, not a Entry"):
        entry("odd-model")
    with pytest.raises(OptionError, match="The metric 'fails' of another package failed: ZeroDivisionError"):
        scoring_of(_task("fails")).score_values(["a"], ["b"])
    _rows(tmp_path / "rows.csv")
    told = program("run", "rows.csv", "--metric", "leaves")
    assert told.code == 2
    flat = " ".join(told.err.split())
    assert "was to bring 'leaves', which cannot be used: SystemExit: no licence" in flat
    assert "Traceback" not in told.err
