"""Demonstrations that are chosen anew for every text: the labelled rows most like it.

What all texts share, the instruction, is the prefix of the prompt; a text's demonstrations are part of its query. So
texts with unlike demonstrations are still scored together, behind one cached prefix.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bakeoff.errors import BundleError
from bakeoff.methods.prompt.likeness import Likeness
from bakeoff.methods.prompt.rendering import count_tokens, rendered
from bakeoff.methods.prompt.template import Demonstration, PromptDesign, RenderedPrompt

if TYPE_CHECKING:
    from bakeoff.models.decoder import Decoder

__all__ = ["DemonstrationPool", "RetrievingPrompt", "read_pool", "retrieving_prompt", "write_pool"]

_COPY_AGAIN = "Copy the bundle again from where it was written."


class DemonstrationPool:
    """Labelled rows out of which every text gets those that are most like it.

    KATE (Liu et al. 2021, section 3) with TF-IDF in place of a sentence encoder: the nearest rows by cosine, the
    nearest last, next to the text.

    Parameters
    ----------
    rows : sequence of Demonstration
        At least one.
    seed : int
        Which comes first among rows that are equally like a text.
    """

    def __init__(self, rows: Sequence[Demonstration], seed: int) -> None:
        order = np.random.default_rng([seed, len(rows)]).permutation(len(rows))
        self.rows = tuple(rows)
        self._drawn = tuple(self.rows[place] for place in order.tolist())
        self._keys = np.array([_same(row.text) for row in self._drawn], dtype=object)
        self._likeness = Likeness([row.text for row in self._drawn])

    def nearest(self, text: str, count: int, *, apart_from_it: bool = False) -> tuple[Demonstration, ...]:
        """Give the rows most like a text.

        Parameters
        ----------
        text : str
        count : int
            How many; all where there are fewer.
        apart_from_it : bool
            Whether rows of the same text are passed over, as for a text that is itself one of the rows.

        Returns
        -------
        tuple of Demonstration
            The most like last.
        """
        likeness = self._likeness.to(text)
        places = np.argsort(-likeness, kind="stable")
        if apart_from_it:
            places = places[self._keys[places] != _same(text)]
        return tuple(self._drawn[place] for place in places[:count][::-1].tolist())


@dataclass(frozen=True, slots=True, eq=False)
class RetrievingPrompt(RenderedPrompt):
    """A design as strings, whose demonstrations stand in each text's query.

    Parameters
    ----------
    design : PromptDesign
        Without demonstrations.
    decoder : Decoder
    pool : DemonstrationPool
    shots : int
        Demonstrations of each text; fewer, those least like it dropped, where they do not fit the model's context.
    apart_from_it : bool
        Whether a text is never shown itself, as for labelled rows.
    room : int
        Tokens of the context that are kept for what is written behind the prompt.
    """

    design: PromptDesign
    decoder: Decoder
    pool: DemonstrationPool
    shots: int
    apart_from_it: bool = False
    room: int = 0

    def query(self, text: str) -> str:
        """Give what follows the prefix for one text, up to its label: its demonstrations first."""
        shown = self.pool.nearest(text, self.shots, apart_from_it=self.apart_from_it)
        while True:
            whole = rendered(replace(self.design, demonstrations=shown), self.decoder)
            query = whole.prefix[len(self.prefix) :] + whole.query(text)
            if not shown or self._fits(query):
                return query
            shown = shown[1:]

    def for_labelled_rows(self) -> RetrievingPrompt:
        """Give the prompt that shows no text itself."""
        return replace(self, apart_from_it=True)

    def _fits(self, query: str) -> bool:
        """Tell whether the model's context holds the whole with any label."""
        given, context = self.prefix + query, self.decoder.context_length
        # No token is shorter than a byte, but for special ones before the whole.
        label = max((len(each.encode("utf-8", "replace")) for each in self.continuations), default=0) + 2 + self.room
        if len(given.encode("utf-8", "replace")) + label <= context:
            return True
        return count_tokens(self.decoder, given) + label <= context


def retrieving_prompt(
    design: PromptDesign, decoder: Decoder, pool: DemonstrationPool, shots: int, room: int = 0
) -> RetrievingPrompt:
    """Render a design that shows each text the rows most like it.

    Parameters
    ----------
    design : PromptDesign
        Without demonstrations.
    decoder : Decoder
    pool : DemonstrationPool
    shots : int
        Demonstrations of each text.
    room : int
        Tokens kept for what is written behind the prompt.

    Returns
    -------
    RetrievingPrompt
    """
    plain = rendered(design, decoder)
    shown = rendered(replace(design, demonstrations=pool.rows[:1]), decoder)
    # A chat format may write a conversation's beginning otherwise where turns follow; then nothing is shared.
    prefix = plain.prefix if shown.prefix.startswith(plain.prefix) else ""
    return RetrievingPrompt(
        prefix,
        plain.ending,
        plain.continuations,
        plain.terminator,
        plain.special_tokens,
        plain.fold,
        plain.owners,
        plain.between,
        design,
        decoder,
        pool,
        shots,
        room=room,
        blank_lines=plain.blank_lines,
    )


def write_pool(path: Path, rows: Sequence[Demonstration]) -> None:
    """Write labelled rows, one JSON object a line.

    Parameters
    ----------
    path : Path
    rows : sequence of Demonstration
    """
    lines = [json.dumps({"row": each.row, "text": each.text, "label": each.label}) for each in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def read_pool(path: Path, labels: Sequence[str] | None) -> tuple[Demonstration, ...]:
    """Read what `write_pool` wrote.

    Parameters
    ----------
    path : Path
    labels : sequence of str or None
        The task's; None where its rows have texts to write.

    Returns
    -------
    tuple of Demonstration

    Raises
    ------
    BundleError
        If there is no such file, a line is no such row, or its label is not the task's.
    """
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"The rows to retrieve from cannot be read: {error}.", next_step=_COPY_AGAIN) from error
    for number, line in enumerate(lines, start=1):
        try:
            given = json.loads(line)
            row = Demonstration(int(given["row"]), str(given["text"]), str(given["label"]))
        except (ValueError, KeyError, TypeError) as error:
            raise _broken(path, number, f"must hold row, text and label; {error} came") from error
        if labels is not None and row.label not in labels:
            raise _broken(path, number, f"must have one of the task's labels; {row.label!r} came")
        rows.append(row)
    return tuple(rows)


def _broken(path: Path, number: int, what: str) -> BundleError:
    return BundleError(f"Line {number} of {path.name} {what}.", next_step=_COPY_AGAIN)


def _same(text: str) -> str:
    """Give what two texts that a prompt would show alike have in common."""
    return " ".join(text.split()).casefold()
