"""Servers that speak the OpenAI API: hosted models, and llama.cpp, vLLM or Ollama on this machine.

Texts leave this machine only for hosts that were allowed by name. The key is read from the environment at each
start, and is neither kept in a record nor shown.
"""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bakeoff.errors import BakeoffError, ModelError, OptionError
from bakeoff.extras import require

__all__ = ["ServerAnswer", "ServerFault", "ServerModel", "ServerName", "parse_server"]

_FORM = "http://host:port/v1#model-name"


@dataclass(frozen=True, slots=True)
class ServerName:
    """A server and one of its models.

    Attributes
    ----------
    url : str
        Base address, such as ``http://localhost:8080/v1``, without a slash at its end.
    model : str or None
        The model's name there; None for the only one.
    """

    url: str
    model: str | None


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """One answer of a server.

    Attributes
    ----------
    text : str
        What the model wrote.
    tokens_in, tokens_out, cached_tokens : int
        As the server counted them; `cached_tokens` is the part of `tokens_in` that it had kept. 0 where it says
        nothing.
    seconds : float
        From the request to the whole answer, retries included.
    model_reported : str
        The model's name in the answer.
    finish_reason : str
        Such as ``"stop"``, or ``"length"`` where the answer was cut.
    """

    text: str
    tokens_in: int
    tokens_out: int
    cached_tokens: int
    seconds: float
    model_reported: str
    finish_reason: str


