"""Schema of a study's database, as named steps that are only ever appended."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from bakeoff.errors import StudyError

__all__ = ["MIGRATIONS", "migrate"]


def _m001_first_tables(db: sqlite3.Connection) -> None:
    """Facts of the study, its rows, its trials and their answers, and what happened."""
    db.executescript(
        """
        CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
        CREATE TABLE rows (
            part TEXT NOT NULL CHECK (part IN ('train', 'validation', 'test')),
            position INTEGER NOT NULL,
            id TEXT NOT NULL,
            text TEXT NOT NULL,
            label TEXT NOT NULL,
            member_of TEXT,
            at TEXT,
            row_number INTEGER NOT NULL,
            PRIMARY KEY (part, position)
        );
        CREATE TABLE trials (
            key TEXT PRIMARY KEY,
            contender TEXT NOT NULL,
            n INTEGER NOT NULL,
            seed INTEGER NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('done', 'cut', 'failed')),
            reason TEXT,
            figures TEXT NOT NULL,
            committed_at TEXT NOT NULL
        );
        CREATE TABLE answers (
            trial TEXT NOT NULL REFERENCES trials (key),
            part TEXT NOT NULL CHECK (part IN ('validation', 'test')),
            position INTEGER NOT NULL,
            value TEXT,
            probabilities TEXT,
            abstention TEXT,
            raw TEXT,
            seconds REAL NOT NULL,
            PRIMARY KEY (trial, part, position)
        ) WITHOUT ROWID;
        CREATE TABLE events (id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL);
        """
    )


def _m002_folds(db: sqlite3.Connection) -> None:
    """Folds of a cross-fitted study: which rows each seed learns from, chooses on and tests, in their order."""
    db.executescript(
        """
        CREATE TABLE folds (
            seed INTEGER NOT NULL,
            part TEXT NOT NULL CHECK (part IN ('train', 'validation', 'test')),
            place INTEGER NOT NULL,
            position INTEGER NOT NULL,
            PRIMARY KEY (seed, part, place)
        ) WITHOUT ROWID;
        """
    )


def _m003_unlabelled(db: sqlite3.Connection) -> None:
    """Texts without a label, for methods that learn from such."""
    db.execute("CREATE TABLE unlabelled (position INTEGER PRIMARY KEY, text TEXT NOT NULL)")


def _m004_growths(db: sqlite3.Connection) -> None:
    """How the study stood before each time that training rows were added; written once, never changed."""
    db.executescript(
        """
        CREATE TABLE growths (
            number INTEGER PRIMARY KEY,
            at TEXT NOT NULL,
            source TEXT NOT NULL,
            digest TEXT NOT NULL,
            added INTEGER NOT NULL,
            train_rows INTEGER NOT NULL,
            fingerprint TEXT NOT NULL,
            plan TEXT NOT NULL,
            verdict TEXT NOT NULL
        );
        CREATE TRIGGER growths_stay BEFORE UPDATE ON growths BEGIN SELECT RAISE(ABORT, 'growths are kept'); END;
        CREATE TRIGGER growths_last BEFORE DELETE ON growths BEGIN SELECT RAISE(ABORT, 'growths are kept'); END;
        """
    )


#: Every step, oldest first; never edited, only appended to.
MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _m001_first_tables,
    _m002_folds,
    _m003_unlabelled,
    _m004_growths,
)


def migrate(db: sqlite3.Connection) -> None:
    """Bring a database up to date, recording each step.

    Parameters
    ----------
    db : sqlite3.Connection

    Raises
    ------
    StudyError
        If a newer version of this package wrote the database.
    """
    db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)")
    done = {name for (name,) in db.execute("SELECT name FROM migrations")}
    known = {step.__name__.lstrip("_") for step in MIGRATIONS}
    if done - known:
        raise StudyError(
            f"This study has the step {max(done - known)!r}; this version of bakeoff knows {max(known)!r} and older.",
            next_step="Update with: pip install --upgrade bakeoff",
        )
    for step in MIGRATIONS:
        name = step.__name__.lstrip("_")
        if name not in done:
            step(db)
            db.execute("INSERT INTO migrations (name) VALUES (?)", (name,))
            db.commit()
