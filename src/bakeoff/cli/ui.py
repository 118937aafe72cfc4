"""``bakeoff ui``: the app in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakeoff.cli import options

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

__all__ = ["ui"]

_HOST = "127.0.0.1"


_Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Holds the studies; made where it is not there yet.")]
_Port = Annotated[
    int,
    options.option("--port", metavar="NUMBER", min=0, max=65535, help="0 takes one that is free.", show_default=True),
]


def ui(
    folder: _Folder = Path("bakeoff-studies"),
    port: _Port = 0,
    no_browser: Annotated[bool, options.option("--no-browser", help="Only print the address.")] = False,
) -> None:
    """Show studies, start and stop them, in the browser of this machine.

    The address that is printed opens it, once for this browser; nobody else can. Ctrl-C ends the app; studies that run
    are processes of their own, and go on.
    """
    import secrets
    import socket
    import webbrowser

    from bakeoff.errors import OptionError
    from bakeoff.extras import require

    for module in ("fastapi", "python_multipart", "uvicorn"):
        uvicorn = require(module, extra="web", purpose="The app in the browser")
    from bakeoff.web.app import create_app

    if folder.exists() and not folder.is_dir():
        raise OptionError(f"FOLDER holds studies; {folder} is a file.", next_step="Name a folder, or leave it away.")
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((_HOST, port))
            listening.listen(128)  # who comes before the app does waits for it
        except OSError as error:
            raise OptionError(
                f"The port {port} of this machine cannot be used: {error.strerror or error}.",
                next_step="Give another with --port, or leave it away for one that is free.",
            ) from error
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(32)
        address = f"http://{_HOST}:{port}/?token={token}"
        app = create_app(folder.absolute(), token=token, port=port)
        # Both logs would show the address with its token.
        settings = uvicorn.Config(app, log_level="warning", access_log=False)

        def announce() -> None:
            print(f"Studies of {folder}: {address}", flush=True)
            print("Ctrl-C ends the app; studies that run go on.", flush=True)
            if not no_browser:
                webbrowser.open(address)

        _run(uvicorn.Server(settings), listening, announce)


def _run(server: Any, listening: socket.socket, announce: Callable[[], None]) -> None:
    """Serve until Ctrl-C, and announce it as soon as a Ctrl-C ends it in order, which it does not before."""
    start_up = server.startup

    async def start_up_and_announce(sockets: list[socket.socket] | None = None) -> None:
        await start_up(sockets=sockets)
        announce()

    server.startup = start_up_and_announce
    server.run(sockets=[listening])
