"""What a server answered: text, tokens by its own count, and the likeliest first tokens where it tells them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bakeoff.models.server_faults import ServerFault

__all__ = ["ServerAnswer", "read_answer"]


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
        Of the try that succeeded, from the request to the whole answer.
    share_seconds : float
        Its share of that time, where several calls were under way.
    model_reported : str
        The model's name in the answer.
    finish_reason : str
        Such as ``"stop"``, or ``"length"`` where the answer was cut.
    first_tokens : tuple of (str, float)
        The likeliest first tokens with their log-probabilities, those of the token that was written first; empty where
        the server does not tell.
    refusal : str
        What the model said where it refused; else empty.
    money : float or None
        Price of the call; None where not known.
    perhaps_billed : int
        Tries before it that failed but that the server may have charged for.
    from_disk : bool
        Whether it was kept from an earlier call; figures are then those of that call.
    """

    text: str
    tokens_in: int
    tokens_out: int
    cached_tokens: int
    seconds: float
    model_reported: str
    finish_reason: str
    share_seconds: float = 0.0
    first_tokens: tuple[tuple[str, float], ...] = ()
    refusal: str = ""
    money: float | None = None
    perhaps_billed: int = 0
    from_disk: bool = False

    @property
    def tokens(self) -> tuple[int, int, int]:
        """Tokens read, written, and read from what the server had kept."""
        return self.tokens_in, self.tokens_out, self.cached_tokens

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> ServerAnswer:
        """Rebuild an answer that was kept on disk.

        Raises
        ------
        TypeError
            If another version wrote it.
        """
        first = tuple((str(token), float(chance)) for token, chance in told.get("first_tokens", ()))
        return cls(**{**told, "first_tokens": first, "from_disk": True})


def read_answer(body: Any) -> ServerAnswer:
    """Read the body of a chat completion.

    Parameters
    ----------
    body : object
        JSON values.

    Returns
    -------
    ServerAnswer
        Seconds and money left out.

    Raises
    ------
    ServerFault
        If it holds no message.
    """
    told: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    choices = told.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, Mapping) else None
    if not isinstance(first, Mapping) or not isinstance(message, Mapping):
        raise ServerFault("no-answer", "the answer holds no message", perhaps_billed=True)
    content, refusal = message.get("content"), message.get("refusal")
    if content is not None and not isinstance(content, str):
        raise ServerFault("no-answer", "the answer's message holds no text", perhaps_billed=True)
    usage = _mapping(told.get("usage"))
    return ServerAnswer(
        text=content or "",
        tokens_in=_count(usage.get("prompt_tokens")),
        tokens_out=_count(usage.get("completion_tokens")),
        cached_tokens=_count(_mapping(usage.get("prompt_tokens_details")).get("cached_tokens")),
        seconds=0.0,
        model_reported=str(told.get("model") or ""),
        finish_reason=str(first.get("finish_reason") or ""),
        first_tokens=_first_tokens(_mapping(first.get("logprobs"))),
        refusal=str(refusal or ""),
    )


def _first_tokens(logprobs: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    places = logprobs.get("content")
    if not isinstance(places, list) or not places or not isinstance(places[0], Mapping):
        return ()
    top = places[0].get("top_logprobs")
    found: dict[str, float] = {}
    for each in (places[0], *(top if isinstance(top, list) else ())):
        chance = each.get("logprob") if isinstance(each, Mapping) else None
        # A token that cannot be is told as a large negative number, which is as good as none.
        if isinstance(chance, int | float) and math.isfinite(chance) and chance <= 1e-6:
            found.setdefault(str(each.get("token")), min(float(chance), 0.0))
    return tuple(found.items())


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: object) -> int:
    return max(int(value), 0) if isinstance(value, int | float) and math.isfinite(value) else 0
