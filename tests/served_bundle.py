"""Bundles of floors, which fit in an instant, and a real server in a thread of the test."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from bakeoff.methods.registry import load_method, method_spec
from bakeoff.records import Contender
from bakeoff.ship import BundleFacts, write_bundle
from bakeoff.tasks import classification_task
from bakeoff.testing import rows_of_kind, task_for_kind
from bakeoff.web.serve import ServeSettings, create_serve_app
from bakeoff.web.serve_schema import ServeLimits
from bakeoff.workbench.serve import open_served

GOOD = ["a fine camera", "works very well", "love it", "great sound", "good value, good screen", "fine and light"]
BAD = ["broke at once", "a bad buy", "poor sound", "awful screen", "hate the noise", "bad and heavy"]
CARD = "# Card\n\n## Score\n\n**accuracy .640**, 95% interval [.548, .732]: the mean of 1 seed.\n\n## Use\n"


def write_served(
    folder: Path,
    kind: str = "classification",
    columns: tuple[str, ...] = ("review",),
    method: str | None = None,
    settings: dict[str, Any] | None = None,
    card: str = CARD,
) -> Path:
    """Fit a floor, or another method with its settings, on rows of a kind, and write its bundle."""
    name = method or {"tagging": "token-features", "generation": "nearest-target"}.get(kind, "tfidf")
    if kind == "classification":
        task = classification_task(name="sentiment", labels=["negative", "positive"], metric="accuracy")
        texts, labels = GOOD + BAD, ["positive"] * len(GOOD) + ["negative"] * len(BAD)
    else:
        task, (texts, labels) = task_for_kind(kind), rows_of_kind(kind, 48)
    saved = folder / f"{kind} saved"
    saved.mkdir()
    own, spec = dict(settings or {}), method_spec(name)
    load_method(name)(task=task, seed=0, **own).fit(texts, labels).save(saved)
    model = own.pop("model", None)
    contender = Contender(name, name, spec.version, spec.arm, model, None, own, seeded=True, uses_labels=True)
    pair = "other" if kind == "pair" else None
    facts = BundleFacts(contender, task, 0, len(texts), "f" * 64, text_columns=columns, text_pair=pair)
    return write_bundle(folder / f"{kind} bundle", method_folder=saved, facts=facts, card=card)


@contextlib.contextmanager
def serving(
    bundle: Path, *, limits: dict[str, Any] | None = None, threads: int | None = None, **settings: Any
) -> Iterator[httpx.Client]:
    """Serve a bundle on a free port, and give a client of it."""
    app = create_serve_app(
        open_served(bundle, threads=threads), ServeSettings(limits=ServeLimits(**(limits or {})), **settings)
    )
    app.state.server.threads.start().result(60)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
        assert app.state.server.threads.close(10)
