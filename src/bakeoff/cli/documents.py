"""The results of commands as mappings, for programs; docs/json.md names every field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.data import references_of

if TYPE_CHECKING:
    from bakeoff.records import Decision
    from bakeoff.workbench.adjudicate import Adjudication
    from bakeoff.workbench.conclude import Outcome
    from bakeoff.workbench.prompt_diff import PromptDiff
    from bakeoff.workbench.prompt_history import Change, Tried
    from bakeoff.workbench.prompt_improve import Improved
    from bakeoff.workbench.prompt_try import TryOutcome

__all__ = [
    "adjudication_document",
    "diff_document",
    "history_document",
    "improved_document",
    "study_document",
    "try_document",
]

_FILES = ("verdict.json", "leaderboard.csv", "report.html", "memo.md")


def study_document(outcome: Outcome) -> dict[str, Any]:
    """Tell where a study's files are, and give its ``verdict.json``.

    Parameters
    ----------
    outcome : Outcome

    Returns
    -------
    dict
    """
    from bakeoff.workbench.studies import read_verdict

    return {
        "study": outcome.folder,
        "title": outcome.title,
        "resolved": outcome.resolved,
        "bundle": outcome.bundle,
        "note": outcome.shipped_note,
        "files": {name: outcome.folder / name for name in _FILES},
        "verdict_json": read_verdict(outcome.folder),
    }


def adjudication_document(study: Path, found: Adjudication) -> dict[str, Any]:
    """Tell how many rows were settled, and what is decided by either labels.

    Parameters
    ----------
    study : Path
    found : Adjudication

    Returns
    -------
    dict
    """
    return {
        "study": study,
        "rows": found.rows,
        "settled": found.settled,
        "changed": found.changed,
        "as_labelled": _decided(found.before),
        "as_settled": _decided(found.after),
        "files": {name: study / name for name in ("verdict.json", "verdict-adjudicated.json")},
    }


def _decided(decision: Decision) -> dict[str, Any]:
    met = next((one for one in decision.comparisons if one.role == "verdict"), None)
    return {"verdict": decision.verdict, "comparison": met}


def try_document(done: TryOutcome) -> dict[str, Any]:
    """Give a version that was tried, its answers, and what changed against another.

    Parameters
    ----------
    done : TryOutcome

    Returns
    -------
    dict
    """
    tried = done.tried
    return {
        **_version(tried),
        "instruction": tried.prompt.design.instruction,
        "rows": [_row(row) for row in tried.rows],
        "rows_shown_in_the_prompt": done.shown,
        "against": None if done.against is None else done.against.version,
        "change": _change(done.change),
        "no_answer": done.unanswered,
        "calls": done.calls,
        "kept": done.kept,
    }


def improved_document(done: Improved, prompt: Path) -> dict[str, Any]:
    """Give what an improvement started from, what it came to, and what it cost.

    Parameters
    ----------
    done : Improved
    prompt : Path
        Where the better prompt was to be written.

    Returns
    -------
    dict
    """
    return {
        "prompt": prompt,
        "written": done.written,
        "start": _version(done.start),
        "best": _version(done.best),
        "change": _change(done.change),
        "rewrites": done.rewrites,
        "spent": done.spent,
        "currency": done.currency,
        "rows_answered": done.rows_answered,
        "seconds": done.seconds,
        "ended": done.why,
        "history": done.folder,
    }


def history_document(history: Sequence[Tried], folder: Path) -> dict[str, Any]:
    """List the tries of a prompt file, each with what it changed against the last other version.

    Parameters
    ----------
    history : sequence of Tried
    folder : Path
        That keeps them.

    Returns
    -------
    dict
    """
    from bakeoff.workbench.prompt_history import changes_along

    tries = [
        {**_version(tried), "against": before.version if before else None, "change": _change(change)}
        for tried, before, change in changes_along(history)
    ]
    return {"history": folder, "tries": tries}


def diff_document(found: PromptDiff) -> dict[str, Any]:
    """Give the words and the rows in which two prompts differ.

    Parameters
    ----------
    found : PromptDiff

    Returns
    -------
    dict
    """
    return {
        "before": found.before,
        "after": found.after,
        "parts": [
            {"part": one.part, "pieces": [{"kind": piece.kind, "text": piece.text} for piece in one.pieces]}
            for one in found.parts
        ],
        "change": _change(found.rows),
    }


def _version(tried: Tried) -> dict[str, Any]:
    from bakeoff.workbench.prompt_texts import check_shares

    return {
        "version": tried.version,
        "when": tried.when,
        "model": tried.model,
        "n": tried.n,
        "seed": tried.seed,
        "answered": len(tried.rows),
        "right": tried.right,
        tried.metric: tried.score,
        "interval": tried.interval,
        "label_mass": tried.label_mass,
        "calibration": tried.calibration,
        "rows_per_second": tried.rows_per_second,
        **({"checks": check_shares(*tried.said(), tried.checks)} if tried.checks else {}),
    }


def _change(change: Change | None) -> Mapping[str, Any] | None:
    if change is None:
        return None
    return {
        "rows": change.common,
        "right_before": change.right_before,
        "right_after": change.right_after,
        **(
            {"score_before": change.score_before, "score_after": change.score_after, "permutation_p": change.p}
            if change.after.writes
            else {"mcnemar_mid_p": change.p}
        ),
        "gained": [{**_row(after), "answer_before": before.answer} for before, after in change.gained],
        "lost": [{**_row(after), "answer_before": before.answer} for before, after in change.lost],
    }


def _row(row: Any) -> dict[str, Any]:
    told = {"id": row.id, "text": row.text, "label": row.label, "answer": row.answer}
    if row.score is None:
        return told
    del told["label"]
    return {**told, "references": references_of(row.label), "score": row.score}
