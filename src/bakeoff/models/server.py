"""Servers that speak the OpenAI API: hosted models, and llama.cpp, vLLM or Ollama on this machine.

Texts leave this machine only for hosts that were allowed by name. An answer is on disk before its call is settled:
nothing that was paid for is asked for again.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bakeoff.catalog.prices import FREE, ModelPrice
from bakeoff.catalog.servers import ServerName, parse_server
from bakeoff.catalog.terms import ServerTerms
from bakeoff.errors import ModelError, OptionError
from bakeoff.models.response_cache import ChatRequest, OneAtATime, ResponseCache
from bakeoff.models.server_answer import ServerAnswer
from bakeoff.models.server_calls import Call, Caller
from bakeoff.models.server_connection import ServerConnection
from bakeoff.models.server_faults import ServerFault
from bakeoff.models.server_ledger import Spent, ledger_of
from bakeoff.models.server_pace import RetryPolicy, pace_of

__all__ = ["ServerAnswer", "ServerFault", "ServerModel", "ServerName", "parse_server"]

#: Tokens that a chat template may add to a call: a system message of its own, and marks around each message.
_TEMPLATE_TOKENS, _MESSAGE_TOKENS = 256, 16
_ASKING = OneAtATime()


class ServerModel:
    """A model behind an OpenAI-compatible chat endpoint.

    Parameters
    ----------
    url : str
        Base address, such as ``http://localhost:8080/v1``.
    model : str, optional
        The model's name. Default: the server's first one, asked for at the first need.
    allow_send : frozenset of str
        Hosts other than this machine that texts may be sent to.
    terms : ServerTerms, optional
        Prices, limits, and calls at a time.
    timeout : float
        Seconds that one try may take.
    retries : int or RetryPolicy
        Further tries after a time-out, a lost connection, a broken answer, "too many requests" or a server's fault.

    Raises
    ------
    OptionError
        If the address is none, its host is not this machine and not allowed, or a limit on money cannot be kept since
        the model's price is not known.
    MissingExtraError
        If the `server` extra is not installed.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        *,
        allow_send: frozenset[str] = frozenset(),
        terms: ServerTerms | None = None,
        timeout: float = 120.0,
        retries: int | RetryPolicy = 5,
    ) -> None:
        self.terms = terms or ServerTerms()
        connection = ServerConnection(url, allow_send=allow_send)
        self.url = connection.url
        self._model = model
        self._timeout = timeout
        self._cache = ResponseCache()
        self._caller = Caller(
            connection,
            pace_of(self.url, self.terms.most_at_a_time),
            ledger_of(self.terms.journal, self.terms.limits, self.terms.prices.currency),
            retries if isinstance(retries, RetryPolicy) else RetryPolicy(retries),
        )

    @property
    def free(self) -> bool:
        """Whether calls cost nothing."""
        return self.price == FREE

    @property
    def model(self) -> str:
        """Name of the model; asks the server where none was given."""
        if self._model is None:
            self._model = self.list_models()[0]
        return self._model

    @property
    def price(self) -> ModelPrice | None:
        """The model's price; nothing on this machine, and None where not known."""
        return self.terms.prices.price_of(self.url, self.model)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Settings that the server refused and that are no longer sent as they were meant."""
        return self._caller.refused

    def close(self) -> None:
        """Close the connections."""
        self._caller.connection.close()

    def spent(self) -> Spent:
        """Give what the run's calls have taken so far, to this server and to others."""
        return self._caller.ledger.total()

    def list_models(self) -> tuple[str, ...]:
        """Ask the server for the names of its models.

        Returns
        -------
        tuple of str
            At least one.

        Raises
        ------
        ModelError
            If the server cannot be reached, refuses the key, or has no model.
        """
        try:
            found = self._caller.list_models()
        except ServerFault as fault:
            raise ModelError(
                f"The server {self.url} does not list its models: {fault}.",
                next_step="Name the model: http://host:port/v1#model-name.",
            ) from None
        if not found:
            raise ModelError(f"The server {self.url} has no model.", next_step="Load a model in the server.")
        return found

    def request(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int | None = None,
        top_logprobs: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> ChatRequest:
        """Give what a call asks, by which its answer is kept.

        Parameters
        ----------
        messages : sequence of mapping
            Each with ``role`` and ``content``.
        max_tokens : int
            Most tokens of the answer.
        temperature : float
            0 for the likeliest tokens.
        seed : int, optional
            Passed on; servers are not bound by it.
        top_logprobs : int
            Likeliest tokens to be told at each place, 0 to 20; servers may not offer it.
        settings : mapping, optional
            Further fields of the request, such as ``response_format``.

        Returns
        -------
        ChatRequest
        """
        told: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature}
        if seed is not None:
            told["seed"] = seed
        if top_logprobs:
            told |= {"logprobs": True, "top_logprobs": top_logprobs}
        told |= settings or {}
        pairs = tuple((str(each["role"]), str(each["content"])) for each in messages)
        return ChatRequest(self.url, self.model, pairs, tuple(told.items()))

    def explain(self, request: ChatRequest) -> str:
        """Say whether a call would find its answer on disk, and why not."""
        return self._cache.explain(request)

    def complete(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int | None = None,
        top_logprobs: int = 0,
        settings: Mapping[str, Any] | None = None,
        anew: bool = False,
        until: float = math.inf,
    ) -> ServerAnswer:
        """Ask for the next message of a conversation, or take the answer that was kept.

        Parameters
        ----------
        messages, max_tokens, temperature, seed, top_logprobs, settings
            As for `request`.
        anew : bool
            Whether to ask even where the answer was kept.
        until : float
            On the clock of `time.monotonic`: no try outlasts it.

        Returns
        -------
        ServerAnswer

        Raises
        ------
        ServerFault
            If this call failed after the retries, the model refused, or a limit could be passed.
        ModelError
            If no call can succeed: no connection, a refused key, an unknown model.
        """
        request = self.request(
            messages,
            max_tokens=max_tokens,
            temperature=temperature,
            seed=seed,
            top_logprobs=top_logprobs,
            settings=settings,
        )
        call = Call(self._fields(request), self._most(request, max_tokens), self.price, self._timeout, until)
        if anew:
            return _unless_refused(self._caller.make(call, lambda answer: self._keep(request, answer)))
        with _ASKING(request.key):
            kept = self._kept(request)
            return _unless_refused(kept or self._caller.make(call, lambda answer: self._keep(request, answer)))

    def _keep(self, request: ChatRequest, answer: ServerAnswer) -> None:
        with contextlib.suppress(OSError):  # a full disk: the answer is still one
            self._cache.write(request, asdict(answer))

    def _kept(self, request: ChatRequest) -> ServerAnswer | None:
        found = self._cache.read(request)
        with contextlib.suppress(TypeError):  # written by another version: asked again
            return None if found is None else ServerAnswer.from_json(found)
        return None

    def _fields(self, request: ChatRequest) -> dict[str, Any]:
        fields = request.facts()
        del fields["server"]
        return fields

    def _most(self, request: ChatRequest, max_tokens: int) -> Spent:
        """Give the most that one call can take: no tokenizer makes more tokens than a text has bytes."""
        # Servers may read a schema or a grammar as part of the prompt.
        told = len(json.dumps(dict(request.settings)).encode())
        sent = sum(_MESSAGE_TOKENS + len(content.encode()) for _role, content in request.messages)
        read = _TEMPLATE_TOKENS + told + sent
        price = self.price
        if price is None and self.terms.limits.money is not None:
            table = self.terms.prices.file or "prices.yaml"
            raise OptionError(
                f"The price of {self.model!r} at {self.url} is not known, so --limit money cannot be kept.",
                next_step=f"Add the model to the price table {table}, or name another table with --prices.",
            )
        return Spent(1, read + max_tokens, 0.0 if price is None else price.at_most(read, max_tokens))


def _unless_refused(answer: ServerAnswer) -> ServerAnswer:
    if answer.refusal:
        raise ServerFault("refused-by-model", answer.refusal)
    return answer
