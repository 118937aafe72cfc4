"""Who may ask the app: one browser on this machine, by a token; nobody through that browser.

A page of another site can make a browser send requests to this port. Four things keep it from being answered: the
cookie that only the printed address sets (and that a browser sends along from our own pages alone), the name of the
host that was asked (a site can point its own name at this machine), the origin of every request that changes something,
and a token in every form.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from fastapi import HTTPException, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "CONTENT_POLICY",
    "MOST_BYTES",
    "MOST_UPLOAD_BYTES",
    "Guard",
    "check_csrf",
    "csrf_of",
    "limited",
    "same_secret",
]

#: What a page may load, and who may frame it. A response may carry a policy of its own instead.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
#: Largest body of a request: of a form with files, and of any other.
MOST_UPLOAD_BYTES, MOST_BYTES = 50_000_000, 1_000_000

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def csrf_of(token: str) -> str:
    """Give the token of forms, bound to that of the session, from which it cannot be told back.

    Parameters
    ----------
    token : str
        Of the session.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


async def check_csrf(request: Request) -> None:
    """Refuse what would change something without the form's token; a dependency of every route.

    Parameters
    ----------
    request : Request
        Carries the token as the header ``X-CSRF-Token``, or as the field ``csrf`` of a form.

    Raises
    ------
    HTTPException
        403 without it, or with another.
    """
    if request.method in _SAFE:
        return
    given: object = request.headers.get("X-CSRF-Token")
    if given is None and request.headers.get("Content-Type", "").startswith(
        ("multipart/form-data", "application/x-www-form-urlencoded")
    ):
        given = (await request.form()).get("csrf")
    if not isinstance(given, str) or not same_secret(given, request.state.csrf):
        raise HTTPException(403, "The form is not one of this page, or the app was started anew. Load the page again.")


def same_secret(given: str, wanted: str) -> bool:
    """Compare two secrets in a time that tells nothing of where they differ."""
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())


class _TooLargeError(Exception):
    """More came than a request may hold."""


class Guard:
    """Let through what one browser on this machine asks, and nothing else.

    Parameters
    ----------
    app : ASGI application
    token : str
        The session's; in the printed address once, then in a cookie.
    port : int
        On which the app listens.
    """

    def __init__(self, app: ASGIApp, *, token: str, port: int) -> None:
        self.app = app
        self.token = token
        self.cookie = f"bakeoff-{port}"
        tail = "" if port == 80 else f":{port}"  # browsers leave the usual one away
        self.hosts = frozenset(f"{host}{tail}" for host in ("127.0.0.1", "localhost", "[::1]"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        send = _with_headers(send)
        headers = Headers(scope=scope)
        refused = self._refused(scope, headers)
        if refused is not None:
            await refused(scope, receive, send)
            return
        scope.setdefault("state", {})["csrf"] = csrf_of(self.token)
        upload = headers.get("content-type", "").startswith("multipart/form-data")
        most = MOST_UPLOAD_BYTES if upload else MOST_BYTES
        too_large = PlainTextResponse(f"A request here has at most {most // 1_000_000} MB.\n", 413)
        await limited(self.app, scope, receive, send, most=most, refuse=lambda _came: too_large)

    def _refused(self, scope: Scope, headers: Headers) -> PlainTextResponse | RedirectResponse | None:
        """Give the answer to what is not let through."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return PlainTextResponse("This app answers on this machine's own addresses alone.\n", 400)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token")
        if (
            given is not None
            and scope["path"] == "/"
            and scope["method"] == "GET"
            and same_secret(given[0], self.token)
        ):
            entry = RedirectResponse("/", 303)
            entry.set_cookie(self.cookie, self.token, path="/", httponly=True, samesite="strict")
            return entry
        if not same_secret(Request(scope).cookies.get(self.cookie, ""), self.token):
            return PlainTextResponse("Open the address that 'bakeoff ui' printed.\n", 401)
        if scope["method"] not in _SAFE and not self._own_page(headers):
            return PlainTextResponse("This did not come from a page of this app.\n", 403)
        return None

    def _own_page(self, headers: Headers) -> bool:
        """Tell whether a page of this app sent the request.

        A browser names the origin of a plain form ``null`` where the page gives no referrer, as ours do; then it has to
        say ``Sec-Fetch-Site: same-origin``, which no script can set.
        """
        site = headers.get("sec-fetch-site")
        if site not in (None, "same-origin"):
            return False
        origin = headers.get("origin")
        if origin == "null":
            return site == "same-origin"
        return origin is not None and origin.lower() in {f"http://{host}" for host in self.hosts}


def _with_headers(send: Send) -> Send:
    """Put the headers of every response into it."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return sending


async def limited(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, *, most: int, refuse: Callable[[int | None], ASGIApp]
) -> None:
    """Hand a request on whose body ends at its limit, whatever its header says of its length.

    Parameters
    ----------
    app : ASGI application
    scope, receive, send
        Of the request.
    most : int
        Bytes of a body.
    refuse : callable
        Gives the answer to a longer one, told its bytes where the header says them.
    """
    said = Headers(scope=scope).get("content-length", "0")
    if not said.isdecimal() or len(said) > 12 or int(said) > most:
        await refuse(int(said) if said.isdecimal() and len(said) <= 12 else None)(scope, receive, send)
        return
    came, over, begun = 0, False, False

    async def counting() -> Message:
        nonlocal came, over
        message = await receive()
        came += len(message.get("body", b""))
        if came > most:
            over = True
            raise _TooLargeError
        return message

    async def unless_over(message: Message) -> None:
        nonlocal begun
        if not over:
            begun = True
            await send(message)

    with contextlib.suppress(_TooLargeError):
        await app(scope, counting, unless_over)
    if over and not begun:
        await refuse(None)(scope, receive, send)
