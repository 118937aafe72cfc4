"""What `bakeoff watch` knows of a bundle's study, and which new rows stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.errors import OptionError, StudyError
from bakeoff.records import Reference
from bakeoff.study.folder import STORE_FILE

if TYPE_CHECKING:
    from bakeoff.ship import Bundle
    from bakeoff.workbench.audit import LabelledRows

__all__ = ["KnownStudy", "known_study", "none_left", "standing_in", "unseen"]


@dataclass(frozen=True, slots=True)
class KnownStudy:
    """What is known of the study: sums, and its texts where its folder is there.

    Parameters
    ----------
    reference : Reference
    texts : tuple of str or None
        Of its labelled rows.
    notes : tuple of str
        What cannot be told without the folder.
    """

    reference: Reference
    texts: tuple[str, ...] | None
    notes: tuple[str, ...]


def known_study(shipped: Bundle, study: Path | None) -> KnownStudy:
    """Gather what is known of the study: from the bundle, and from the study's folder where it is there.

    Parameters
    ----------
    shipped : Bundle
    study : Path or None
        Folder of its study; where None, the folder that the bundle stands in, if that is one.

    Returns
    -------
    KnownStudy

    Raises
    ------
    OptionError, StudyError
        If nothing is known, or the study is another one.
    """
    folder = study or shipped.folder.parent
    facts = shipped.facts
    if study is None and not (folder / STORE_FILE).is_file():
        if facts.reference is None:
            raise OptionError(
                f"The bundle {shipped.folder} does not know its study's rows: it was not shipped from a study, or by "
                "an earlier version.",
                next_step="Name the study with --study, or ship it again: bakeoff ship STUDY",
            )
        note = (
            "The bundle knows sums, not texts: name the study's folder (--study) to compare the texts themselves, and "
            "to leave rows that it has learned from out of a score."
        )
        return KnownStudy(facts.reference, None, (note,))
    return _of_study(shipped, folder)


def _of_study(shipped: Bundle, folder: Path) -> KnownStudy:
    from bakeoff.decision import decide
    from bakeoff.ship import reference_of
    from bakeoff.study.evidence import gather_evidence
    from bakeoff.study.store import PARTS, StudyStore

    with StudyStore(folder) as store:
        # A bundle may be from before training rows were added.
        sizes = {growth.fingerprint: growth.train_rows for growth in store.growths()} | {
            store.fact("fingerprint"): None
        }
        if shipped.facts.fingerprint not in sizes:
            raise StudyError(
                f"The bundle {shipped.folder} was shipped from other rows than those of {folder}.",
                next_step="Name its own study with --study, or ship this one again: bakeoff ship STUDY",
            )
        parts = {part: store.rows(part).texts for part in PARTS}
        parts["train"] = parts["train"][: sizes[shipped.facts.fingerprint]]
        texts = tuple(text for part in parts.values() for text in part)
        if shipped.facts.reference is not None:
            return KnownStudy(shipped.facts.reference, texts, ())
        evidence = gather_evidence(store)
    return KnownStudy(reference_of(evidence, decide(evidence), shipped.facts.contender, texts), texts, ())


def standing_in(texts: Sequence[str] | None, new: Sequence[str], kind: str) -> frozenset[str] | None:
    """Give those of the new texts that are a text of the study, or nearly so; None where its texts are not known.

    Parameters
    ----------
    texts : sequence of str or None
        Of the study.
    new : sequence of str
    kind : str
        Of the task.

    Returns
    -------
    frozenset of str or None
    """
    if texts is None:
        return None
    from bakeoff.data import least_likeness, near_duplicates

    apart = list(dict.fromkeys(text for text in new if text.strip()))
    numbers = near_duplicates([*texts, *apart], least_likeness(kind)).tolist()
    known = set(numbers[: len(texts)])
    return frozenset(text for text, number in zip(apart, numbers[len(texts) :], strict=True) if number in known)


def unseen(truth: LabelledRows, standing: frozenset[str]) -> tuple[LabelledRows, int]:
    """Give the labelled rows that the bundle cannot have learned from, and how many others there are.

    Parameters
    ----------
    truth : (list of str, list of str)
        Texts and labels.
    standing : frozenset of str
        Texts that stand in the study.

    Returns
    -------
    rows : (list of str, list of str)
    left_out : int
    """
    kept = [(text, label) for text, label in zip(*truth, strict=True) if text not in standing]
    return ([text for text, _ in kept], [label for _, label in kept]), len(truth[0]) - len(kept)


def none_left(rows: int) -> str:
    """Say why there is no score where all labelled rows were left out, and what to do.

    Parameters
    ----------
    rows : int
        That were left out.

    Returns
    -------
    str
    """
    return (
        f"No score, and nothing to decide from: of the labelled rows all {rows:,} stand in the study, or nearly so, "
        "and the bundle has learned from them. Give rows that are not in the study; --audit 50 draws some to label."
    )
