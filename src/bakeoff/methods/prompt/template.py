"""The prompt as a design: instruction, labels, demonstrations, and how they become one string.

A design renders to a *prefix* that all rows share, a *query* for each row, and one *continuation* for each label, so
that ``prefix + query + continuation`` is the whole string whose last part a model scores. Server models get the same
design as chat messages.

Texts are never template source: the row's template is rendered once around a mark, cut there, and the texts are put
in between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bakeoff.errors import DataError
from bakeoff.methods.clean import MARK, clean_fields, clean_text
from bakeoff.methods.prompt.held_templates import fill_in
from bakeoff.tasks import Task, label_words

__all__ = [
    "BETWEEN",
    "CONTENT_FREE",
    "LISTED_OPENING",
    "OPENING",
    "ROW",
    "SERVER_OPENING",
    "SERVER_ROW",
    "Demonstration",
    "Form",
    "PromptDesign",
    "RenderedPrompt",
    "design_for",
    "server_design_for",
]

Form = Literal["plain", "chat"]
Message = dict[str, str]

#: Opening of a plain prompt: the instruction, and what the labels mean where that is known.
OPENING = """\
{{ instruction }}
{% for label in labels if label.definition %}
{{ label.words }}: {{ label.definition }}
{% endfor %}"""

#: The same with all labels listed.
LISTED_OPENING = """\
{{ instruction }}
Labels: {{ labels | map(attribute="words") | join(", ") }}
{% for label in labels if label.definition %}
{{ label.words }}: {{ label.definition }}
{% endfor %}"""

#: One text, up to the place of its label.
ROW = """\
Text: {{ text }}
{{ cue }}:"""

#: What stands between the two texts of a pair.
BETWEEN = "\nSecond text: "

#: System message for a server model, which has to write a label that can be read back.
SERVER_OPENING = """\
{{ instruction }} Answer with one of these labels and nothing else:
{% for label in labels %}
- {{ label.words }}{{ ": " if label.definition }}{{ label.definition }}
{% endfor %}"""

#: User message for a server model.
SERVER_ROW = "Text: {{ text }}"

#: Texts without content, for contextual calibration (Zhao et al. 2021, section 5).
CONTENT_FREE = ("N/A", "", "[MASK]")

_CUE = "Label"
_PARTS = "\n\n"


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One labelled text inside a prompt.

    Parameters
    ----------
    row : int
        Its position among the labelled rows it was chosen from; -1 where it came from elsewhere.
    text : str
    label : str
        One of the task's labels; the text to write where a task has none.
    """

    row: int
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class PromptDesign:
    """All that a prompt is made of.

    Parameters
    ----------
    instruction : str
    labels, words, definitions : tuple of str
        The label set, what stands for each label in the prompt, and what it means (``""`` where not told); all empty
        where a text is to be written.
    cue : str
        Stands before the label, such as ``"Sentiment"``.
    opening, row : str
        Jinja templates. `opening` may use ``instruction``, ``labels`` (each with ``label``, ``words`` and
        ``definition``) and ``cue``; `row` may use ``text``, exactly once, ``instruction`` and ``cue``.
    form : {"plain", "chat"}
        Text to be continued, or a conversation in the model's own chat format: `opening` is the system message, each
        demonstration a turn.
    demonstrations : tuple of Demonstration
    other_words : tuple of tuple of str
        For each label, what counts as the same answer beside `words` and is not shown; ``()`` where no label has any.
        A label's probability is the sum over all its words (the verbalizer of Schick and Schuetze 2021, section 3,
        with several words a label).
    between : str or None
        What stands between the two texts of a pair, which come where `row` has its text; None where a row has one.
    keeps_lines : bool
        Whether line breaks of texts stand in a plain prompt, as they must where texts are to be written.
    """

    instruction: str
    labels: tuple[str, ...]
    words: tuple[str, ...]
    definitions: tuple[str, ...]
    cue: str = _CUE
    opening: str = OPENING
    row: str = ROW
    form: Form = "plain"
    demonstrations: tuple[Demonstration, ...] = ()
    other_words: tuple[tuple[str, ...], ...] = ()
    between: str | None = None
    keeps_lines: bool = False

    def render(
        self, *, special_tokens: Sequence[str] = (), chat: Callable[[list[Message]], str] | None = None
    ) -> RenderedPrompt:
        """Make the shared prefix and what a row needs.

        Parameters
        ----------
        special_tokens : sequence of str
            The tokenizer's; broken up wherever a text holds one.
        chat : callable, optional
            Writes messages in the model's chat format; needed for the form ``"chat"``.

        Returns
        -------
        RenderedPrompt

        Raises
        ------
        DataError
            If a template cannot be rendered, or does not hold the text exactly once; or the form is ``"chat"`` and
            the model has none.
        """
        tokens = tuple(special_tokens)
        if self.form == "chat":
            if chat is None:
                raise DataError(
                    "The prompt has the form 'chat', and the model has no chat format.",
                    next_step="Set the form to plain in the prompt file.",
                )
            asked = {"role": "user", "content": MARK.join(self._around())}
            before, after = _cut(chat([*self._turns(tokens), asked]))
            return RenderedPrompt(
                before, after, self._spoken(), None, tokens, fold=False, owners=self._owners(), between=self.between
            )
        before, after = self._around()
        parts = [opening] if (opening := self._opening()) else []
        spoken = tuple(f" {each}" for each in self._spoken())
        # Where line breaks say something, a blank line alone parts what is shown.
        ending, fold = (None, False) if self.keeps_lines else ("\n", True)
        made = RenderedPrompt("", after, spoken, ending, tokens, fold, self._owners(), self.between, blank_lines=fold)
        parts += [f"{before}{made.query(each.text)} {self._said(each, tokens)}" for each in self.demonstrations]
        return replace(made, prefix=_PARTS.join([*parts, before]))

    def messages(self, text: str) -> list[Message]:
        """Give the conversation that asks for one text's label; a plain prompt is one message.

        Parameters
        ----------
        text : str

        Returns
        -------
        list of dict
            Each with ``role`` and ``content``; the last is the user's.
        """
        if self.form == "plain":
            whole = self.render()
            return [{"role": "user", "content": whole.prefix + whole.query(text)}]
        content = clean_fields(text, (), fold=False, between=self.between).join(self._around())
        return [*self._turns(()), {"role": "user", "content": content}]

    def without_last(self, count: int = 1) -> PromptDesign:
        """Give the design with so many demonstrations fewer, the last ones dropped."""
        return replace(self, demonstrations=self.demonstrations[: max(0, len(self.demonstrations) - count)])

    def in_order(self, labels: Sequence[str]) -> PromptDesign:
        """Give the design with its labels, and all that is told of each, in another order.

        Parameters
        ----------
        labels : sequence of str
            The design's labels.

        Returns
        -------
        PromptDesign
        """
        order = [self.labels.index(label) for label in labels]
        return replace(
            self,
            labels=tuple(labels),
            words=tuple(self.words[place] for place in order),
            definitions=tuple(self.definitions[place] for place in order),
            other_words=tuple(self.other_words[place] for place in order) if self.other_words else (),
        )

    def said_words(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Give all that counts as an answer: the labels, a label as often as it has words, and the words."""
        return tuple(self.labels[place] for place in self._owners()), self._spoken()

    def _spoken(self) -> tuple[str, ...]:
        """Give every label's own words, then all other words in the order of their labels."""
        return (*self.words, *(word for words in self.other_words for word in words))

    def _owners(self) -> tuple[int, ...]:
        """Give the place of the label that each of `_spoken` stands for."""
        others = (place for place, words in enumerate(self.other_words) for _ in words)
        return (*range(len(self.words)), *others)

    def _opening(self) -> str:
        labels = [
            {"label": label, "words": words, "definition": definition}
            for label, words, definition in zip(self.labels, self.words, self.definitions, strict=True)
        ]
        values = {"instruction": self.instruction, "labels": labels, "cue": self.cue}
        return _rendered(self.opening, values, "opening").strip()

    def _around(self) -> tuple[str, str]:
        values = {"text": MARK, "cue": self.cue, "instruction": self.instruction}
        return _cut(_rendered(self.row, values, "row"))

    def _said(self, shown: Demonstration, tokens: tuple[str, ...]) -> str:
        """Give what answers a demonstration: the words of its label, or the text to write."""
        if not self.labels:
            return clean_text(shown.label, tokens, fold=False)
        return self.words[self.labels.index(shown.label)]

    def _turns(self, tokens: tuple[str, ...]) -> list[Message]:
        opening, (before, after) = self._opening(), self._around()
        turns: list[Message] = [{"role": "system", "content": opening}] if opening else []
        for shown in self.demonstrations:
            content = before + clean_fields(shown.text, tokens, fold=False, between=self.between) + after
            turns.append({"role": "user", "content": content})
            turns.append({"role": "assistant", "content": self._said(shown, tokens)})
        return turns


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A design as strings.

    Parameters
    ----------
    prefix : str
        What all rows begin with.
    ending : str
        What stands between a row's text and its label.
    continuations : tuple of str
        One per label, then the labels' other words, with the space before them where the form needs one.
    terminator : str or None
        What ends a label; None for the model's end-of-text token.
    special_tokens : tuple of str
        Broken up inside texts.
    fold : bool
        Whether line breaks inside texts become spaces.
    owners : tuple of int
        For each continuation the place of its label.
    between : str or None
        What stands between the texts of a pair; None where a row has one text.
    blank_lines : bool
        Whether blank lines inside texts stand; else what a plain prompt parts its texts by cannot come from a text.
    """

    prefix: str
    ending: str
    continuations: tuple[str, ...]
    terminator: str | None
    special_tokens: tuple[str, ...]
    fold: bool
    owners: tuple[int, ...]
    between: str | None
    blank_lines: bool = field(default=True, kw_only=True)

    def query(self, text: str) -> str:
        """Give what follows the prefix for one text, up to its label."""
        kept = clean_fields(text, self.special_tokens, fold=self.fold, between=self.between)
        return (kept if self.blank_lines else re.sub(r"\n\s*\n", "\n", kept)) + self.ending

    def row_place(self) -> dict[str, str | bool]:
        """Give what a record needs to put a row's text behind the prefix again: what ends it, whether it is folded."""
        place: dict[str, str | bool] = {"ending": self.ending, "folded": self.fold}
        return place if self.between is None else {**place, "between": self.between}


def design_for(task: Task, demonstrations: Sequence[Demonstration] = (), *, form: Form = "plain") -> PromptDesign:
    """Make the default design of a task, for scoring its labels.

    Parameters
    ----------
    task : Task
    demonstrations : sequence of Demonstration
    form : {"plain", "chat"}

    Returns
    -------
    PromptDesign
    """
    return PromptDesign(
        instruction=task.instruction,
        labels=task.labels,
        words=task.words,
        definitions=task.definitions,
        cue=_cue(task),
        form=form,
        demonstrations=tuple(demonstrations),
        other_words=task.other_words,
        between=BETWEEN if task.kind == "pair" else None,
    )


def server_design_for(task: Task, demonstrations: Sequence[Demonstration] = ()) -> PromptDesign:
    """Make the default design of a task, for a server model that writes a label.

    Parameters
    ----------
    task : Task
    demonstrations : sequence of Demonstration

    Returns
    -------
    PromptDesign
    """
    return replace(design_for(task, demonstrations, form="chat"), opening=SERVER_OPENING, row=SERVER_ROW)


def _cue(task: Task) -> str:
    spoken = label_words(task.name)
    return spoken[0].upper() + spoken[1:] if re.fullmatch(r"[A-Za-z][A-Za-z ]{0,40}", spoken) else _CUE


def _rendered(template: str, values: Mapping[str, Any], name: str) -> str:
    from jinja2 import TemplateError

    try:
        return fill_in(template, values)
    except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, RecursionError) as error:
        raise DataError(
            f"The prompt's template {name!r} must be Jinja over its own values; {error}.",
            next_step="Mend the template in the prompt file.",
        ) from error


def _cut(rendered: str) -> tuple[str, str]:
    pieces = rendered.split(MARK)
    if len(pieces) != 2:
        raise DataError(
            f"The template 'row' must hold {{{{ text }}}} once and unchanged; it stands there {len(pieces) - 1} times.",
            next_step="Mend the template in the prompt file.",
        )
    return pieces[0], pieces[1]
