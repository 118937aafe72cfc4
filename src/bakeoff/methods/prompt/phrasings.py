"""Other phrasings of a prompt: how far its answers hang on the words that were chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bakeoff.methods.prompt.template import LISTED_OPENING, PromptDesign

__all__ = ["PHRASINGS", "phrasings_of"]

#: Every phrasing by its name: what it changes of a design. All say the same; five change the form of a row alone
#: (separators, case, brackets), as FormatSpread does (Sclar et al. 2024), the others its words. None was chosen by a
#: score.
PHRASINGS: Mapping[str, Mapping[str, str]] = {
    "as it stands": {},
    "capitals": {"row": "TEXT: {{ text }}\n{{ cue | upper }}:"},
    "quoted": {"row": '"{{ text }}"\n{{ cue }}:'},
    "input and output": {"row": "Input: {{ text }}\nOutput:"},
    "question": {"row": "{{ text }}\nQuestion: What is the {{ cue | lower }} of this text?\nAnswer:"},
    "labels listed": {"opening": LISTED_OPENING},
    "brackets": {"row": "[Text] {{ text }}\n[{{ cue }}]"},
    "dashes": {"row": "- text: {{ text }}\n- {{ cue | lower }}:"},
    "one line": {"row": "{{ text }} | {{ cue }}:"},
}


def phrasings_of(design: PromptDesign) -> dict[str, PromptDesign]:
    """Give a design in every phrasing.

    Parameters
    ----------
    design : PromptDesign

    Returns
    -------
    dict of str to PromptDesign
        By the phrasing's name, the design itself first; instruction, labels and demonstrations are the same in all.
    """
    return {
        name: replace(design, opening=changes.get("opening", design.opening), row=changes.get("row", design.row))
        for name, changes in PHRASINGS.items()
    }
