"""A port to listen on, what is written down, and how a server ends; all that `bakeoff serve` asks of the system."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from bakeoff.errors import UserError

__all__ = ["bound", "bracketed", "listen", "loopback_names", "run_until_stopped", "write_log"]

#: Connections that may wait to be taken.
_BACKLOG = 2048
#: What the model still computes when the time to stop is over is waited for this long, in seconds.
_LAST_WAIT = 0.5


def bound(host: str, port: int) -> socket.socket:
    """Take a port before the model is loaded; it is listened on afterwards, so that nobody waits for an answer.

    Parameters
    ----------
    host : str
    port : int
        0 for one that is free.

    Returns
    -------
    socket

    Raises
    ------
    OptionError
        If there is no such address, or the port is taken.
    """
    import socket

    from bakeoff.errors import OptionError

    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        raise OptionError(
            f"--host must be an address of this machine; {host!r} is not known.",
            next_step="Give 127.0.0.1 for this machine alone, or 0.0.0.0 for every network that it is in.",
        ) from error
    listening = socket.socket(family, kind)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
    except OSError as error:
        listening.close()
        raise _unusable(host, port, error) from error
    return listening


def listen(listening: socket.socket, host: str) -> None:
    """Let a bound port be connected to.

    Raises
    ------
    OptionError
        If another program took the port meanwhile.
    """
    try:
        listening.listen(_BACKLOG)
    except OSError as error:
        raise _unusable(host, listening.getsockname()[1], error) from error


def _unusable(host: str, port: int, error: OSError) -> UserError:
    from bakeoff.errors import OptionError

    return OptionError(
        f"The port {port} of {host} cannot be used: {error.strerror or error}.",
        next_step="Give another with --port, or --port 0 for one that is free.",
    )


def loopback_names(host: str, port: int) -> frozenset[str]:
    """Give the names by which a browser of this machine may ask."""
    names = {"127.0.0.1", "localhost", "[::1]", bracketed(host.lower())}
    return frozenset({f"{name}:{port}" for name in names} | (names if port == 80 else set()))


def bracketed(host: str) -> str:
    """Write a host as it stands in an address: numbers of IPv6 have brackets."""
    return f"[{host}]" if ":" in host else host


def write_log(*, quiet: bool) -> None:
    """Write what happens to standard error, a line each; uvicorn's faults, too."""
    import logging
    import time

    lines = logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    lines.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(lines)
    for name, level in (("bakeoff.serve", logging.WARNING if quiet else logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def run_until_stopped(app: Any, listening: socket.socket, grace: float, announce: Callable[[], None]) -> None:
    """Serve until a signal; SIGTERM leaves with 0, Ctrl-C as an interrupt does.

    Parameters
    ----------
    app : FastAPI
        Of `bakeoff.web.serve.create_serve_app`, its model loaded.
    listening : socket
    grace : float
        Seconds for requests under way to end.
    announce : callable
        Called as soon as requests are answered.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C, when all is done.
    """
    import math
    import signal

    import uvicorn

    settings = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=math.ceil(grace)
    )
    server = uvicorn.Server(settings)
    start_up = server.startup

    async def start_up_and_announce(sockets: list[socket.socket] | None = None) -> None:
        await start_up(sockets=sockets)
        announce()

    def stop(*_: object) -> None:
        server.should_exit = True

    server.startup = start_up_and_announce  # type: ignore[method-assign]
    # Uvicorn sends itself the signal again when all is done; by then there is nothing left to stop.
    signal.signal(signal.SIGTERM, stop)
    code = 0
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        code = 130
        raise
    finally:
        if not app.state.server.threads.close(_LAST_WAIT):
            # The time is over and the model still computes, in code that cannot be broken off.
            os._exit(code)
