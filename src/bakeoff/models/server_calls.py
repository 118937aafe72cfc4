"""One call to a server, through all its tries: wait for a turn, set the price aside, send, read, settle."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bakeoff.catalog.prices import FREE, ModelPrice
from bakeoff.errors import ModelError
from bakeoff.models.server_answer import ServerAnswer, read_answer
from bakeoff.models.server_connection import Reply, ServerConnection
from bakeoff.models.server_faults import ServerFault, fault_of_status
from bakeoff.models.server_ledger import Ledger, Spent
from bakeoff.models.server_pace import AdaptivePace, RetryPolicy, asked_wait

__all__ = ["Call", "Caller"]

#: Settings that some servers refuse, and what is sent instead; None leaves the setting out.
_REFUSED: dict[str, str | None] = {
    "top_logprobs": None,
    "logprobs": None,
    "max_tokens": "max_completion_tokens",
    "seed": None,
    "temperature": None,
}
#: Seconds that asking for the list of models may take.
_LIST_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be sent, and within which bounds.

    Parameters
    ----------
    fields : mapping
        JSON values.
    most : Spent
        The most that one try can take.
    price : ModelPrice or None
        None where not known.
    seconds : float
        That one try may take.
    until : float
        On the clock of `time.monotonic`: no try outlasts it.
    """

    fields: Mapping[str, Any]
    most: Spent
    price: ModelPrice | None
    seconds: float
    until: float


@dataclass(slots=True)
class Caller:
    """Makes calls to one server.

    Parameters
    ----------
    connection : ServerConnection
    pace : AdaptivePace
    ledger : Ledger
    policy : RetryPolicy
    """

    connection: ServerConnection
    pace: AdaptivePace
    ledger: Ledger
    policy: RetryPolicy
    refused: tuple[str, ...] = ()
    #: Of waits alone; no answer depends on it.
    _chance: random.Random = field(default_factory=random.Random, repr=False)

    def list_models(self) -> tuple[str, ...]:
        """Ask for the names of the server's models.

        Returns
        -------
        tuple of str
            May be empty.

        Raises
        ------
        ServerFault, ModelError
            If it does not tell them, after the retries.
        """
        failures = 0
        while True:
            try:
                reply = self.connection.exchange("GET", "/models", None, _LIST_SECONDS)
                return _listed(self.connection.url, reply)
            except ServerFault as fault:
                failures += 1
                self._wait(fault, failures, float("inf"))

    def make(self, call: Call, keep: Callable[[ServerAnswer], None]) -> ServerAnswer:
        """Make a call, trying again where that may help.

        Parameters
        ----------
        call : Call
        keep : callable
            Given the answer before its price is settled, so that a process that ends between the two has lost none.

        Returns
        -------
        ServerAnswer

        Raises
        ------
        ServerFault
            If the tries failed, or a limit could be passed.
        ModelError
            If no call can succeed.
        """
        failures = perhaps_billed = 0
        while True:
            try:
                return self._tried(call, perhaps_billed, keep)
            except ServerFault as fault:
                if self._adapted(fault):
                    continue
                failures += 1
                perhaps_billed += fault.perhaps_billed
                self._wait(fault, failures, call.until)

    def _wait(self, fault: ServerFault, failures: int, until: float) -> None:
        """Wait before the next try; raise the fault where there is none."""
        wait = self.policy.wait(failures, fault.wait, self._chance) if fault.passing else None
        if wait is None or time.monotonic() + wait >= until:
            raise fault
        time.sleep(wait)

    def _tried(self, call: Call, perhaps_billed: int, keep: Callable[[ServerAnswer], None]) -> ServerAnswer:
        passage = self.pace.enter(call.until)
        if passage is None:
            raise ServerFault("timeout", "the time was up before the call's turn")
        try:
            place = self.ledger.reserve(call.most)
            answer = self._settled_if_lost(place, call)
        except BaseException as error:
            fault = error if isinstance(error, ServerFault) else None
            overload = fault is not None and fault.overload
            pause = min(fault.wait or 0.0, self.policy.longest_asked) if fault is not None else 0.0
            self.pace.leave(passage, "overload" if overload else "other", pause)
            raise
        self.pace.leave(passage, "good")
        counted = answer.tokens_in + answer.tokens_out > 0
        money = call.price.of(*answer.tokens) if call.price is not None and (counted or call.price == FREE) else None
        answer = replace(
            answer,
            seconds=passage.seconds,
            share_seconds=passage.share,
            money=money,
            perhaps_billed=perhaps_billed,
        )
        keep(answer)
        self.ledger.settle(place, answer.tokens_in + answer.tokens_out if counted else None, money)
        return answer

    def _settled_if_lost(self, place: str, call: Call) -> ServerAnswer:
        """Send; give back what was set aside where the call failed and cannot have been charged."""
        try:
            return self._sent(call)
        except ModelError:
            self.ledger.settle(place, 0, 0.0)
            raise
        except ServerFault as fault:
            billed = fault.perhaps_billed
            self.ledger.settle(place, None if billed else 0, None if billed else 0.0)
            raise

    def _sent(self, call: Call) -> ServerAnswer:
        seconds = min(call.seconds, max(call.until - time.monotonic(), 0.05))
        reply = self.connection.exchange("POST", "/chat/completions", _accepted(call.fields, self.refused), seconds)
        body = _body(reply)
        if reply.status < 300:
            if isinstance(body, str):
                detail = "the answer is no whole JSON" if body.strip() else "the answer is empty"
                raise ServerFault("broken-answer", detail, passing=True, overload=True, perhaps_billed=True)
            if not (isinstance(body, Mapping) and body.get("error")):
                return read_answer(body)
        status = reply.status if reply.status >= 300 else _status_inside(body)
        raise fault_of_status(
            self.connection.url, str(call.fields.get("model")), status, body, asked_wait(reply.headers)
        )

    def _adapted(self, fault: ServerFault) -> bool:
        """Note a setting that the server does not take, so that the call can be made without it."""
        if fault.reason != "refused-request":
            return False
        for name in _REFUSED:
            if name in fault.detail and name not in self.refused:
                self.refused = (*self.refused, name)
                return True
        return False


def _accepted(fields: Mapping[str, Any], refused: Sequence[str]) -> dict[str, Any]:
    """Leave out or rename the settings that the server does not take."""
    sent: dict[str, Any] = {}
    for name, value in fields.items():
        kept = _REFUSED[name] if name in refused else name
        if kept is not None:
            sent[kept] = value
    if not ("logprobs" in sent and "top_logprobs" in sent):  # one without the other tells nothing
        sent.pop("logprobs", None)
        sent.pop("top_logprobs", None)
    return sent


def _body(reply: Reply) -> Any:
    """Give the JSON values of a reply, or its text where it is no whole JSON."""
    try:
        return json.loads(reply.text)
    except ValueError:
        return reply.text


def _status_inside(body: Mapping[str, Any]) -> int:
    """Read the status of an error that came with a good status, as relays send it."""
    error = body.get("error")
    code = error.get("code") if isinstance(error, Mapping) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 500


def _listed(url: str, reply: Reply) -> tuple[str, ...]:
    body = _body(reply)
    if reply.status >= 300:
        raise fault_of_status(url, None, reply.status, body, asked_wait(reply.headers))
    try:
        return tuple(str(each["id"]) for each in body["data"])
    except (TypeError, KeyError):
        raise ServerFault("broken-answer", "its list of models cannot be read") from None
