"""The records of one study, in one SQLite file; the study's own process is the only writer."""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any, Self

from bakeoff.data import Fold, Rows
from bakeoff.errors import StudyError
from bakeoff.records import Answer, Trial, Usage
from bakeoff.study.folder import STORE_FILE, cannot_be_made, cannot_be_written, hold_folder, make_folder, no_study
from bakeoff.study.growth import Growth
from bakeoff.study.migrations import migrate
from bakeoff.study.table_values import answer_values, first_values, row_values

__all__ = ["PARTS", "StudyStore", "number_or_nan"]

PARTS = ("train", "validation", "test")


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value


def number_or_nan(value: float | None) -> float:
    """Read a figure as records keep it: JSON and SQL know no NaN."""
    return math.nan if value is None else float(value)


class StudyStore:
    """One study folder, opened for writing by one process at a time.

    Parameters
    ----------
    folder : Path
        Holds ``study.sqlite``; made by `create`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / STORE_FILE
        if not path.is_file():
            raise no_study(folder)
        self._lock = hold_folder(folder)
        self._db = sqlite3.connect(path)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            migrate(self._db)
        except sqlite3.OperationalError as error:
            self.close()
            raise cannot_be_written(folder, str(error)) from error
        except sqlite3.DatabaseError as error:
            self.close()
            raise StudyError(
                f"{path} is not a readable study database ({error}).", next_step="Start the study anew."
            ) from error
        except StudyError:
            self.close()
            raise

    @classmethod
    def create(
        cls,
        folder: Path,
        facts: Mapping[str, Any],
        rows: Mapping[str, Rows],
        folds: Sequence[Fold] = (),
        unlabelled: Sequence[str] = (),
    ) -> Self:
        """Make a study folder with its facts and its rows, in one transaction.

        Parameters
        ----------
        folder : Path
            Must not hold a study yet.
        facts : mapping of str to JSON value
        rows : mapping of part to Rows
            ``train`` in the order of the data, ``validation`` and ``test`` in the order in which they are answered.
            Where rows are cross-fitted, all are test rows.
        folds : sequence of Fold
            Round after round, where rows are cross-fitted; a trial's seed counts them.
        unlabelled : sequence of str
            Texts without a label, like no row of any part.

        Returns
        -------
        StudyStore
        """
        if (folder / STORE_FILE).exists():
            raise StudyError(
                f"The folder {folder} holds a study already.",
                next_step=f"Continue it with 'bakeoff resume {folder}', or name another folder with --output.",
            )
        make_folder(folder)
        aside = folder / f".{STORE_FILE}-{os.getpid()}"
        aside.unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(aside)) as db:
                migrate(db)
                with db:
                    for statement, values in first_values(
                        facts, {part: rows[part] for part in PARTS}, folds, unlabelled
                    ):
                        db.executemany(statement, values)
            aside.rename(folder / STORE_FILE)
        except (sqlite3.OperationalError, OSError) as error:
            aside.unlink(missing_ok=True)
            raise cannot_be_made(folder, str(error)) from error
        return cls(folder)

    def close(self) -> None:
        """Give the folder free."""
        self._db.close()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Write in one transaction, all or nothing."""
        try:
            with self._db:
                yield
        except sqlite3.OperationalError as error:
            raise cannot_be_written(self.folder, str(error)) from error

    def fact(self, name: str) -> Any:
        """Give one fact, or None.

        Parameters
        ----------
        name : str

        Returns
        -------
        JSON value
        """
        found = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if found is None else json.loads(found[0])

    def set_fact(self, name: str, value: Any) -> None:
        """Write one fact at once.

        Parameters
        ----------
        name : str
        value : JSON value
        """
        self.set_facts({name: value})

    def set_facts(self, facts: Mapping[str, Any]) -> None:
        """Write several facts in one transaction.

        Parameters
        ----------
        facts : mapping of str to JSON value
        """
        values = [(name, json.dumps(value)) for name, value in facts.items()]
        with self._writing():
            self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", values)

    def note(self, kind: str, detail: str) -> None:
        """Write down that something happened.

        Parameters
        ----------
        kind, detail : str
        """
        with self._writing():
            self._db.execute("INSERT INTO events (at, kind, detail) VALUES (?, ?, ?)", (_now(), kind, detail))

    def events(self) -> list[tuple[str, str, str]]:
        """Give what happened: time, kind and detail, oldest first."""
        return list(self._db.execute("SELECT at, kind, detail FROM events ORDER BY id"))

    def rows(self, part: str) -> Rows:
        """Give the rows of a part in their order.

        Parameters
        ----------
        part : {"train", "validation", "test"}

        Returns
        -------
        Rows
        """
        found = self._db.execute(
            "SELECT id, text, label, member_of, at, row_number FROM rows WHERE part = ? ORDER BY position", (part,)
        ).fetchall()
        columns = list(zip(*found, strict=True)) if found else [()] * 6
        ids, texts, labels, groups, times, numbers = columns
        return Rows(
            ids=tuple(ids),
            texts=tuple(texts),
            labels=tuple(labels),
            groups=tuple(groups) if found and groups[0] is not None else None,
            times=tuple(times) if found and times[0] is not None else None,
            row_numbers=tuple(numbers),
            source=str(self.folder),
            kind=(self.fact("task") or {}).get("kind", "classification"),
        )

    def growths(self) -> tuple[Growth, ...]:
        """Give how the study stood before each time that training rows were added, oldest first."""
        return tuple(Growth(*row) for row in self._db.execute("SELECT * FROM growths ORDER BY number"))

    def grow(self, rows: Rows, before: Growth, facts: Mapping[str, Any]) -> None:
        """Put rows behind the training rows, with how the study stood before and its new facts, in one transaction.

        Parameters
        ----------
        rows : Rows
        before : Growth
            With the next number; one that is there is never changed.
        facts : mapping of str to JSON value
        """
        values = row_values("train", rows, before.train_rows)
        with self._writing():
            self._db.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
            self._db.execute("INSERT INTO growths VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(before))
            told = [(name, json.dumps(value)) for name, value in facts.items()]
            self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", told)

    def unlabelled(self) -> tuple[str, ...]:
        """Give the texts without a label, in their order."""
        return tuple(text for (text,) in self._db.execute("SELECT text FROM unlabelled ORDER BY position"))

    def folds(self) -> tuple[Fold, ...]:
        """Give the folds by the seed of their trials; none where rows are not cross-fitted.

        Returns
        -------
        tuple of Fold
            Positions in the test rows.
        """
        found: dict[int, dict[str, list[int]]] = {}
        for seed, part, position in self._db.execute(
            "SELECT seed, part, position FROM folds ORDER BY seed, part, place"
        ):
            found.setdefault(seed, {name: [] for name in PARTS})[part].append(position)
        return tuple(Fold(*(tuple(found[seed][part]) for part in PARTS)) for seed in sorted(found))

    def add(self, trial: Trial, validation: Sequence[Answer], test: Sequence[Answer]) -> None:
        """Write a trial and all its answers in one transaction; a record under the same key is replaced.

        Parameters
        ----------
        trial : Trial
        validation, test : sequence of Answer
        """
        figures = {
            "fit_seconds": _plain(trial.fit_seconds),
            "p50_ms": _plain(trial.p50_ms),
            "p95_ms": _plain(trial.p95_ms),
            "rows_per_second": _plain(trial.rows_per_second),
            "size_mb": _plain(trial.size_mb),
            "usage": asdict(trial.usage),
            "details": dict(trial.details),
        }
        with self._writing():
            self._db.execute("DELETE FROM answers WHERE trial = ?", (trial.key,))
            self._db.execute(
                "INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    trial.key,
                    trial.contender,
                    trial.n,
                    trial.seed,
                    trial.status,
                    trial.reason,
                    json.dumps(figures),
                    _now(),
                ),
            )
            for part, answers in (("validation", validation), ("test", test)):
                self._db.executemany(
                    "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", answer_values(trial.key, part, answers)
                )

    def finished_keys(self, *, done_only: bool = False) -> set[str]:
        """Give the keys of the trials that need not run again.

        Parameters
        ----------
        done_only : bool
            Whether trials that were cut or failed are to run again.

        Returns
        -------
        set of str
        """
        return {
            key
            for key, status in self._db.execute("SELECT key, status FROM trials")
            if status == "done" or not done_only
        }

    def trials(self) -> tuple[Trial, ...]:
        """Give all trials with their answers, in the order in which they were committed.

        Returns
        -------
        tuple of Trial
        """
        values: dict[tuple[str, str], list[str | None]] = {}
        for key, part, value in self._db.execute(
            "SELECT trial, part, value FROM answers ORDER BY trial, part, position"
        ):
            values.setdefault((key, part), []).append(value)
        trials = []
        for key, contender, n, seed, status, reason, text in self._db.execute(
            "SELECT key, contender, n, seed, status, reason, figures FROM trials ORDER BY rowid"
        ):
            figures = json.loads(text)
            trials.append(
                Trial(
                    key=key,
                    contender=contender,
                    n=n,
                    seed=seed,
                    status=status,
                    reason=reason,
                    validation_answers=tuple(values.get((key, "validation"), ())),
                    test_answers=tuple(values.get((key, "test"), ())),
                    fit_seconds=number_or_nan(figures["fit_seconds"]),
                    p50_ms=number_or_nan(figures["p50_ms"]),
                    p95_ms=number_or_nan(figures["p95_ms"]),
                    rows_per_second=number_or_nan(figures["rows_per_second"]),
                    size_mb=number_or_nan(figures["size_mb"]),
                    usage=Usage(**figures["usage"]),
                    details=figures["details"],
                )
            )
        return tuple(trials)

    def probabilities(self, key: str, part: str) -> list[tuple[float, ...] | None]:
        """Give a trial's probabilities, row by row.

        Parameters
        ----------
        key : str
            Of the trial.
        part : {"validation", "test"}

        Returns
        -------
        list of (tuple of float or None)
            One per label of the task, as they were kept (six digits); None where a row has none.
        """
        found = self._db.execute(
            "SELECT probabilities FROM answers WHERE trial = ? AND part = ? ORDER BY position", (key, part)
        )
        return [None if text is None else tuple(json.loads(text)) for (text,) in found]

    def written(self, key: str, part: str) -> list[tuple[str | None, str | None]]:
        """Give why a trial abstained, and what its model wrote, row by row.

        Parameters
        ----------
        key : str
            Of the trial.
        part : {"validation", "test"}

        Returns
        -------
        list of (str or None, str or None)
        """
        return self._db.execute(
            "SELECT abstention, raw FROM answers WHERE trial = ? AND part = ? ORDER BY position", (key, part)
        ).fetchall()
