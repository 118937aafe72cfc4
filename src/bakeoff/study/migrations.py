"""Schema of a study's database, as named steps that are only ever appended.

A step is one SQL script. It and the note that it was done are one transaction, so that a step that was interrupted, by
a kill or a full disk, was never begun.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from bakeoff.errors import StudyError

__all__ = ["MIGRATIONS", "Migration", "migrate"]


@dataclass(frozen=True, slots=True)
class Migration:
    """One step.

    Parameters
    ----------
    name : str
        As the database keeps it; the number tells the order.
    sql : str
        Statements without a transaction of their own.
    """

    name: str
    sql: str


_FIRST_TABLES = Migration(
    "m001_first_tables",  # facts of the study, its rows, its trials and their answers, and what happened
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
    """,
)

_FOLDS = Migration(
    "m002_folds",  # of a cross-fitted study: which rows each seed learns from, chooses on and tests, in their order
    """
    CREATE TABLE folds (
        seed INTEGER NOT NULL,
        part TEXT NOT NULL CHECK (part IN ('train', 'validation', 'test')),
        place INTEGER NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (seed, part, place)
    ) WITHOUT ROWID;
    """,
)

_UNLABELLED = Migration(
    "m003_unlabelled",  # texts without a label, for methods that learn from such
    """
    CREATE TABLE unlabelled (position INTEGER PRIMARY KEY, text TEXT NOT NULL);
    """,
)

_PLANS_OF_ONE_FORM = Migration(
    "m004_plans_of_one_form",  # plans once named what they left out, which the report now reads from the trials
    """
    UPDATE facts SET value = json_remove(value, '$.left_out') WHERE name = 'plan';
    """,
)

_GROWTHS = Migration(
    "m005_growths",  # how the study stood before each time that training rows were added; written once, never changed
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
    """,
)

#: Every step, oldest first; never edited, only appended to.
MIGRATIONS: tuple[Migration, ...] = (_FIRST_TABLES, _FOLDS, _UNLABELLED, _PLANS_OF_ONE_FORM, _GROWTHS)


def migrate(db: sqlite3.Connection) -> None:
    """Bring a database up to date, recording each step.

    Parameters
    ----------
    db : sqlite3.Connection
        Without an open transaction.

    Raises
    ------
    StudyError
        If a newer version of this package wrote the database.
    """
    db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)")
    done = {name for (name,) in db.execute("SELECT name FROM migrations")}
    known = {step.name for step in MIGRATIONS}
    if done - known:
        raise StudyError(
            f"This study has the step {max(done - known)!r}; this version of bakeoff knows {max(known)!r} and older.",
            next_step="Update with: pip install --upgrade bakeoff",
        )
    for step in MIGRATIONS:
        if step.name not in done:
            _apply(db, step)


def _apply(db: sqlite3.Connection, step: Migration) -> None:
    """Run a step and note it, both or neither; names are this module's own, and no text of a user's."""
    note = f"INSERT INTO migrations (name) VALUES ('{step.name}');"
    try:
        db.executescript(f"BEGIN IMMEDIATE;\n{step.sql}\n{note}\nCOMMIT;")
    except sqlite3.Error:
        db.rollback()
        raise
