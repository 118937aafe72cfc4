"""A design put into words for one model: its chat format, its special tokens, its context, the task's labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.errors import DataError
from bakeoff.methods.prompt.template import PromptDesign, RenderedPrompt
from bakeoff.tasks import Task

if TYPE_CHECKING:
    from bakeoff.models.decoder import Decoder

__all__ = ["beside_longest_text", "count_tokens", "design_for_task", "fitting_design", "rendered", "size_mb"]

#: Tokens kept free for a row's text, and the share of the context that they take at most.
_ROOM, _ROOM_SHARE = 256, 0.25
#: How much longer than the longest labelled text another may be.
_LONGER = 1.25


def rendered(design: PromptDesign, decoder: Decoder) -> RenderedPrompt:
    """Render a design in a decoder's own chat format, its special tokens broken up inside texts.

    Parameters
    ----------
    design : PromptDesign
    decoder : Decoder

    Returns
    -------
    RenderedPrompt
    """
    from bakeoff.models.decoder import chat_prompt, has_chat_template

    tokenizer = decoder.tokenizer
    chat = (lambda messages: chat_prompt(tokenizer, messages)) if has_chat_template(tokenizer) else None
    return design.render(special_tokens=tuple(map(str, tokenizer.all_special_tokens)), chat=chat)


def fitting_design(design: PromptDesign, decoder: Decoder, texts: Sequence[str]) -> PromptDesign:
    """Drop demonstrations from the end until prompt and a usual text fit the model's context.

    Parameters
    ----------
    design : PromptDesign
    decoder : Decoder
    texts : sequence of str
        The labelled rows' texts, by which to tell how long a text is.

    Returns
    -------
    PromptDesign
    """
    context = decoder.context_length
    room = min(_ROOM, int(context * _ROOM_SHARE))
    if texts:
        longest = max(texts, key=len)
        room = min(max(room, count_tokens(decoder, longest)), int(context * _ROOM_SHARE))
    while design.demonstrations and count_tokens(decoder, rendered(design, decoder).prefix) + room > context:
        design = design.without_last()
    return design


def beside_longest_text(design: PromptDesign, decoder: Decoder, texts: Sequence[str]) -> bool:
    """Tell whether the model's context holds a prompt and a text a quarter longer than the longest.

    Parameters
    ----------
    design : PromptDesign
    decoder : Decoder
    texts : sequence of str
        The labelled rows'.

    Returns
    -------
    bool
    """
    longest = count_tokens(decoder, max(texts, key=len)) if texts else 0
    context = decoder.context_length
    room = max(min(_ROOM, int(context * _ROOM_SHARE)), int(_LONGER * longest))
    return count_tokens(decoder, rendered(design, decoder).prefix) + room <= context


def count_tokens(decoder: Decoder, text: str) -> int:
    """Count a text's tokens.

    Parameters
    ----------
    decoder : Decoder
    text : str

    Returns
    -------
    int
    """
    return len(decoder.tokenizer(text, verbose=False)["input_ids"])


def design_for_task(design: PromptDesign, task: Task, path: str) -> PromptDesign:
    """Put the design's labels into the task's order.

    Parameters
    ----------
    design : PromptDesign
    task : Task
    path : str
        The file that it came from, for the message.

    Returns
    -------
    PromptDesign

    Raises
    ------
    DataError
        If the labels are not the task's.
    """
    if set(design.labels) != set(task.labels):
        odd = sorted(set(design.labels) ^ set(task.labels))
        raise DataError(
            f"The prompt file {path} must have the task's {len(task.labels)} labels; {odd[0]!r} is on one side alone.",
            next_step="Mend the list 'labels' of the prompt file.",
        )
    return design.in_order(task.labels)


def size_mb(path: Path) -> float:
    """Give the size of a file, or of all files in a folder, in MB.

    Parameters
    ----------
    path : Path

    Returns
    -------
    float
    """
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files) / 1e6
