"""Serve a bundle: open it as `predict` does, load it into a thread, write rows and read answers as `predict` does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.errors import OptionError
from bakeoff.tasks import ONE_LABEL
from bakeoff.workbench.answer_files import parsed_value
from bakeoff.workbench.answering import LoadedModel
from bakeoff.workbench.predict import ServerUse, answer_rows

if TYPE_CHECKING:
    from bakeoff.data import Cell
    from bakeoff.methods.contract import Method
    from bakeoff.records import Answer
    from bakeoff.ship import Bundle
    from bakeoff.tasks import Task

__all__ = ["Served", "open_served"]

#: Asked once when a method is loaded: the first answer takes longer than all that follow.
_WARM_UP = ("An", "ordinary", "sentence", ".")
#: Told before texts are sent to a server: what so many texts of so many words come to.
_TOLD_TEXTS, _TOLD_WORDS = 1000, 20
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Served:
    """A bundle that was checked, and may be served.

    Parameters
    ----------
    bundle : Bundle
    sha256 : str
        Of its ``bundle.json``, which holds the sha256 of every other file.
    score : str
        What its card says of its score, in one line; empty where it says nothing.
    servers : ServerUse
        How a bundle that asks a server may do so.
    threads : int or None
        Threads of the model, which share the rows of a call or call it side by side; None for as many as torch takes.
    """

    bundle: Bundle
    sha256: str
    score: str
    servers: ServerUse
    threads: int | None = None

    @property
    def task(self) -> Task:
        """What it solves."""
        return self.bundle.facts.task

    @property
    def kind(self) -> str:
        """Kind of the task."""
        return self.task.kind

    @property
    def labels(self) -> tuple[str, ...]:
        """The task's labels; empty for numbers."""
        return self.task.labels

    @property
    def contender(self) -> str:
        """Name of the shipped contender."""
        return self.bundle.facts.contender.name

    @property
    def columns(self) -> tuple[str, ...]:
        """Fields of a row: those of its texts, as they were called where it learned, if they are several.

        A single text is called ``text`` (``tokens`` for tags), the second one of a pair ``text_pair``.
        """
        facts = self.bundle.facts
        pair = ("text_pair",) if self._paired else ()
        if len(facts.text_columns) > 1:
            return (*facts.text_columns, *((facts.text_pair or pair[0],) if pair else ()))
        return ("tokens" if self.kind == "tagging" else "text", *pair)

    @property
    def _paired(self) -> bool:
        # Numbers may be of pairs, too.
        return self.kind == "pair" or self.bundle.facts.text_pair is not None

    @property
    def example(self) -> str:
        """A request that is answered, as JSON."""
        cells = ["An", "ordinary", "sentence", "."] if self.kind == "tagging" else "An ordinary sentence."
        row = dict.fromkeys(self.columns, cells)
        return json.dumps(row if len(self.bundle.facts.text_columns) <= 1 else {"rows": [row]}, ensure_ascii=False)

    def texts(self, rows: Sequence[Sequence[Cell]]) -> list[str]:
        """Write rows as texts, as those of a file are written.

        Parameters
        ----------
        rows : sequence of sequences
            The cells of each row, in the order of `columns`.

        Returns
        -------
        list of str, length rows
            Empty where a row has no text.
        """
        from bakeoff.data import Columns, Table, whole_characters, written_texts

        def whole(cell: Cell) -> Cell:
            if isinstance(cell, str):
                return whole_characters(cell)
            return None if cell is None else tuple(map(whole_characters, cell))

        names, cells = self.columns, tuple(tuple(map(whole, row)) for row in rows)
        table = Table("the request", names, cells, tuple(range(1, len(cells) + 1)))
        own, pair = (names[:-1], names[-1]) if self._paired else (names, None)
        found = Columns(own, pair, None, None, None, "")
        return written_texts(table, found, self.kind)

    def told(self, answer: Answer, *, probabilities: bool = True) -> dict[str, Any]:
        """Give an answer under the names that `predict` writes, as plain JSON values.

        Parameters
        ----------
        answer : Answer
        probabilities : bool
            Whether to give each label's, where the method has honest ones.

        Returns
        -------
        dict
        """
        task, shares = self.task, answer.probabilities
        named = None
        if probabilities and shares is not None and len(shares) == len(task.labels):
            named = {label: round(share, _DIGITS) for label, share in zip(task.labels, shares, strict=True)}
        return {
            "prediction": None if answer.value is None else parsed_value(task.kind, answer.value),
            "abstention": answer.abstention,
            "probabilities": named,
            "tokens_in": answer.tokens_in or None,
            "tokens_out": answer.tokens_out or None,
            "seconds": round(answer.seconds, _DIGITS) or None,
        }

    def load(self) -> LoadedModel:
        """Load the method, and answer one text, so that whoever asks first does not wait longer than the next.

        Returns
        -------
        LoadedModel
            Gives the answers of texts, in their order; an empty text is an abstention. A method that allows it is
            called by as many threads as there are, each on a processor of its own.
        """
        from bakeoff.methods.contract import RunContext

        if self.threads is not None:
            import torch

            torch.set_num_threads(self.threads)
        facts, servers = self.bundle.facts, self.servers
        method = self.bundle.load(RunContext(dtype=facts.dtype, allow_send=servers.allow_send, terms=servers.terms))
        answer = _answering(method)
        if not self._asks_server:
            answer(self.texts([_plain_row(self.columns, facts.task.kind, len(_WARM_UP))]))
        if not method.answers_in_parallel:
            return LoadedModel(lambda texts, _alone: answer(texts))
        import torch

        from bakeoff.workbench.threads import side_by_side

        def text_of(words: int) -> str:
            return self.texts([_plain_row(self.columns, facts.task.kind, words)])[0]

        return side_by_side(answer, self.threads or torch.get_num_threads(), text_of)

    @property
    def _asks_server(self) -> bool:
        from bakeoff.methods.registry import method_spec

        return method_spec(self.bundle.facts.contender.method).model == "server"

    def about(self) -> str:
        """Say in a few lines what is served: task, labels, model, and the score of its card."""
        from bakeoff.report.figures import clean_text
        from bakeoff.ship.card import given_line

        contender, task = self.bundle.facts.contender, self.task
        labels = ", ".join(map(clean_text, task.labels[:20]))
        more = f", and {len(task.labels) - 20} more" if len(task.labels) > 20 else ""
        model = f", on {clean_text(contender.model)}" if contender.model else ", without a pre-trained model"
        lines = [
            ("served", f"{clean_text(task.name)}: {clean_text(contender.name)}"),
            ("gives", given_line(task)),
            ("labels", labels + more),
            ("method", f"{contender.method} (version {clean_text(contender.version)}){model}"),
            ("score", clean_text(self.score) or "not told by its card"),
            ("bundle", f"{self.sha256[:12]}, written {clean_text(self.bundle.created)}"),
        ]
        return "".join(f"{name:<9}{value}\n" for name, value in lines if value)


