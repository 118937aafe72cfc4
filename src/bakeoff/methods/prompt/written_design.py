"""The designs of prompts whose answer is a text: their wordings, their forms, and how many rows they can show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bakeoff.errors import OptionError
from bakeoff.methods.prompt.rendering import count_tokens, rendered
from bakeoff.methods.prompt.template import Demonstration, Form, PromptDesign
from bakeoff.methods.prompt.writing_control import MOST_TOKENS, WritingControl, stop_of
from bakeoff.tasks import Task

if TYPE_CHECKING:
    from bakeoff.models.decoder import Decoder

__all__ = ["WRITTEN_WORDINGS", "fitting_written", "form_for", "told_length", "whole_control", "written_design"]

#: Every wording by its name, and form by form what it changes of a design. All put the same instruction, or leave it to
#: the demonstrations; none was chosen by a score.
WRITTEN_WORDINGS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "instruction first": {
        "plain": {"opening": "{{ instruction }}", "row": "Input: {{ text }}\nOutput:"},
        "chat": {"opening": "{{ instruction }}", "row": "{{ text }}"},
    },
    "instruction each time": {
        "plain": {"opening": "", "row": "{{ text }}\n{{ instruction }}\nAnswer:"},
        "chat": {"opening": "", "row": "{{ instruction }}\n\n{{ text }}"},
    },
    "instruction last": {
        "plain": {"opening": "", "row": "Text: {{ text }}\nTask: {{ instruction }}\nOutput:"},
        "chat": {"opening": "", "row": "{{ text }}\n\n{{ instruction }}"},
    },
    "rows alone": {
        "plain": {"opening": "", "row": "{{ text }}\n->"},
        "chat": {"opening": "", "row": "{{ text }}"},
    },
}

#: Tokens beside the longest known target.
_SPARE_TOKENS, _LONGER = 8, 1.25


def written_design(
    task: Task,
    demonstrations: Sequence[Demonstration] = (),
    *,
    form: Form = "chat",
    wording: str = "instruction first",
    length: str = "",
) -> PromptDesign:
    """Make the design of a prompt whose answer is a text.

    Parameters
    ----------
    task : Task
        Of the kind generation.
    demonstrations : sequence of Demonstration
        Their label is the text to write.
    form : {"plain", "chat"}
    wording : str
        One of `WRITTEN_WORDINGS`.
    length : str
        What is told of the text's length, behind the instruction.

    Returns
    -------
    PromptDesign
        Without labels.

    Raises
    ------
    OptionError
        If form or wording is not known.
    """
    if wording not in WRITTEN_WORDINGS or form not in WRITTEN_WORDINGS[wording]:
        raise OptionError(
            f"A written prompt's wording must be one of {', '.join(WRITTEN_WORDINGS)}, its form plain or chat; "
            f"{wording!r} and {form!r} came.",
            next_step="Choose one of these.",
        )
    return PromptDesign(
        instruction=f"{task.instruction} {length}".strip(),
        labels=(),
        words=(),
        definitions=(),
        cue="Output",
        opening=WRITTEN_WORDINGS[wording][form]["opening"],
        row=WRITTEN_WORDINGS[wording][form]["row"],
        form=form,
        demonstrations=tuple(demonstrations),
        keeps_lines=True,
    )


def form_for(form: Form, decoder: Decoder) -> Form:
    """Give the form that a decoder can be asked in: plain for one without a chat format of its own.

    Parameters
    ----------
    form : {"plain", "chat"}
        That is wanted.
    decoder : Decoder

    Returns
    -------
    {"plain", "chat"}
    """
    from bakeoff.models.decoder import has_chat_template

    return form if has_chat_template(decoder.tokenizer) else "plain"


def told_length(targets: Sequence[str]) -> str:
    """Say how long a text is to be, by those of the labelled rows; nothing where there are none.

    Parameters
    ----------
    targets : sequence of str

    Returns
    -------
    str
    """
    if not targets:
        return ""
    lines = round(float(np.median([len(target.strip().split("\n")) for target in targets])))
    words = max(1, round(float(np.median([len(target.split()) for target in targets]))))
    return (
        f"Write {lines} lines of about {max(1, round(words / lines))} words."
        if lines > 1
        else f"Write about {words} words."
    )


def whole_control(
    control: WritingControl, design: PromptDesign, decoder: Decoder, targets: Sequence[str]
) -> WritingControl:
    """Fill in what a control leaves to the labelled rows: the most tokens of a text, and what ends it.

    Parameters
    ----------
    control : WritingControl
    design : PromptDesign
    decoder : Decoder
    targets : sequence of str
        Of the labelled rows; may be none.

    Returns
    -------
    WritingControl
    """
    most = control.most_tokens
    if most is None:
        longest = max((count_tokens(decoder, target) for target in targets), default=0)
        most = int(_LONGER * longest) + _SPARE_TOKENS if longest else MOST_TOKENS
    stop = control.stop
    if not stop and design.form == "plain" and control.pattern is None and control.schema is None:
        stop = stop_of(targets, rendered(replace(design, demonstrations=()), decoder).prefix.split("\n")[-1].strip())
    return replace(control, most_tokens=most, stop=stop)


def fitting_written(
    design: PromptDesign, decoder: Decoder, texts: Sequence[str], most_prompt: int, most_tokens: int
) -> PromptDesign:
    """Drop demonstrations from the end until the prompt is short enough, and the context holds a row behind it.

    Parameters
    ----------
    design : PromptDesign
    decoder : Decoder
    texts : sequence of str
        The labelled rows', by which to tell how long a text is.
    most_prompt : int
        Most tokens of what all rows share.
    most_tokens : int
        Most tokens that are written.

    Returns
    -------
    PromptDesign
    """
    longest = count_tokens(decoder, max(texts, key=len)) if texts else 0
    most = min(most_prompt, decoder.context_length - int(_LONGER * longest) - most_tokens)
    while design.demonstrations and count_tokens(decoder, rendered(design, decoder).prefix) > most:
        design = design.without_last()
    return design
