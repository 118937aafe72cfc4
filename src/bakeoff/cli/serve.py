"""``bakeoff serve``: answer over HTTP with a bundle."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli import complete, options
from bakeoff.cli.json_output import Given

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from rich.console import Console

    from bakeoff.errors import UserError
    from bakeoff.workbench.serve import Served

__all__ = ["serve"]

_KEY = "BAKEOFF_SERVE_KEY"
_LEAST_KEY = 16
_ADDRESS, _LIMITS, _BATCHES = "Address and key", "Limits of a request", "How the model is asked"
#: What the model still computes when the time to stop is over is waited for this long, in seconds.
_LAST_WAIT = 0.5
#: Connections that may wait to be taken.
_BACKLOG = 2048

_Bundle = Annotated[
    Path,
    typer.Argument(metavar="BUNDLE", help="Folder of the bundle.", show_default=False, autocompletion=complete.bundles),
]
_Host = Annotated[
    str,
    options.option("--host", metavar="HOST", help="Address to listen on.", panel=_ADDRESS, show_default=True),
]
_Port = Annotated[
    int,
    options.option(
        "--port",
        metavar="NUMBER",
        min=0,
        max=65535,
        help="0 takes one that is free.",
        panel=_ADDRESS,
        show_default=True,
    ),
]
_KeyFile = Annotated[
    Path | None,
    options.option(
        "--key-file",
        metavar="FILE",
        panel=_ADDRESS,
        help=f"Holds the key that every request must bring; else the environment variable {_KEY} does.",
    ),
]


_MostBytes = Annotated[
    int,
    options.option(
        "--max-bytes", metavar="NUMBER", min=1, help="Bytes of a request.", panel=_LIMITS, show_default=True
    ),
]
_MostRows = Annotated[
    int,
    options.option("--max-rows", metavar="NUMBER", min=1, help="Rows of a request.", panel=_LIMITS, show_default=True),
]
_MostCharacters = Annotated[
    int,
    options.option(
        "--max-characters", metavar="NUMBER", min=1, help="Characters of a row.", panel=_LIMITS, show_default=True
    ),
]
_MostWaiting = Annotated[
    int,
    options.option(
        "--max-queue",
        metavar="NUMBER",
        min=1,
        help="Rows that may wait for the model.",
        panel=_LIMITS,
        show_default=True,
    ),
]
_Timeout = Annotated[
    float,
    options.option(
        "--timeout",
        metavar="SECONDS",
        min=0.001,
        help="Time from a request to its answer.",
        panel=_LIMITS,
        show_default=True,
    ),
]
_MostBatch = Annotated[
    int,
    options.option(
        "--max-batch",
        metavar="NUMBER",
        min=1,
        help="Rows that the model answers in one call.",
        panel=_BATCHES,
        show_default=True,
    ),
]
_BatchWait = Annotated[
    float,
    options.option(
        "--batch-wait",
        metavar="MILLISECONDS",
        min=0,
        panel=_BATCHES,
        show_default=True,
        help="Longest wait for requests that are likely under way.",
    ),
]
_Threads = Annotated[
    int | None,
    options.option("--threads", metavar="NUMBER", min=1, help="Threads of the model; else one a core.", panel=_BATCHES),
]
_Grace = Annotated[
    float,
    options.option(
        "--grace",
        metavar="SECONDS",
        min=0,
        show_default=True,
        help="Time for requests under way to end when it is stopped.",
    ),
]


def serve(
    bundle: _Bundle,
    host: _Host = "127.0.0.1",
    port: _Port = 8000,
    key_file: _KeyFile = None,
    max_bytes: _MostBytes = 1_000_000,
    max_rows: _MostRows = 256,
    max_characters: _MostCharacters = 20_000,
    max_queue: _MostWaiting = 1024,
    timeout: _Timeout = 30.0,
    max_batch: _MostBatch = 32,
    batch_wait: _BatchWait = 2.0,
    threads: _Threads = None,
    grace: _Grace = 8.0,
    quiet: Annotated[bool, options.option("--quiet", help="Write down faults alone, and not every request.")] = False,
    allow_send: options.AllowSend = None,
    prices: options.PricesFile = None,
    limit: options.Limits = None,
    as_json: options.Json = False,
) -> None:
    """Answer over HTTP with a bundle: POST /predict, GET /healthz, GET /metrics.

    Requests that come at the same time are answered in one call of the model. No text is written to the log. Ctrl-C or
    SIGTERM ends it when the requests under way are answered.
    """
    from bakeoff.catalog.servers import is_loopback
    from bakeoff.errors import OptionError
    from bakeoff.extras import require

    for module in ("fastapi", "prometheus_client", "uvicorn"):
        require(module, extra="web", purpose="Serving a bundle")
    from bakeoff.web.serve import ServeSettings, create_serve_app
    from bakeoff.web.serve_schema import ServeLimits
    from bakeoff.workbench.predict import ServerUse
    from bakeoff.workbench.sending import server_terms
    from bakeoff.workbench.serve import open_served

    given = Given("serve", as_json, soft_wrap=True)
    if max_queue < max_rows:
        raise OptionError(
            f"--max-queue must be at least --max-rows, so that a request can wait; {max_queue} and {max_rows} came.",
            next_step="Raise the one, or lower the other.",
        )
    key, here = _key(key_file), is_loopback(host)
    told = ServerUse(
        frozenset(allow_send or ()),
        server_terms(prices, limit or ()),
        lambda sending: given.console.print(f"texts are sent on; 1,000 of them: {sending.sentence()}", markup=False),
    )
    served = open_served(bundle, told, threads=threads)
    with _bound(host, port) as listening:
        port = listening.getsockname()[1]
        settings = ServeSettings(
            limits=ServeLimits(max_bytes, max_rows, max_characters, max_queue, timeout),
            most_rows=max_batch,
            wait_seconds=batch_wait / 1000,
            hosts=_names(host, port) if here else None,
            key=key,
        )
        _log(quiet)
        app = create_serve_app(served, settings)
        _load(app, given.console, served)
        _listen(listening, host, port)
        if not here and key is None:
            _warn(host)
        address = f"http://{_bracketed(host)}:{port}"
        _run(app, listening, grace, lambda: _announce(given, served, address, key is not None))


def _key(file: Path | None) -> str | None:
    """Read the key, and hold it to what a header can carry; it is told nowhere."""
    from bakeoff.errors import OptionError

    if file is not None:
        try:
            key, place = file.read_text(encoding="utf-8").strip(), f"the file {file}"
        except (OSError, UnicodeDecodeError) as error:
            raise OptionError(
                f"--key-file must name a file of text with a key; {file} cannot be read.",
                next_step="Name another file.",
            ) from error
    elif _KEY in os.environ:
        key, place = os.environ[_KEY].strip(), f"the environment variable {_KEY}"
    else:
        return None
    if len(key) < _LEAST_KEY or not (key.isascii() and key.isprintable()) or " " in key:
        raise OptionError(
            f"A key has at least {_LEAST_KEY} characters, all of ASCII and none of them blank; the one in {place} "
            f"has {len(key)}{'' if len(key) < _LEAST_KEY else ', and others among them'}.",
            next_step="Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    return key


def _bound(host: str, port: int) -> socket.socket:
    """Take the port before the model is loaded; it is listened on afterwards, so that nobody waits for an answer."""
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


def _listen(listening: socket.socket, host: str, port: int) -> None:
    try:
        listening.listen(_BACKLOG)
    except OSError as error:  # another program took the same port while the model was loaded
        raise _unusable(host, port, error) from error


def _unusable(host: str, port: int, error: OSError) -> UserError:
    from bakeoff.errors import OptionError

    return OptionError(
        f"The port {port} of {host} cannot be used: {error.strerror or error}.",
        next_step="Give another with --port, or --port 0 for one that is free.",
    )


def _names(host: str, port: int) -> frozenset[str]:
    """Give the names by which a browser of this machine may ask."""
    names = {"127.0.0.1", "localhost", "[::1]", _bracketed(host.lower())}
    return frozenset({f"{name}:{port}" for name in names} | (names if port == 80 else set()))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _warn(host: str) -> None:
    from rich.console import Console
    from rich.text import Text

    told = (
        f"warning: {host} can be reached from other machines, and there is no key: whoever reaches it can have texts "
        f"answered. Give --key-file or {_KEY}. What is sent is not encrypted; put a proxy with TLS before it."
    )
    Console(stderr=True, highlight=False).print(Text(told, style="bold yellow"))


def _log(quiet: bool) -> None:
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


def _load(app: Any, console: Console, served: Served) -> None:
    """Load the model in its thread; a SIGTERM ends that at once, since nothing is under way yet."""
    import gc
    import signal

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    console.print(f"loading {served.contender} ...", markup=False)
    app.state.server.thread.start().result()
    # What is loaded stays: no request shall wait until all of it was looked through for garbage, nor shall the end.
    gc.collect()
    gc.freeze()


def _announce(given: Given, served: Served, address: str, keyed: bool) -> None:
    import shlex

    bearer = " -H 'Authorization: Bearer KEY'" if keyed else ""
    example = shlex.quote(served.example)
    curl = f"curl {address}/predict -H 'Content-Type: application/json'{bearer} -d {example}"
    document = {
        "url": address,
        "bundle": served.bundle.folder,
        "sha256": served.sha256,
        "contender": served.contender,
        "task": served.task.name,
        "kind": served.task.kind,
        "labels": served.task.labels,
        "score": served.score or None,
        "key": keyed,
        "example": curl,
    }

    def show(console: Console) -> None:
        console.print(f"{served.task.name}: {served.contender} answers at {address}/predict", markup=False)
        console.print(f"  {curl}", markup=False)
        console.print("Ctrl-C ends it when the requests under way are answered.", markup=False)

    given.give(lambda: document, show)


def _run(app: Any, listening: socket.socket, grace: float, announce: Callable[[], None]) -> None:
    """Serve until a signal; SIGTERM leaves with 0, Ctrl-C as an interrupt does."""
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
        if not app.state.server.thread.close(_LAST_WAIT):
            # The time is over and the model still computes, in code that cannot be broken off.
            os._exit(code)
