"""The short way to an answer: a request of the plain form is read and answered without the steps of a framework.

FastAPI looks for a route, resolves what its function depends on, reads the body into plain values, and checks these.
That takes longer than all else that is done for a short text. Here the body is read into the request's type at once, by
the same type. What is not of the plain form, and all that has a fault, goes on to the app with its body, so that there
is one place which says what is wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["DirectPredict"]

#: Others are read by the app, which knows of parameters and of further types.
_PLAIN_TYPES = frozenset({b"application/json", b"application/json; charset=utf-8"})

Answer = Callable[[Any, dict[str, Any], "Receive"], Awaitable[Response]]


class DirectPredict:
    """Answer ``POST /predict`` where its body is of the plain form, and hand on everything else.

    Parameters
    ----------
    app : ASGI application
    request : type of pydantic model
        Of the body.
    answer : callable
        Gives the response to such a body; told the state of the request, and how to receive what follows its body.
    """

    def __init__(self, app: ASGIApp, *, request: type[BaseModel], answer: Answer) -> None:
        self.app, self.request, self.answer = app, request, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != "/predict" or not _is_plain(scope):
            await self.app(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1].get("more_body", False):
            messages.append(await receive())
        try:
            # One that has gone amid its body has sent no JSON.
            body = self.request.model_validate_json(b"".join(one.get("body", b"") for one in messages))
        except ValidationError:
            await self.app(scope, _once_more(messages, receive), send)
            return
        response = await self.answer(body, scope["state"], receive)
        await response(scope, receive, send)


def _is_plain(scope: Scope) -> bool:
    return [value.lower() in _PLAIN_TYPES for name, value in scope["headers"] if name == b"content-type"] == [True]


def _once_more(messages: list[Message], receive: Receive) -> Receive:
    """Give what receives some messages again, and then what follows."""
    left = iter(messages)

    async def receiving() -> Message:
        for message in left:
            return message
        return await receive()

    return receiving
