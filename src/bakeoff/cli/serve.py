"""``bakeoff serve``: answer over HTTP with a bundle."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli import complete, options
from bakeoff.cli.json_output import Given
from bakeoff.cli.listening import bound, bracketed, listen, loopback_names, run_until_stopped, write_log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from bakeoff.web.serve import ServeSettings
    from bakeoff.workbench.serve import Served

__all__ = ["serve"]

_KEY = "BAKEOFF_SERVE_KEY"
_LEAST_KEY = 16
_ADDRESS, _LIMITS, _BATCHES = "Address and key", "Limits of a request", "How the model is asked"

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
        help="Longest wait for the next of several requests that are likely under way.",
    ),
]
_Threads = Annotated[
    int | None,
    options.option(
        "--threads", metavar="NUMBER", min=1, help="Threads of the model, in all; else one a core.", panel=_BATCHES
    ),
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
    context: typer.Context,
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
    batch_wait: _BatchWait = 5.0,
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
    from bakeoff.extras import require
    from bakeoff.workbench.predict import ServerUse
    from bakeoff.workbench.sending import server_terms
    from bakeoff.workbench.serve import open_served

    for module in ("fastapi", "prometheus_client", "uvicorn"):
        require(module, extra="web", purpose="Serving a bundle")
    given = Given("serve", as_json, soft_wrap=True)
    servers = ServerUse(
        frozenset(allow_send or ()),
        server_terms(prices, limit or ()),
        lambda sending: given.console.print(f"texts are sent on; 1,000 of them: {sending.sentence()}", markup=False),
    )
    _start(given, open_served(bundle, servers, threads=threads), _key(key_file), context.params)


def _start(given: Given, served: Served, key: str | None, options: Mapping[str, Any]) -> None:
    """Take the port, load the model, and serve; `options` are the command's by name."""
    from bakeoff.catalog.servers import is_loopback
    from bakeoff.web.serve import create_serve_app

    host, here = options["host"], is_loopback(options["host"])
    with bound(host, options["port"]) as listening:
        port = listening.getsockname()[1]
        write_log(quiet=options["quiet"])
        app = create_serve_app(served, _settings(options, key, loopback_names(host, port) if here else None))
        _load(app, given.console, served)
        listen(listening, host)
        if not here and key is None:
            _warn(host)
        address = f"http://{bracketed(host)}:{port}"
        run_until_stopped(app, listening, options["grace"], lambda: _announce(given, served, address, key is not None))


def _settings(options: Mapping[str, Any], key: str | None, hosts: frozenset[str] | None) -> ServeSettings:
    from bakeoff.errors import OptionError
    from bakeoff.web.serve import ServeSettings
    from bakeoff.web.serve_schema import ServeLimits

    most_waiting, most_rows = options["max_queue"], options["max_rows"]
    if most_waiting < most_rows:
        raise OptionError(
            f"--max-queue must be at least --max-rows, so that a request can wait; {most_waiting} and {most_rows} "
            "came.",
            next_step="Raise the one, or lower the other.",
        )
    return ServeSettings(
        limits=ServeLimits(
            options["max_bytes"], most_rows, options["max_characters"], most_waiting, options["timeout"]
        ),
        most_rows=options["max_batch"],
        wait_seconds=options["batch_wait"] / 1000,
        hosts=hosts,
        key=key,
    )


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


def _warn(host: str) -> None:
    from rich.console import Console
    from rich.text import Text

    told = (
        f"warning: {host} can be reached from other machines, and there is no key: whoever reaches it can have texts "
        f"answered. Give --key-file or {_KEY}. What is sent is not encrypted; put a proxy with TLS before it."
    )
    Console(stderr=True, highlight=False).print(Text(told, style="bold yellow"))


def _load(app: Any, console: Console, served: Served) -> None:
    """Load the model in its threads; a SIGTERM ends that at once, since nothing is under way yet."""
    import gc
    import signal

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    console.print(f"loading {served.contender} ...", markup=False)
    app.state.server.threads.start().result()
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