class ServerFault(BakeoffError):  # noqa: N818
    """One call failed and the next one may not: the row becomes an abstention with this reason.

    Parameters
    ----------
    reason : {"timeout", "rate-limit", "server-error", "refused-request", "refused-by-model", "no-answer"}
        What kind of failure it was.
    detail : str
        What the server said.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


def parse_server(spec: str) -> ServerName:
    """Read a server's address and model name.

    Parameters
    ----------
    spec : str
        ``http://host:port/v1#model-name``; the part from ``#`` on may be left out.

    Returns
    -------
    ServerName

    Raises
    ------
    OptionError
        If it is not an http or https address, or holds a password.
    """
    url, _, model = spec.strip().partition("#")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise OptionError(f"{url!r} is not an address: {error}.", next_step=f"Write {_FORM}.") from error
    if parts.username is not None or parts.password is not None:
        # Not repeated in the message, which may end in a log.
        raise OptionError(
            "A server's address must not hold a name or a password.",
            next_step="Put the key into the environment variable OPENAI_API_KEY.",
        )
    if parts.scheme not in ("http", "https") or not host or parts.query:
        raise OptionError(f"A server is named by an http or https address, got {spec!r}.", next_step=f"Write {_FORM}.")
    return ServerName(url.rstrip("/"), model or None)


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
    timeout : float
        Seconds that one try may take.
    retries : int
        Further tries after a time-out, a lost connection, "too many requests" or a server's fault.

    Raises
    ------
    OptionError
        If the address is none, or its host is not this machine and not allowed.
    MissingExtraError
        If the `server` extra is not installed.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        *,
        allow_send: frozenset[str] = frozenset(),
        timeout: float = 120.0,
        retries: int = 2,
    ) -> None:
        self.url = parse_server(url).url
        host = str(urlsplit(self.url).hostname)
        here = _is_loopback(host)
        if not here and host.lower() not in {each.lower() for each in allow_send}:
            raise OptionError(
                f"The texts would be sent to {host}, which is not this machine and was not allowed.",
                next_step=f"If they may be sent there, add: --allow-send {host}",
            )
        self._openai = require("openai", extra="server", purpose="Server models")
        httpx = require("httpx", extra="server", purpose="Server models")
        self._client = self._openai.OpenAI(
            base_url=self.url,
            api_key=os.environ.get("OPENAI_API_KEY") or "none",
            max_retries=retries,
            # A redirect could carry texts to a host that was not allowed; a proxy is not asked about this machine.
            http_client=httpx.Client(
                timeout=httpx.Timeout(timeout, connect=min(10.0, timeout)),
                follow_redirects=False,
                trust_env=not here,
            ),
        )
        self._model = model

    @property
    def model(self) -> str:
        """Name of the model; asks the server where none was given."""
        if self._model is None:
            self._model = self.list_models()[0]
        return self._model

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

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
            found = tuple(str(each.id) for each in self._client.models.list())
        except self._openai.OpenAIError as error:
            fault = self._translated(error)
            if isinstance(fault, ModelError):
                raise fault from error
            raise ModelError(
                f"The server {self.url} does not list its models: {fault}.",
                next_step=f"Name the model: {_FORM}.",
            ) from error
        if not found:
            raise ModelError(f"The server {self.url} has no model.", next_step="Load a model in the server.")
        return found

    def complete(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int | None = None,
    ) -> ServerAnswer:
        """Ask for the next message of a conversation.

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

        Returns
        -------
        ServerAnswer

        Raises
        ------
        ServerFault
            If this call failed after the retries, or the model refused.
        ModelError
            If no call can succeed: no connection, a refused key, an unknown model.
        """
        model = self.model
        began = time.perf_counter()
        settings: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature}
        if seed is not None:
            settings["seed"] = seed
        try:
            found = self._client.chat.completions.create(
                model=model, messages=[dict(each) for each in messages], **settings
            )
        except self._openai.OpenAIError as error:
            raise self._translated(error) from error
        return _answer(found, time.perf_counter() - began)

    def _translated(self, error: Exception) -> ModelError | ServerFault:
        """Tell failures of one call from those of the server or its settings."""
        api = self._openai
        detail = str(getattr(error, "message", error))
        if isinstance(error, api.APITimeoutError):
            return ServerFault("timeout", detail)
        if isinstance(error, api.APIConnectionError):
            return ModelError(
                f"The server {self.url} cannot be reached.", next_step="Start it, or check host and port."
            )
        if isinstance(error, (api.AuthenticationError, api.PermissionDeniedError)):
            return ModelError(
                f"The server {self.url} refuses the key.",
                next_step="Put a valid key into the environment variable OPENAI_API_KEY.",
            )
        if isinstance(error, api.NotFoundError):
            return ModelError(
                f"The server {self.url} does not know the model {self._model!r}, or has no chat endpoint there.",
                next_step=f"Check the address and the model's name: {_FORM}.",
            )
        status = int(getattr(error, "status_code", 0))
        if 300 <= status < 400:
            return ModelError(
                f"The server {self.url} answers with a redirect, which is not followed.",
                next_step="Give the address it leads to, if texts may be sent there.",
            )
        if isinstance(error, api.RateLimitError):
            return ServerFault("rate-limit", detail)
        return ServerFault("refused-request" if 400 <= status < 500 else "server-error", detail)


def _answer(found: Any, seconds: float) -> ServerAnswer:
    choices = getattr(found, "choices", None)
    if not choices:
        raise ServerFault("no-answer", "the answer holds no choice")
    first = choices[0]
    refusal = getattr(first.message, "refusal", None)
    if refusal:
        raise ServerFault("refused-by-model", str(refusal))
    usage = getattr(found, "usage", None)
    details = getattr(usage, "prompt_tokens_details", None)
    return ServerAnswer(
        text=first.message.content or "",
        tokens_in=int(getattr(usage, "prompt_tokens", 0) or 0),
        tokens_out=int(getattr(usage, "completion_tokens", 0) or 0),
        cached_tokens=int(getattr(details, "cached_tokens", 0) or 0),
        seconds=seconds,
        model_reported=str(getattr(found, "model", "") or ""),
        finish_reason=str(first.finish_reason or ""),
    )


def _is_loopback(host: str) -> bool:
    """Say whether a host is this machine by its name or number, without asking a name server."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
