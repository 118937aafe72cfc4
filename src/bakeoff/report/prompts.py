"""A trial's prompt as it was sent, as far as its record tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bakeoff.records import Contender, Trial
from bakeoff.report.figures import visible_text

__all__ = ["PromptShown", "prompt_shown"]

#: Wordings of one contender that are shown, and characters of one prompt.
_MOST_WORDINGS, _MOST_CHARACTERS = 4, 30_000
#: Stands for a row's text in prompts that are recorded whole.
_SLOT = "(text)"


@dataclass(frozen=True, slots=True)
class PromptShown:
    """One trial's prompt.

    Parameters
    ----------
    wordings : tuple of (str, str or None)
        What stands before the row's text, and behind it; None where that is not recorded.
    folded : bool
        Whether line breaks in texts were made blanks.
    note : str
        What of it is as sent, and what is not known.
    source : str
        The record that it comes from.
    between : str or None
        What stands between the two texts of a pair; None where a row has one text.
    """

    wordings: tuple[tuple[str, str | None], ...]
    folded: bool
    note: str
    source: str
    between: str | None = None

    def plain(self) -> dict[str, Any]:
        """Give it as JSON has it, nothing hidden."""
        return {
            "wordings": [
                [_cut(before), None if after is None else visible_text(after)] for before, after in self.wordings
            ],
            "folded": self.folded,
            "between": None if self.between is None else visible_text(self.between),
            "note": visible_text(self.note),
            "source": self.source,
        }


def prompt_shown(contender: Contender, trial: Trial) -> PromptShown | None:
    """Find a trial's prompt among what its method reported.

    Parameters
    ----------
    contender : Contender
    trial : Trial

    Returns
    -------
    PromptShown or None
        None where the contender has no prompt, or none was recorded.
    """
    details = trial.details
    prompt, several, place = details.get("prompt"), details.get("prompts"), details.get("row_place")
    if not isinstance(prompt, str):
        return None
    folded, source = True, f"study.sqlite trials, key {trial.key}, figures.details.prompt"
    exact = "As sent: its parts are those that the trial recorded, with this row's text between them."
    if isinstance(several, list) and several:
        wordings = tuple(_parted(one) for one in several[:_MOST_WORDINGS])
        first = f"the first {len(wordings)} of {len(several)}" if len(several) > len(wordings) else "all"
        note = f"{exact} Rows are asked in {len(several)} wordings, which are read together; {first} are shown."
        note = exact if len(several) == 1 else note
    elif isinstance(place, Mapping):
        wordings, folded, note = ((prompt, str(place["ending"])),), bool(place["folded"]), exact
    elif _SLOT in prompt:
        wordings, note = (_parted(prompt),), exact
    else:
        wordings = ((prompt, None),)
        note = (
            "Not whole: the trial recorded what all rows' prompts share; what stands around this text is not recorded."
        )
        if contender.parameters.get("demonstrations") == "retrieved":
            note += " The demonstrations are chosen anew for each text and stand between."
        elif prompt.startswith("[") and contender.model and "://" in contender.model:
            note = "The messages as recorded with an empty text; this row's text was sent in its place."
    note += " Before sending, marks of the model's own inside texts are broken up."
    between = place.get("between") if isinstance(place, Mapping) else None
    return PromptShown(wordings, folded, note, source, between if isinstance(between, str) else None)


def _parted(prompt: str) -> tuple[str, str | None]:
    before, _, after = prompt.rpartition(_SLOT)
    return before, after


def _cut(text: str) -> str:
    """Leave the middle of a very long prompt out, and say so."""
    shown = visible_text(text)
    if len(shown) <= _MOST_CHARACTERS:
        return shown
    half = _MOST_CHARACTERS // 2
    return f"{shown[:half]}\n[{len(shown) - 2 * half:,} characters left out here]\n{shown[-half:]}"
