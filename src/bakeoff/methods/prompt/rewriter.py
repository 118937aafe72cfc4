"""Ask a strong model of the user's for better instructions, and refuse what is of no use."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bakeoff.errors import ModelError
from bakeoff.methods.prompt.copied import copied_words
from bakeoff.methods.prompt.reflection import MOST_WORDS, REPLY_FORMAT, read_instruction, reflection_messages
from bakeoff.methods.prompt.template import PromptDesign

if TYPE_CHECKING:
    from bakeoff.models.server import ServerAnswer, ServerModel

__all__ = ["PART", "Rewriter", "Rewrites"]

#: gepa's name for the one part that is rewritten.
PART = "instruction"
#: Hot, so that two rewrites from the same rows differ (the setting of Agrawal et al. 2025, appendix on reflection).
_TEMPERATURE = 1.0
#: Failed calls in a row (each tried several times) after which no more are made.
_MOST_FAILED = 3
#: Characters of an unreadable reply that its reason quotes.
_QUOTED = 60


@dataclass(slots=True)
class Rewrites:
    """What became of the rewrites that were asked for.

    Parameters
    ----------
    asked : int
        Replies asked for, those that were kept from before included.
    from_disk : int
        Of these, replies that were kept from before.
    refused : dict of str to int
        Replies that were thrown away, by the reason: ``"copied"``, ``"unusable"``, ``"repeated"``, ``"failed"``.
    reasons : list of str
        The reason of each in a sentence.
    """

    asked: int = 0
    from_disk: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)

    def refuse(self, kind: str, reason: str) -> None:
        """Count a reply that is thrown away."""
        self.refused[kind] = self.refused.get(kind, 0) + 1
        self.reasons.append(reason)


class Rewriter:
    """Proposes instructions, one call to the server each.

    Parameters
    ----------
    server : ServerModel
    design : PromptDesign
        Whose instruction is rewritten.
    texts : sequence of str
        All labelled texts, shown ones and demonstrations included; no instruction may copy from them.
    most_tokens : int
        Of a reply.
    seed : int
        Passed on; the reply to the same rows and seed is asked for once, and then taken from disk.
    until : float
        On the clock of `time.monotonic`: no call outlasts it.

    Attributes
    ----------
    rewrites : Rewrites
    stopped : str or None
        Why no more can be asked for.
    failure : ModelError or None
        Why no call can succeed.
    slowest : float
        Seconds that the longest call took.
    """

    def __init__(
        self,
        server: ServerModel,
        design: PromptDesign,
        texts: Sequence[str],
        *,
        most_tokens: int,
        seed: int = 0,
        until: float = math.inf,
    ) -> None:
        self._server = server
        self._design = design
        self._texts = tuple(texts)
        self._most_tokens = most_tokens
        self._seed = seed
        self._until = until
        self._allowed = (design.instruction, *design.definitions, *design.words)
        self._said = {_folded(design.instruction)}
        self._held = True
        self._failed_in_a_row = 0
        self.rewrites = Rewrites()
        self.stopped: str | None = None
        self.failure: ModelError | None = None
        self.slowest = 0.0

    def propose(
        self,
        candidate: Mapping[str, str],
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        _parts: Sequence[str],
    ) -> dict[str, str]:
        """Give a rewritten instruction, as gepa asks for one.

        Parameters
        ----------
        candidate : mapping
            The instruction that the rows were answered with, under `PART`.
        reflective_dataset : mapping
            What was answered, under `PART`.
        _parts : sequence of str
            `PART` alone.

        Returns
        -------
        dict
            Empty where there is none: the reply was of no use, or a limit or the time ends it.
        """
        from bakeoff.models.server_faults import ServerFault

        # gepa catches exceptions here and asks again at once; what ends the work is noted, and raised behind it.
        if self.stopped is not None or self.failure is not None:
            return {}
        began = time.monotonic()
        try:
            reply = self._reply(reflection_messages(self._design, candidate[PART], reflective_dataset[PART]))
        except ModelError as failure:
            self.failure = failure
            return {}
        except ServerFault as fault:
            self._note_fault(fault)
            return {}
        finally:
            self.slowest = max(self.slowest, time.monotonic() - began)
        self._failed_in_a_row = 0
        self.rewrites.asked += 1
        self.rewrites.from_disk += reply.from_disk
        instruction = self._usable(reply)
        return {} if instruction is None else {PART: instruction}

    def _reply(self, messages: Sequence[Mapping[str, str]]) -> ServerAnswer:
        from bakeoff.models.server_faults import ServerFault

        seed = 1000 * self._seed + self.rewrites.asked
        while True:
            try:
                return self._server.complete(
                    messages,
                    max_tokens=self._most_tokens,
                    temperature=_TEMPERATURE,
                    seed=seed,
                    settings={"response_format": REPLY_FORMAT} if self._held else None,
                    until=self._until,
                )
            except ServerFault as fault:
                # A server that knows no JSON Schema is asked without: the message says the form, too.
                if not self._held or fault.reason != "refused-request":
                    raise
                self._held = False

    def _note_fault(self, fault: Any) -> None:
        if fault.reason == "limit":
            self.stopped = str(fault.detail)
            return
        if time.monotonic() >= self._until:
            self.stopped = "--time-limit is up"
            return
        self.rewrites.asked += 1
        self.rewrites.refuse("failed", f"the call failed: {fault}")
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= _MOST_FAILED:
            self.stopped = f"{_MOST_FAILED} calls failed one after another, the last: {fault}"

    def _usable(self, reply: ServerAnswer) -> str | None:
        """Read the reply's instruction; None, with the reason noted, where it is of no use."""
        instruction = read_instruction(reply.text)
        if instruction is None:
            cut = "it was cut at its most tokens" if reply.finish_reason == "length" else "it holds no instruction"
            self.rewrites.refuse("unusable", f"{cut}: {' '.join(reply.text.split())[:_QUOTED]!r}")
        elif len(instruction.split()) > MOST_WORDS:
            self.rewrites.refuse("unusable", f"it has {len(instruction.split())} words, more than {MOST_WORDS}")
        elif _folded(instruction) in self._said:
            self.rewrites.refuse("repeated", "it was said before")
        elif (words := copied_words(instruction, self._texts, self._allowed)) is not None:
            self.rewrites.refuse("copied", f"it copies a labelled text: {words!r}")
        else:
            self._said.add(_folded(instruction))
            return instruction
        return None


def _folded(instruction: str) -> str:
    return " ".join(instruction.casefold().split())
