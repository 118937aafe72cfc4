"""The way to a server: where texts may go, with which key, and how long one exchange may take.

The key is read from the environment once a connection, goes into one header, and is taken out of whatever the server
sends back, so that no text that is kept or shown can hold it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bakeoff.catalog.servers import KEY_VARIABLE, host_of, is_loopback, parse_server
from bakeoff.errors import ModelError, OptionError
from bakeoff.extras import require
from bakeoff.models.server_faults import ServerFault

__all__ = ["Reply", "ServerConnection"]

#: Seconds to find the server and shake hands.
_CONNECT_SECONDS = 10.0
#: Largest answer that is read, in bytes.
_MOST_BYTES = 16_000_000
_KEY_TAKEN_OUT = "[key]"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered.

    Attributes
    ----------
    status : int
    headers : mapping of str to str
        Names in lower case.
    text : str
        The body, the key taken out.
    """

    status: int
    headers: Mapping[str, str]
    text: str


class ServerConnection:
    """A connection to one server.

    Parameters
    ----------
    url : str
        Base address.
    allow_send : frozenset of str
        Hosts other than this machine that texts may be sent to.

    Raises
    ------
    OptionError
        If the host is not this machine and not allowed, or the key cannot be sent in a header.
    MissingExtraError
        If the `server` extra is not installed.
    """

    def __init__(self, url: str, *, allow_send: frozenset[str] = frozenset()) -> None:
        self.url = parse_server(url).url
        host = host_of(self.url)
        self.here = is_loopback(host)
        if not self.here and host not in {each.lower() for each in allow_send}:
            raise OptionError(
                f"The texts would be sent to {host}, which is not this machine and was not allowed.",
                next_step=f"If they may be sent there, add: --allow-send {host}",
            )
        self._httpx = require("httpx", extra="server", purpose="Server models")
        headers = {"Accept": "application/json"}
        key = _key()
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._client = self._httpx.Client(
            headers=headers,
            # A redirect could carry texts to a host that was not allowed; a proxy is not asked about this machine.
            follow_redirects=False,
            trust_env=not self.here,
            limits=self._httpx.Limits(max_connections=None, max_keepalive_connections=64),
        )
        self._answered = False

    def close(self) -> None:
        """Close it."""
        self._client.close()

    def exchange(self, method: str, path: str, body: Mapping[str, Any] | None, seconds: float) -> Reply:
        """Send one request and read its whole answer.

        Parameters
        ----------
        method : {"GET", "POST"}
        path : str
            Below the base address.
        body : mapping or None
            JSON values.
        seconds : float
            For the whole exchange; looked at whenever a part of the answer comes, and where none does.

        Returns
        -------
        Reply

        Raises
        ------
        ServerFault
            If it took too long, the connection broke, or the answer is larger than any answer should be.
        ModelError
            If the server was never reached.
        """
        httpx = self._httpx
        try:
            return self._exchanged(method, path, body, seconds)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol):
            if self._answered:
                raise ServerFault("connection-lost", "no new connection", passing=True, overload=True) from None
            raise ModelError(
                f"The server {self.url} cannot be reached.", next_step="Start it, or check host and port."
            ) from None
        except httpx.TimeoutException:
            raise _too_slow(seconds) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            # The library's own message is left out: it may repeat what was sent.
            raise ServerFault(
                "connection-lost", type(error).__name__, passing=True, overload=True, perhaps_billed=True
            ) from None

    def _exchanged(self, method: str, path: str, body: Mapping[str, Any] | None, seconds: float) -> Reply:
        end = time.monotonic() + seconds
        timeout = self._httpx.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds))
        with self._client.stream(method, self.url + path, json=body, timeout=timeout) as response:
            content = bytearray()
            for part in response.iter_bytes():
                content += part
                # Each part alone may come in time, and the whole never.
                if time.monotonic() > end:
                    raise _too_slow(seconds)
                if len(content) > _MOST_BYTES:
                    raise ServerFault("broken-answer", f"it is longer than {_MOST_BYTES:,} bytes", perhaps_billed=True)
            self._answered = True
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status_code, headers, _without_key(content.decode("utf-8", "replace")))


def _too_slow(seconds: float) -> ServerFault:
    return ServerFault(
        "timeout", f"no whole answer within {seconds:.3g} s", passing=True, overload=True, perhaps_billed=True
    )


def _key() -> str:
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not all("!" <= character <= "~" for character in key):
        # Not repeated: the message may end in a log.
        raise OptionError(
            f"The key in the environment variable {KEY_VARIABLE} holds blanks or characters that no key has.",
            next_step="Set it again, without quotes or line breaks inside.",
        )
    return key


def _without_key(text: str) -> str:
    """Take the key out of what a server sends back: some repeat it in their messages."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if len(key) < 6:  # such as "none": no secret, and a word that texts may hold
        return text
    # JSON may write a slash, or any character, in an escaped form.
    for form in {key, json.dumps(key)[1:-1], key.replace("/", "\\/")}:
        text = text.replace(form, _KEY_TAKEN_OUT)
    return text
