"""A text made fit for its place in a prompt: nothing in it can end that place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["MARK", "clean_text"]

#: Stands for the text where a template is rendered. Upper and lower case and a space inside, so that a template which
#: changes its text is found out.
MARK = "\ue000The Text\ue001"


def clean_text(text: str, special_tokens: Sequence[str] = (), *, fold: bool = True) -> str:
    r"""Keep a text inside its place in a prompt.

    Parameters
    ----------
    text : str
    special_tokens : sequence of str
        The tokenizer's own marks, such as ``"<|im_start|>"``.
    fold : bool
        Whether all white space, line breaks included, becomes single spaces.

    Returns
    -------
    str
        With spaces for control characters. A space stands behind the first character of every special token, and
        between ``<`` and ``|`` and ``|`` and ``>``, so ``"<|im_start|>"`` becomes ``"< |im_start| >"`` and is read as
        ordinary characters.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(_plain_character(c) for c in lines)
    kept = " ".join(kept.split()) if fold else kept.strip()
    kept = kept.replace("<|", "< |").replace("|>", "| >")
    for token in (MARK, *special_tokens):  # a chat is cut at the mark
        if len(token) > 1 and not token.isspace():
            kept = re.sub(re.escape(token), lambda found: f"{found[0][0]} {found[0][1:]}", kept)
    return kept


def _plain_character(character: str) -> str:
    kind = unicodedata.category(character)
    if kind == "Cs":
        return ""
    return " " if kind == "Cc" and character != "\n" else character
