"""Classification by a server model that writes the label."""

from __future__ import annotations

import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bakeoff.errors import BundleError, ModelError, OptionError, TrialError
from bakeoff.methods.contract import Method
from bakeoff.methods.prompt.demos import choose_demonstrations
from bakeoff.methods.prompt.label_match import match_label
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_file, write_prompt_file
from bakeoff.methods.prompt.score_store import TIME_WAS_UP
from bakeoff.methods.prompt.server_probabilities import TOP_TOKENS, label_probabilities
from bakeoff.methods.prompt.template import Demonstration, PromptDesign, server_design_for
from bakeoff.records import Answer
from bakeoff.tasks import Task

if TYPE_CHECKING:
    from bakeoff.models.response_cache import ChatRequest
    from bakeoff.models.server import ServerAnswer, ServerModel

__all__ = ["ServerPrompt", "was_not_answered"]

#: Characters of an unreadable answer that its reason quotes.
_QUOTED = 80
#: How the reasons begin of rows whose call failed, or was not made.
_CALL_FAILED, _NOT_ASKED = "the call failed: ", "not asked: "
#: Share of calls that may fail before a trial says little about its prompt.
_MOST_FAILED = 0.05
_PROMPT_NAME = "prompt.yaml"


class ServerPrompt(Method):
    """A prompt whose answer is the label that a server model writes.

    Parameters
    ----------
    task : Task
    model : str
        The server: ``http://host:port/v1#model-name``.
    seed : int
        Of the choice and the order of demonstrations; passed on to the server, which need not heed it.
    shots : int
        Demonstrations, 0 or more; each is a turn of the conversation.

    Attributes
    ----------
    design_ : PromptDesign

    Notes
    -----
    An answer carries probabilities where the server tells the likeliest first tokens and these settle them
    (`bakeoff.methods.prompt.server_probabilities`). Since no row is sure to get them, there is no `predict_proba`.
    """

    honest_probabilities: ClassVar[bool] = False
    some_probabilities: ClassVar[bool] = True
    #: How the output is controlled, in the record of a fit.
    controlled_by: ClassVar[str] = "label read out of the answer"
    least_n: ClassVar[int] = 0
    needs_two_labels: ClassVar[bool] = False

    def __init__(self, task: Task, model: str, seed: int = 0, shots: int = 0) -> None:
        self.task = task
        self.model: str = model
        self.seed = seed
        self.shots = shots

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        if self.shots < 0:
            raise OptionError(f"shots must be 0 or more; {self.shots} came.", next_step="Give a number of rows.")
        self.design_ = self._made_design(texts, labels)
        rows = [each.row for each in self.design_.demonstrations]
        self._connect()
        messages = self.design_.messages("")
        self.details_ |= {
            "prompt": "\n\n".join(f"[{each['role']}]\n{each['content']}" for each in messages),
            "demonstrations": rows,
            "demonstrations_dropped": 0,
        }
        self.history_.append({"step": "design the prompt", "demonstrations": len(rows)})
        self.history_.append({"step": "control the output", "by": self.controlled_by})

    def _made_design(self, texts: list[str], labels: list[str]) -> PromptDesign:
        rows = choose_demonstrations(texts, labels, self.shots, self.seed)
        return server_design_for(self.task, tuple(Demonstration(row, texts[row], labels[row]) for row in rows))

    def _connect(self) -> None:
        from bakeoff.models.server import ServerModel, parse_server

        name, context = parse_server(self.model), self.context_
        self._server: ServerModel = ServerModel(
            name.url, name.model, allow_send=context.allow_send, terms=context.terms
        )
        # Connections stay open between rows, as a service would keep them, and end with this method.
        weakref.finalize(self, self._server.close)
        # Asks the server where no model was named, so a server that is not there is found before the rows.
        self.details_["server_model"] = self._server.model
        self.details_["calls"] = dict.fromkeys(("asked", "from_disk", "failed", "perhaps_billed"), 0)
        self.size_mb_ = 0.0

    def _answer(self, texts: list[str]) -> list[Answer]:
        stop = threading.Event()
        if "first_miss" not in self.details_:
            self.details_["first_miss"] = self._server.explain(self._request(texts[0]))
        with ThreadPoolExecutor(max_workers=min(self.context_.terms.most_at_a_time, len(texts))) as pool:
            futures = [pool.submit(self._ask, text, stop, len(texts) == 1) for text in texts]
            try:
                answers = [future.result() for future in futures]
            except ModelError as error:
                stop.set()
                raise TrialError(str(error)) from error
        self.details_["settings_refused"] = list(self._server.left_out)
        self._note_losses([answer.abstention for answer in answers if answer.abstention])
        # Calls that failed ran side by side, too; the others bring their own shares of the time.
        beside = min(self.context_.terms.most_at_a_time, len(texts))
        return [replace(a, seconds=a.seconds / beside) if _failed(a.abstention) else a for a in answers]

    def _note_losses(self, reasons: list[str]) -> None:
        """Mark as cut what the server or a limit kept from its answers: it says little about the prompt."""
        limits = [reason for reason in reasons if reason.startswith(_NOT_ASKED)]
        failed = [reason for reason in reasons if _failed(reason)]
        if TIME_WAS_UP in reasons:
            self.cut_ = True
        if limits:
            self.cut_, self.details_["cut_because"] = True, limits[0]
        elif self.details_["calls"]["failed"] > _MOST_FAILED * sum(
            self.details_["calls"][name] for name in ("asked", "from_disk", "failed")
        ):
            self.cut_, self.details_["cut_because"] = True, f"more than {_MOST_FAILED:.0%} of its calls failed"
            self.details_["cut_because"] += f", such as: {failed[0]}" if failed else ""

    def _settings(self) -> dict[str, Any]:
        return {
            "max_tokens": self._most_tokens(),
            "temperature": 0.0,
            "seed": self.seed,
            "top_logprobs": TOP_TOKENS,
        }

    def _request(self, text: str) -> ChatRequest:
        return self._server.request(self.design_.messages(text), **self._settings())

    def _ask(self, text: str, stop: threading.Event, alone: bool) -> Answer:
        from bakeoff.models.server import ServerFault

        deadline = self.context_.deadline
        if stop.is_set() or deadline.passed:
            return Answer(None, abstention=TIME_WAS_UP)
        began = time.perf_counter()
        try:
            found = self._server.complete(
                self.design_.messages(text),
                **self._settings(),
                # A row asked alone is a reading of latency; where that costs, the kept answer tells it.
                anew=alone and self._server.free,
                until=deadline.at,
            )
        except ServerFault as fault:
            if fault.reason == "limit":
                return Answer(None, abstention=f"{_NOT_ASKED}{fault.detail}")
            if deadline.left <= 0:
                return Answer(None, abstention=TIME_WAS_UP)
            self._count(None)
            return Answer(None, abstention=f"{_CALL_FAILED}{fault}", seconds=time.perf_counter() - began)
        except ModelError:
            stop.set()
            raise
        self._count(found)
        self.details_["model_reported"] = found.model_reported
        self.details_["tells_probabilities"] = self.details_.get("tells_probabilities", False) or bool(
            found.first_tokens
        )
        return self._read(found, alone)

    def _read(self, found: ServerAnswer, alone: bool) -> Answer:
        label = match_label(found.text, *self.design_.said_words())
        reason = None if label is not None else f"answer is no label: {' '.join(found.text.split())[:_QUOTED]!r}"
        return Answer(
            label,
            probabilities=label_probabilities(found.first_tokens, *self.design_.said_words(), label),
            abstention=reason,
            raw=found.text,
            tokens_in=found.tokens_in,
            tokens_out=found.tokens_out,
            seconds=found.seconds if alone else found.share_seconds,
        )

    def _most_tokens(self) -> int:
        # A token is two characters or more in nearly every language; a few are left for a full stop or a quote.
        longest = max(len(word) for word in (*self.design_.said_words()[1], *self.task.labels))
        return 8 + longest // 2

    def _count(self, found: ServerAnswer | None) -> None:
        """Charge a call; an answer from disk costs what it had cost, and is counted apart."""
        with _COUNTING:
            calls = dict(self.details_["calls"])  # a copy: who holds the details so far keeps them
            calls["failed" if found is None else "from_disk" if found.from_disk else "asked"] += 1
            if found is not None and not found.from_disk:
                calls["perhaps_billed"] += found.perhaps_billed
            self.details_["calls"] = calls
            self.usage_ = replace(
                self.usage_,
                calls=self.usage_.calls + 1,
                tokens_cached=self.usage_.tokens_cached + (found.cached_tokens if found is not None else 0),
                money=self.usage_.money + ((found.money or 0.0) if found is not None else 0.0),
            )

    def _save(self, folder: Path) -> None:
        write_prompt_file(folder / _PROMPT_NAME, PromptFile(self.design_, "generated", model=self.model))

    def _load(self, folder: Path) -> None:
        prompt = read_prompt_file(folder / _PROMPT_NAME)
        if prompt.model != self.model or set(prompt.design.labels) != set(self.task.labels):
            raise BundleError(
                f"The prompt was made for {prompt.model} and other labels or another server than {self.model}.",
                next_step="Load it with the parameters it was saved with.",
            )
        self.design_ = prompt.design.in_order(self.task.labels)
        self._connect()


_COUNTING = threading.Lock()


def was_not_answered(reason: str | None) -> bool:
    """Say whether an abstention comes of a row that got no reply: its call failed, or was not made."""
    return reason == TIME_WAS_UP or _failed(reason) or (reason is not None and reason.startswith(_NOT_ASKED))


def _failed(reason: str | None) -> bool:
    return reason is not None and reason.startswith(_CALL_FAILED)
