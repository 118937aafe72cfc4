"""A served bundle: ``POST /predict``, and what watches over it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from bakeoff.web.serve_direct import DirectPredict
from bakeoff.web.serve_guard import ServeGuard, fault
from bakeoff.web.serve_metrics import METRICS_TYPE, ServeMetrics
from bakeoff.web.serve_schema import Fault, Health, ServeLimits, ServeSchema, UnfitError
from bakeoff.web.telemetry import NO_TELEMETRY
from bakeoff.workbench.answering import AnsweringFault, AnsweringThreads, ClosedFault, QueueFullFault
from bakeoff.workbench.serve import Served

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from starlette.types import Receive

    from bakeoff.records import Answer

__all__ = ["ServeSettings", "Server", "create_serve_app"]

_ABOUT = """\
POST /predict       {form}
GET  /openapi.json  every field, with examples
GET  /healthz       whether requests are answered
GET  /metrics       what was counted, for Prometheus
"""
_REFUSED: dict[int | str, dict[str, Any]] = {
    401: {"model": Fault, "description": "no key, or another one, where the server has one"},
    413: {"model": Fault, "description": "too many bytes"},
    415: {"model": Fault, "description": "no JSON"},
    422: {"model": Fault, "description": "another form, too many rows, or a row with too many characters"},
    503: {"model": Fault, "description": "the queue is full, or the server is being stopped; see Retry-After"},
    504: {"model": Fault, "description": "not answered in time"},
}
_SEE = "GET /openapi.json has every field, with examples."
#: What a client that has gone is answered, which nobody reads; nginx writes it down under this number.
_GONE = 499
#: Most answers come sooner than this; only for later ones it is looked whether the client has gone.
_SOON = 0.1


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """How a bundle is served.

    Parameters
    ----------
    limits : ServeLimits
    most_rows : int
        Rows of one call of the model.
    wait_seconds : float
        How long a call waits at most for the next of the requests that are likely under way; twice as long in all.
    hosts : frozenset of str or None
        Names by which the server may be asked; None for any.
    key : str or None
        That a request has to bring.
    """

    limits: ServeLimits = field(default_factory=ServeLimits)
    most_rows: int = 32
    wait_seconds: float = 0.005
    hosts: frozenset[str] | None = None
    key: str | None = None

    def __repr__(self) -> str:
        return f"ServeSettings(limits={self.limits}, key={'set' if self.key else None})"


class Server:
    """A bundle, the threads of its model, and what they count.

    Parameters
    ----------
    served : Served
    settings : ServeSettings
    """

    def __init__(self, served: Served, settings: ServeSettings) -> None:
        self.served, self.settings = served, settings
        self.schema = ServeSchema(served, settings.limits)
        self.metrics = ServeMetrics(served, lambda: float(self.threads.waiting))
        #: In which requests are read and answered, while the app runs.
        self.loop: asyncio.AbstractEventLoop | None = None
        self.threads = AnsweringThreads(
            served.load,
            most_rows=settings.most_rows,
            most_waiting=settings.limits.waiting,
            wait_seconds=settings.wait_seconds,
            watch=self.metrics.batch,
            hand_over=self._hand_over,
        )
        self.about = served.about() + "\n" + _ABOUT.format(form=self._form())
        self.names = {"contender": served.contender, "bundle": served.sha256[:12]}

    async def predict(self, body: Any, state: dict[str, Any], receive: Receive) -> Response:
        """Answer the rows of one request.

        Parameters
        ----------
        body : pydantic model
            Of the type that the schema has for requests.
        state : dict
            Of the request; holds the moment until which it is answered, and gets the number of its rows.
        receive : ASGI receive
            Of the request, whose body was read.

        Returns
        -------
        Response
        """
        try:
            rows = self.schema.rows_of(body)
        except UnfitError as error:
            return fault(422, str(error), _SEE)
        state["rows"] = len(rows)
        try:
            asked = self.threads.ask(self.served.texts(rows))
        except QueueFullFault as error:
            return _later(str(error), error.seconds)
        except ClosedFault as error:
            return _later(str(error), 1.0)
        gone = await _awaited(asked, state["until"], receive)
        if asked.cancelled():
            if gone:
                return Response(status_code=_GONE)
            return fault(
                504,
                f"A request is answered within {self.settings.limits.seconds:g} s; this one was not.",
                "Send fewer rows, or ask again when the server is less busy.",
            )
        try:
            told = [self.served.told(one, probabilities=body.probabilities) for one in asked.result()]
        except AnsweringFault as error:
            return fault(500, str(error))
        self.metrics.answers(told)
        text = json.dumps({"answers": told, **self.names}, ensure_ascii=False, separators=(",", ":"))
        # A lone surrogate out of a tokenizer has no form in UTF-8.
        return Response(text.encode(errors="replace") + b"\n", media_type="application/json")

    def health(self) -> Response:
        """Say whether requests are answered."""
        status = "stopping" if self.threads.closing else "ok" if self.threads.alive else "failed"
        told = Health(status=status, waiting=self.threads.waiting, **self.names)
        return Response(told.model_dump_json() + "\n", 200 if status == "ok" else 503, media_type="application/json")

    def _hand_over(self, tell: Callable[[], None]) -> None:
        """Have those who asked told in the thread of the loop: all that a call answered at once."""
        try:
            if self.loop is not None:
                self.loop.call_soon_threadsafe(tell)
                return
        except RuntimeError:  # the loop was closed, and nobody waits any more
            pass
        tell()

    def _form(self) -> str:
        return " or ".join(json.dumps(one["value"]) for one in list(self.schema.examples.values())[:2])


def create_serve_app(served: Served, settings: ServeSettings) -> FastAPI:
    """Make the app of a served bundle; its model is loaded by ``app.state.server.threads.start()``.

    Parameters
    ----------
    served : Served
    settings : ServeSettings

    Returns
    -------
    FastAPI
    """
    server = Server(served, settings)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        server.loop = asyncio.get_running_loop()
        yield
        server.threads.refuse()

    app = FastAPI(
        title=f"{served.task.name}: {served.contender}",
        description=served.about(),
        version=served.sha256[:12],
        docs_url=None,  # those pages load scripts from another host
        redoc_url=None,
        telemetry=NO_TELEMETRY,
        lifespan=lifespan,
    )
    app.state.server = server
    app.add_middleware(DirectPredict, request=server.schema.request, answer=server.predict)
    app.add_middleware(
        ServeGuard, hosts=settings.hosts, key=settings.key, limits=settings.limits, counted=server.metrics.request
    )
    _add_routes(app, server)
    _tell_faults(app, server)
    return app


def _add_routes(app: FastAPI, server: Server) -> None:
    async def predict(request: Request, body: Any) -> Response:
        """Answer one row or several; the answers stand in the order of the rows."""
        return await server.predict(body, request.scope["state"], request.receive)

    # The types are made for the bundle, so that no annotation can name them.
    predict.__annotations__["body"] = server.schema.request
    # Told in the schema; what stands before the app has looked at the key already.
    bearer = HTTPBearer(auto_error=False, scheme_name="key")
    keyed: Any = {"dependencies": [Depends(bearer)] if server.settings.key else []}
    examples = {"requestBody": {"content": {"application/json": {"examples": server.schema.examples}}}}
    app.post("/predict", response_model=server.schema.response, responses=_REFUSED, openapi_extra=examples, **keyed)(
        predict
    )

    @app.get("/healthz", response_model=Health, responses={503: {"model": Health}})
    async def healthz() -> Response:
        """Say whether requests are answered; needs no key."""
        return server.health()

    async def alive(_request: Request) -> Response:
        return server.health()

    # Some balancers ask whether a server is there without wanting to read what it says.
    app.add_route("/healthz", alive, methods=["HEAD"], include_in_schema=False)

    @app.get("/metrics", response_class=PlainTextResponse, **keyed)
    async def metrics() -> Response:
        """Give what was counted, in the text format of Prometheus."""
        return Response(server.metrics.text(), headers={"Content-Type": METRICS_TYPE})

    @app.get("/", response_class=PlainTextResponse, **keyed)
    async def about() -> Response:
        """Say what is served."""
        return PlainTextResponse(server.about)


def _tell_faults(app: FastAPI, server: Server) -> None:
    """Have the app say what is wrong as a `Fault`, which repeats nothing of what came."""

    async def unfit(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        forms = ", ".join(server.schema.forms)
        return fault(422, _sentence(error), f"A request holds one of {forms}. {_SEE}")

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        see = "There are POST /predict, GET /, GET /healthz, GET /metrics and GET /openapi.json."
        if error.status_code == 400:
            # What FastAPI says of bytes that its parser does not take; what it finds to be no JSON is said elsewhere.
            return fault(422, "The body is no JSON: it is no text in UTF-8, or nests too deeply.", _SEE)
        told = {404: "There is no such page.", 405: "This page is asked in another way."}.get(error.status_code)
        return fault(error.status_code, told or str(error.detail), see if told else None, dict(error.headers or {}))

    app.add_exception_handler(RequestValidationError, unfit)
    app.add_exception_handler(HTTPException, refused)


def _sentence(error: RequestValidationError) -> str:
    """Say where the first fault of a body stands, and what is wanted there."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return f"The body is no JSON: {first['ctx']['error']} at character {first['loc'][-1]}."
    place = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    return f"{place}: {first['msg']}."


