"""Every example runs, and finds what its page says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from example_files import EXAMPLES, load_example

from bakeoff.methods.contract import Method
from bakeoff.tasks import Task
from bakeoff.testing import MethodSuite

keyword_method = load_example("keyword_method/keyword_method")


class TestKeywords(MethodSuite):
    looks_at_deadline = False

    def make(self, task: Task, seed: int) -> Method:
        return keyword_method.Keywords(task=task, seed=seed)


def test_today_s_list_of_words_is_not_shown_to_differ(rows_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert load_example("compare_two_systems").main(rows_folder) == pytest.approx(0.958, abs=5e-4)
    page = (EXAMPLES.parent / "docs" / "cookbook" / "present-system.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out in page


@pytest.mark.models
def test_methods_are_cross_validated_as_estimators(rows_folder: Path) -> None:
    means = load_example("cross_validate").main(rows_folder)
    # What the page says; another processor may round a near tie to the other side.
    assert means == pytest.approx({"majority": 0.483, "tfidf": 0.617, "probe": 0.783}, abs=0.034)


@pytest.mark.models
def test_the_notebook_runs(rows_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(EXAMPLES / "two_ways.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    done = NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=str(rows_folder))
    shown = [
        output["data"]["text/plain"]
        for cell in done.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "execute_result"
    ]
    assert shown[0] == "(1761, 440, 734)"
    scores = [float(text) for text in shown[2:4]]
    assert all(0.5 < score <= 1 for score in scores)


@pytest.mark.pages
@pytest.mark.models
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["rows_to_bundle", "whole_study"])
def test_slow_examples_run(name: str, rows_folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", rows_folder],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {"rows_to_bundle": "200 of 200 rows answered", "whole_study": "would flip:"}[name] in done.stdout


def test_no_example_is_left_out() -> None:
    tested = {"write_rows", "compare_two_systems", "cross_validate", "rows_to_bundle", "whole_study", "two_ways"}
    assert {path.stem for path in (*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.ipynb"))} == tested
