"""The contract suite of methods: a method's test is a subclass of `MethodSuite` and one way to make the method.

::

    class TestMajority(MethodSuite):
        def make(self, task, seed):
            return Majority(task=task, seed=seed)

The suite is collected by pytest and uses its ``tmp_path`` fixture; it needs nothing else of pytest.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bakeoff.data import labels_of
from bakeoff.errors import DataError, TrialError
from bakeoff.methods.contract import Deadline, Method, RunContext
from bakeoff.records import Answer
from bakeoff.tasks import ABSTAIN, ONE_LABEL, Task, classification_task, values_of
from bakeoff.testing.rows import rows_of_kind, task_for_kind

__all__ = ["MethodSuite"]

_ODD_TEXTS = ("", "   ", "\n\t", "{{ text }} {0} %s", "naïve café 你好 🙂", "<|im_end|> [SEP] </s>", "good " * 40)


class MethodSuite:
    """What every method must do; a subclass gives `make`, and changes the settings where the method needs it.

    Rows carry two of the task's three labels, so every test runs with a label that no row has.
    """

    #: Labelled rows of a fit, at least twice the method's least; a method that needs no rows still gets them.
    fit_rows: ClassVar[int] = 16
    #: Kind of the task.
    kind: ClassVar[str] = "classification"
    #: Rows to answer.
    answer_rows: ClassVar[int] = 6
    #: Whether a passed deadline must show in ``cut_`` (or end in a `TrialError`).
    looks_at_deadline: ClassVar[bool] = True
    #: Most seconds that a fit and answers may take when the deadline is over at the start.
    seconds_past_deadline: ClassVar[float] = 20.0
    #: Largest difference between probabilities that should be equal.
    tolerance: ClassVar[float] = 1e-5

    def make(self, task: Task, seed: int) -> Method:
        """Give an unfitted method.

        Parameters
        ----------
        task : Task
        seed : int

        Returns
        -------
        Method
        """
        raise NotImplementedError(f"{type(self).__name__} must say how its method is made")

    def task(self) -> Task:
        """Give the task of the tests: three labels, of which `text_rows` uses two."""
        if self.kind != "classification":
            return task_for_kind(self.kind)
        return classification_task(name="sentiment", labels=("negative", "neutral", "positive"), metric="accuracy")

    def labelled(self) -> tuple[list[str], list[str]]:
        """Give the labelled rows of a fit."""
        return rows_of_kind(self.kind, self.fit_rows)

    def unseen(self) -> list[str]:
        """Give texts to answer, none of them among the labelled ones."""
        texts, _ = rows_of_kind(self.kind, 48)
        return [text for text in texts if text not in set(self.labelled()[0])][: self.answer_rows]

    def fitted(self) -> Method:
        """Give one fitted method that all tests of the class share; a test must not change it."""
        kept = type(self).__dict__.get("_shared_fit")
        if kept is None:
            made = self.make(self.task(), 0)
            kept = made.fit(*self.labelled())
            assert kept is made, "fit must give the method itself"
            type(self)._shared_fit = kept  # type: ignore[attr-defined]
        assert isinstance(kept, Method)
        return kept

    def test_constructor_only_stores(self) -> None:
        """Every argument is kept as it came, and nothing is learned before fit."""
        task = self.task()
        method = self.make(task, 7)
        parameters = method.get_params(deep=False)
        assert {"task", "model", "seed"} <= set(parameters)
        assert method.task is task
        assert method.seed == 7
        assert set(vars(method)) == set(parameters), "the constructor sets more than its arguments"
        json.dumps({name: value for name, value in parameters.items() if name != "task"})

    def test_clone_keeps_parameters(self) -> None:
        """scikit-learn's clone gives an unfitted method with equal parameters."""
        from sklearn.base import clone

        method = self.fitted()
        copy = clone(method)
        assert copy.get_params(deep=False) == method.get_params(deep=False)
        assert not [name for name in vars(copy) if name.endswith("_")]

    def test_fit_returns_self_and_reports(self) -> None:
        """A fit gives itself, and says in plain values what it did and spent."""
        method = self.fitted()
        assert method.usage_.seconds > 0
        assert method.usage_.peak_memory_mb > 0
        assert method.size_mb >= 0
        json.dumps({"details": method.details_, "history": method.history_}, allow_nan=False)

    def test_classes_are_the_tasks(self) -> None:
        """``classes_`` are the task's labels, one of which no row has."""
        assert tuple(self.fitted().classes_.tolist()) == self.task().labels

    def test_answers(self) -> None:
        """Every row gets an answer: a label, or a reason for having none."""
        texts = self.unseen()
        answers = self.fitted().answer(texts)
        assert len(answers) == len(texts)
        _check_answers(answers, self.task())
        assert (
            values_of(self.task(), [one.value for one in answers], texts).tolist()
            == self.fitted().predict(texts).tolist()
        )

    def test_odd_texts(self) -> None:
        """Empty, blank, foreign and long texts, and texts like templates, are answered like any other."""
        answers = self.fitted().answer(list(_ODD_TEXTS))
        assert len(answers) == len(_ODD_TEXTS)
        _check_answers(answers, self.task())

    def test_no_rows_no_answers(self) -> None:
        """Without rows, answers are empty, and probabilities keep their columns."""
        method = self.fitted()
        assert method.answer([]) == []
        assert method.predict([]).shape == (0,)
        if hasattr(method, "predict_proba"):
            assert method.predict_proba([]).shape == (0, len(self.task().labels))

    def test_probabilities(self) -> None:
        """Probabilities exist only where they are honest; they sum to 1 and name the predicted label."""
        method = self.fitted()
        has_shares = self.task().kind in (*ONE_LABEL, "multi-label")
        assert hasattr(method, "predict_proba") == (method.honest_probabilities and has_shares)
        if not hasattr(method, "predict_proba"):
            return
        texts = self.unseen()
        rows, predicted = method.predict_proba(texts), method.predict(texts)
        assert rows.shape == (len(texts), len(method.classes_))
        for row, label in zip(rows, predicted, strict=True):
            if label == ABSTAIN:
                assert np.isnan(row).all()
                continue
            assert np.all((row >= 0) & (row <= 1))
            if self.task().kind == "multi-label":
                continue
            np.testing.assert_allclose(row.sum(), 1.0, atol=1e-5)
            assert row[method.classes_.tolist().index(label)] >= row.max() - 1e-9

    def test_order_of_rows_makes_no_difference(self) -> None:
        """A row's answer does not depend on the rows asked with it."""
        texts = self.unseen()
        ahead, back = (self.fitted().predict(rows).tolist() for rows in (texts, texts[::-1]))
        if self.task().kind == "regression":
            np.testing.assert_allclose(ahead[::-1], back, rtol=0, atol=self.tolerance)
        else:
            assert ahead[::-1] == back

    def test_threads_that_ask_at_once(self) -> None:
        """A method that allows it gives several threads at a time what it gives one."""
        method = self.fitted()
        if not method.answers_in_parallel:
            return
        texts = self.unseen()
        alone = [method.answer([text])[0] for text in texts]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda text: method.answer([text])[0], texts * 8))
        for one, wanted in zip(found, alone * 8, strict=True):
            assert (one.value, one.tokens_in) == (wanted.value, wanted.tokens_in)
            given, alike = (np.array(each.probabilities or (), dtype=np.float64) for each in (one, wanted))
            np.testing.assert_allclose(given, alike, rtol=0, atol=self.tolerance)

    def test_refit_forgets_and_same_seed_same_answers(self) -> None:
        """A second fit, on other rows than the first, gives what a new method of the same seed gives.

        Global random states stay as they were meanwhile.
        """
        texts, labels = self.labelled()
        half = max(self.make(self.task(), 0).least_n, len(texts) // 2)
        # Tags belong to their tokens, and cannot be given to other texts.
        others = (texts[-half:], labels[-half:]) if self.kind == "tagging" else (texts[:half], labels[half - 1 :: -1])
        method = self.make(self.task(), 0).fit(*others)
        expected = self.fitted()
        # What a first fit imports may draw random numbers; a later one imports nothing.
        before = _random_states()
        again = method.fit(texts, labels)
        assert _random_states() == before, "the fit changed a global random state"
        self._assert_alike(again, expected)

    def test_save_and_load(self, tmp_path: Path) -> None:
        """A saved method answers the same after loading, and no file holds a pickle."""
        method = self.fitted()
        method.save(tmp_path)
        for path in sorted(tmp_path.rglob("*")):
            if path.is_file():
                _check_plain(path)
        loaded = type(method).load(tmp_path, method.get_params(deep=False))
        self._assert_alike(loaded, method)
        assert abs(loaded.size_mb - method.size_mb) <= 0.02 * method.size_mb + 0.1

    def test_unknown_label(self) -> None:
        """A label that is not the task's is refused."""
        texts, labels = self.labelled()
        if self.task().kind == "generation":
            # Any text can be right; a row without one cannot be learned from, which `bakeoff.data` refuses before.
            return
        broken = {"multi-label": '["no such label"]', "tagging": re.sub(r"[^ ]+", "X", labels[-1])}
        label = broken.get(self.task().kind, "no such label")
        _assert_raises(DataError, lambda: self.make(self.task(), 0).fit(texts, [*labels[:-1], label]))

    def test_lengths_differ(self) -> None:
        """One label a text, or an error."""
        texts, labels = self.labelled()
        _assert_raises(DataError, lambda: self.make(self.task(), 0).fit(texts, labels[:-1]))

    def test_texts_must_be_text(self) -> None:
        """A row that is no string is refused."""
        broken: Any = [None]
        _assert_raises(DataError, lambda: self.fitted().answer(broken))

    def test_not_fitted(self) -> None:
        """Answers before fit are refused."""
        from sklearn.exceptions import NotFittedError

        _assert_raises(NotFittedError, lambda: self.make(self.task(), 0).predict(self.unseen()))

    def test_passed_deadline(self) -> None:
        """A deadline that is over gives the best so far, marked as cut, or a trial's error; either way soon."""
        started = time.monotonic()
        context = RunContext(deadline=Deadline(started - 1.0))
        method = self.make(self.task(), 0).within(context)
        try:
            answers = method.fit(*self.labelled()).answer(self.unseen())
        except TrialError:
            pass
        else:
            _check_answers(answers, self.task())
            assert method.cut_ or not self.looks_at_deadline
        assert time.monotonic() - started < self.seconds_past_deadline

    def test_inside_scikit_learn(self) -> None:
        """The method works as a pipeline's last step, under cross-validation."""
        from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit, cross_val_score
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer

        texts, labels = self.labelled()
        pipeline = make_pipeline(FunctionTransformer(_stripped), self.make(self.task(), 0))
        # scikit-learn divides by labels, of which rows with several, numbers and tags have no fixed set.
        split = StratifiedShuffleSplit if self.kind == "classification" else ShuffleSplit
        half = split(n_splits=1, test_size=0.5, random_state=0)
        scores = cross_val_score(pipeline, texts, labels, cv=half, error_score="raise")
        assert scores.shape == (1,)
        least = -1 if self.task().kind == "regression" else 0
        assert np.all((scores >= least) & (scores <= 1))

    def _assert_alike(self, first: Method, second: Method) -> None:
        texts = self.unseen()
        if self.task().kind == "regression":
            np.testing.assert_allclose(first.predict(texts), second.predict(texts), rtol=0, atol=self.tolerance)
        else:
            assert first.predict(texts).tolist() == second.predict(texts).tolist()
        if hasattr(first, "predict_proba"):
            np.testing.assert_allclose(
                first.predict_proba(texts), second.predict_proba(texts), rtol=0, atol=self.tolerance
            )


def _stripped(texts: Sequence[str]) -> list[str]:
    return [text.strip() for text in texts]


def _assert_raises(kind: type[Exception], call: Callable[[], object]) -> None:
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was expected")


def _check_answers(answers: Sequence[Answer], task: Task) -> None:
    for answer in answers:
        assert isinstance(answer, Answer)
        assert answer.seconds >= 0
        assert answer.tokens_in >= 0
        assert answer.tokens_out >= 0
        if answer.value is None:
            assert answer.abstention, "an abstention needs its reason"
        else:
            assert set(labels_of(task.kind, answer.value)) <= set(task.labels)
            assert task.kind != "regression" or np.isfinite(float(answer.value))
            assert task.kind not in ONE_LABEL or answer.value in task.labels
            assert answer.abstention is None
        if answer.probabilities is not None:
            assert len(answer.probabilities) == len(task.labels)


def _check_plain(path: Path) -> None:
    """Refuse any file that is not text, safetensors or GGUF: a pickle, and an archive that can hold one, are none."""
    content = path.read_bytes()
    if content[:4] == b"GGUF":
        return
    header = int.from_bytes(content[:8], "little")
    if len(content) >= 8 and header <= len(content) - 8 and content[8:9] == b"{":
        json.loads(content[8 : 8 + header])
        return
    assert b"\0" not in content, f"{path.name} is neither text nor safetensors"
    text = content.decode("utf-8")
    if path.suffix == ".json":
        json.loads(text)


def _random_states() -> tuple[Any, ...]:
    states: list[Any] = [random.getstate(), repr(np.random.get_state())]
    torch = sys.modules.get("torch")
    if torch is not None:
        states.append(torch.get_rng_state().tolist())
    return tuple(states)