async def _awaited(asked: Future[list[Answer]], until: float, receive: Receive) -> bool:
    """Wait for answers until they come, the time is over, or the client has gone; say whether it has.

    Where they have not come, `asked` is cancelled: rows that no call has taken yet need none.
    """
    loop = asyncio.get_running_loop()
    gone: asyncio.Future[Any] | None = None
    try:
        await _either(loop, asked, min(_SOON, until - loop.time()))
        if not asked.done():
            gone = asyncio.ensure_future(receive())
            await _either(loop, asked, until - loop.time(), gone)
    finally:
        asked.cancel()  # which changes nothing about those that are answered
        if gone is not None:
            gone.cancel()
    return gone is not None and gone.done() and not gone.cancelled()


async def _either(
    loop: asyncio.AbstractEventLoop, asked: Future[Any], seconds: float, *others: asyncio.Future[Any]
) -> None:
    """Wait for one of several to be done, or for some time."""
    waiter: asyncio.Future[None] = loop.create_future()

    def wake(*_: object) -> None:
        if not waiter.done():
            waiter.set_result(None)

    timer = loop.call_later(max(seconds, 0.0), wake)
    asked.add_done_callback(wake)  # called in the loop: there answers are told, and there they are cancelled
    for other in others:
        other.add_done_callback(wake)
    try:
        await waiter
    finally:
        timer.cancel()


def _later(error: str, seconds: float) -> Response:
    after = max(1, math.ceil(seconds))
    return fault(503, error, f"Ask again in {after} s.", {"Retry-After": str(after)})
