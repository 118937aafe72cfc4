"""Whether a prompt and rows go together, and which of the rows it can be tried on."""

from __future__ import annotations

from pathlib import Path

from bakeoff.data import Rows
from bakeoff.errors import DataError, OptionError
from bakeoff.methods.prompt.prompt_file import PromptFile
from bakeoff.tasks import Task

__all__ = ["check_labels", "refuse_text_options", "rows_not_shown"]

#: Fewer rows are computed one by one anew each time, which nobody who tries prompts wants.
_LEAST_ROWS = 4


def refuse_text_options(path: Path, prompt: PromptFile, metric: str | None, checks: Path | None) -> None:
    """Refuse a metric or checks for a prompt that answers with labels: its versions are told by their accuracy.

    Parameters
    ----------
    path : Path
        Of the prompt file, for the message.
    prompt : PromptFile
    metric : str or None
    checks : Path or None

    Raises
    ------
    OptionError
    """
    if prompt.control != "written" and (metric is not None or checks is not None):
        raise OptionError(
            f"{'--metric' if metric is not None else '--checks'} is for prompts that write texts; {path} answers with "
            "a label, and is told by its accuracy.",
            next_step="Leave it out; a study scores labels by any metric: bakeoff run DATA --prompt FILE --metric NAME",
        )


def check_labels(path: Path, prompt: PromptFile, task: Task) -> None:
    """Refuse a prompt with other labels than the rows, naming the first on each side."""
    here, there = set(prompt.design.labels), set(task.labels)
    if (prompt.control == "written") != (task.kind == "generation"):
        raise DataError(
            f"{path} answers with {'a text' if prompt.control == 'written' else 'a label'}, and the rows' task is "
            f"{task.kind}.",
            next_step="Give rows of the prompt's kind, or name the task with --task.",
        )
    if here == there:
        return
    sides = [
        f"{sorted(only)[0]!r} stands {where} alone"
        for only, where in ((here - there, "in the prompt"), (there - here, "in the rows"))
        if only
    ]
    known = ", ".join(map(repr, task.labels[:10])) + (", ..." if len(task.labels) > 10 else "")
    raise DataError(
        f"The labels of {path} must be those of the rows ({known}); {', '.join(sides)}.",
        next_step="Give each entry of its list 'labels' a label of the rows; its words may stay as they are.",
    )


def rows_not_shown(sample: Rows, prompt: PromptFile) -> Rows:
    """Leave out the rows of a budget that a prompt shows; refuse where hardly any is left."""
    shown = {" ".join(each.text.split()) for each in prompt.design.demonstrations}
    rows = sample.take([place for place, text in enumerate(sample.texts) if " ".join(text.split()) not in shown])
    if len(rows) < _LEAST_ROWS:
        raise OptionError(
            f"At least {_LEAST_ROWS} rows that the prompt does not show are needed; {len(rows)} of {len(sample)} are "
            "left.",
            next_step="Give a larger --n.",
        )
    return rows
