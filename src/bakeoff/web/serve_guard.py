"""What stands before a served bundle: who may ask, how much and how long; and what is written down of each request."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.responses import Response

from bakeoff.web.guard import limited, same_secret

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from bakeoff.web.serve_schema import ServeLimits

__all__ = ["ServeGuard", "fault"]

_LOG = logging.getLogger("bakeoff.serve")
_PATHS = frozenset({"/", "/predict", "/healthz", "/metrics", "/openapi.json"})
#: Asked by what watches over a server, which seldom has a key.
_OPEN = frozenset({"/healthz"})
_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


def fault(status: int, error: str, next_step: str | None = None, headers: dict[str, str] | None = None) -> Response:
    """Give the answer to a request that is refused.

    Parameters
    ----------
    status : int
    error, next_step : str
        What is allowed and what came, and what to do about it.
    headers : dict, optional

    Returns
    -------
    Response
    """
    told = json.dumps({"error": error, "next_step": next_step}).encode()
    return Response(told + b"\n", status, headers, media_type="application/json")


class ServeGuard:
    """Let through whom the server answers, and note what each request came to, without what it held.

    Parameters
    ----------
    app : ASGI application
    hosts : frozenset of str or None
        Names by which the server may be asked, in small letters; None for any. A page of another site can point its
        own name at this machine.
    key : str or None
        That a request has to bring.
    limits : ServeLimits
    counted : callable
        Told path, status and seconds of each request.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: frozenset[str] | None,
        key: str | None,
        limits: ServeLimits,
        counted: Callable[[str, int, float], None],
    ) -> None:
        self.app, self.hosts, self.key, self.limits, self.counted = app, hosts, key, limits, counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        started, status = time.perf_counter(), 0
        state = scope.setdefault("state", {})
        state["until"] = asyncio.get_running_loop().time() + self.limits.seconds

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        try:
            await self._hand_on(scope, receive, noting)
        except asyncio.CancelledError:
            # Only the end of the time to stop breaks a request off.
            if not status:
                told = fault(
                    503, "The server was stopped before this was answered.", "Ask again.", {"Retry-After": "5"}
                )
                await told(scope, receive, noting)
        except Exception as error:
            # The message of an error may quote a text; its kind and the lines of code that it passed cannot.
            lines = "".join(traceback.format_tb(error.__traceback__)).rstrip()
            _LOG.error("A request failed: %s\n%s", type(error).__name__, lines)
            if not status:
                await fault(500, "A fault of the server; its log says where.")(scope, receive, noting)
        finally:
            seconds = time.perf_counter() - started
            # A path can be anything, a text among it.
            path = scope["path"] if scope["path"] in _PATHS else "other"
            self.counted(path, status, seconds)
            rows = f"{state['rows']} rows " if "rows" in state else ""
            _LOG.info("%s %s %d %s%.1f ms", _method(scope), path, status, rows, 1000 * seconds)

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refused(scope)
        if refused is not None:
            await refused(scope, receive, send)
            return
        most = self.limits.bytes

        def too_large(came: int | None) -> Response:
            told = "more" if came is None else f"{came:,}"
            return fault(
                413, f"A request has at most {most:,} bytes; {told} came.", "Send its rows in several requests."
            )

        in_time = _in_time(receive, scope["state"]["until"])
        try:
            await limited(self.app, scope, in_time, send, most=most, refuse=too_large)
        except _LateError:
            await fault(408, f"A request has to arrive within {self.limits.seconds:g} s.")(scope, receive, send)

    def _refused(self, scope: Scope) -> Response | None:
        """Give the answer to what is not let through."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if self.hosts is not None and (len(hosts) != 1 or hosts[0].lower() not in self.hosts):
            return fault(400, "This server answers on this machine's own addresses alone.")
        if self.key is not None and scope["path"] not in _OPEN:
            scheme, _, given = headers.get("authorization", "").partition(" ")
            # Compared whatever the scheme is, and by bytes that no header can make longer to compare.
            if not (same_secret(given.strip(), self.key) and scheme.lower() == "bearer"):
                return fault(
                    401,
                    "This server needs a key.",
                    "Send the header: Authorization: Bearer KEY",
                    {"WWW-Authenticate": "Bearer"},
                )
        asks = scope["method"] == "POST" and scope["path"] == "/predict"
        if asks and not headers.get("content-type", "").lower().startswith("application/json"):
            # A browser sends other kinds of content to any server for any page, without asking the server first.
            return fault(
                415,
                "A request has the content type application/json.",
                "Send the header: Content-Type: application/json",
            )
        return None


class _LateError(BaseException):
    """The body did not come in time; no fault of the app, which must not answer it."""


def _in_time(receive: Receive, until: float) -> Receive:
    """Give what receives a body by a moment, on the clock of the loop."""
    whole = False

    async def receiving() -> Any:
        nonlocal whole
        if whole:  # what comes now is that the client has gone
            return await receive()
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise _LateError from None
        whole = not message.get("more_body", False)
        return message

    return receiving


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH") else "OTHER"
