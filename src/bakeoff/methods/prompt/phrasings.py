"""Other phrasings of a prompt: how far its answers hang on the words that were chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bakeoff.methods.prompt.template import LISTED_OPENING, PromptDesign

__all__ = ["ENSEMBLE", "PHRASINGS", "WORDINGS", "phrasings_of", "wording_of"]

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


#: Every wording that several prompts at once can be made of. They may differ in what they ask, since what the model
#: says is read by a map that has seen labelled rows.
WORDINGS: Mapping[str, Mapping[str, str]] = {
    **PHRASINGS,
    "this is": {"opening": "", "row": "{{ text }}\nThis is"},
    "in one word": {"opening": "", "row": '"{{ text }}"\nIn one word, this is'},
    "about": {"opening": "", "row": "{{ text }}\nThis text is about"},
    "label alone": {"opening": "", "row": "{{ text }}\n{{ cue }}:"},
}

#: Wordings that together did best on validation rows of amazon reviews and trec with SmolLM2-135M; see LOG.md.
ENSEMBLE = ("as it stands", "input and output", "this is")


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
    return {name: wording_of(design, name) for name in PHRASINGS}


def wording_of(design: PromptDesign, name: str) -> PromptDesign:
    """Give a design in one of `WORDINGS`.

    Parameters
    ----------
    design : PromptDesign
    name : str

    Returns
    -------
    PromptDesign
    """
    changes = WORDINGS[name]
    return replace(design, opening=changes.get("opening", design.opening), row=changes.get("row", design.row))