def open_served(bundle: Path, servers: ServerUse | None = None, *, threads: int | None = None) -> Served:
    """Check a bundle, and whether its texts may go where it sends them; nothing is loaded yet.

    Parameters
    ----------
    bundle : Path
    servers : ServerUse, optional
        For a bundle that asks a server; told what 1,000 texts come to before any is sent.
    threads : int, optional

    Returns
    -------
    Served

    Raises
    ------
    BundleError, OptionError
        If the bundle cannot be used, or asks a host that was not allowed.
    """
    from bakeoff.ship import read_bundle
    from bakeoff.ship.card import score_told
    from bakeoff.ship.contents import CARD, MANIFEST, digest
    from bakeoff.study.sending import asking_of, sendings
    from bakeoff.workbench.sending import check_sending

    if threads is not None and threads < 1:
        raise OptionError(f"The model needs at least 1 thread; {threads} came.", next_step="Give --threads 1 or more.")
    shipped, servers = read_bundle(bundle), servers or ServerUse()
    example = [f"{number} " + "word " * (_TOLD_WORDS - 1) for number in range(_TOLD_TEXTS)]
    found = sendings([asking_of(shipped.facts.contender, example)], shipped.facts.task, servers.terms.prices)
    check_sending(found, servers.allow_send, servers.terms.limits)
    for each in found:
        servers.told(each)
    card = shipped.folder / CARD
    score = score_told(card.read_text(encoding="utf-8", errors="replace")) if card.is_file() else ""
    return Served(shipped, digest(shipped.folder / MANIFEST), score, servers, threads)


def _answering(method: Method) -> Callable[[Sequence[str]], list[Answer]]:
    """Give the function that answers texts, without probabilities that are not honest."""
    kind = method.task.kind
    honest = (method.honest_probabilities or method.some_probabilities) and kind in (*ONE_LABEL, "multi-label")

    def answer(texts: Sequence[str]) -> list[Answer]:
        answers = answer_rows(method, texts)
        return answers if honest else [replace(one, probabilities=None) for one in answers]

    return answer


def _plain_row(columns: Sequence[str], kind: str, words: int) -> list[Cell]:
    """Give a row of so many words in all."""
    own = tuple(_WARM_UP[place % len(_WARM_UP)] for place in range(max(1, words // len(columns))))
    return [own if kind == "tagging" else " ".join(own) for _ in columns]
