"""The peer of `serving.py`: transformers' pipeline behind FastAPI, with the batching that its documentation shows.

    python benchmarks/serving_pipeline.py MODEL_FOLDER --batching queue --most 32 --dtype float32 --threads 2

``none`` calls the pipeline in FastAPI's thread pool, a request a call, one call at a time. ``queue`` is the loop of
"Using pipelines for a webserver" in the documentation of transformers: whatever has come within a millisecond goes into
one call with that ``batch_size``; the call runs in a thread, so that requests are read meanwhile (there it runs in the
loop). ``--calls`` has several such loops take from one queue, each with a pipeline and a thread of its own;
``--processes`` has several processes listen on one port, as ``uvicorn --workers`` does, but with sockets of their own,
by which the system divides connections more evenly. ``--threads`` are those of one call. Prints its port when it
answers.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

WAIT_SECONDS = 0.001


class Text(BaseModel):
    """A request."""

    text: str


class Batched:
    """The loop of the documentation: one queue, whatever comes within a millisecond in one call."""

    def __init__(self, pipes: Sequence[Any], most: int, threads: int) -> None:
        self.pipes, self.most, self.threads = pipes, most, threads
        self.queue: asyncio.Queue[tuple[str, asyncio.Future[Any]]] = asyncio.Queue()

    async def ask(self, text: str) -> Any:
        """Wait for a text's answer."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        await self.queue.put((text, answer))
        return await answer

    async def work(self, pipe: Any) -> None:
        """Call one of the pipelines on what has come, for ever."""
        loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, initializer=set_threads(self.threads))
        while True:
            taken = [await self.queue.get()]
            while len(taken) < self.most:
                try:
                    taken.append(await asyncio.wait_for(self.queue.get(), WAIT_SECONDS))
                except TimeoutError:
                    break
            texts = [text for text, _answer in taken]
            found = await loop.run_in_executor(thread, lambda texts=texts: pipe(texts, batch_size=len(texts)))
            for (_text, answer), told in zip(taken, found, strict=True):
                answer.set_result(told)


def set_threads(threads: int) -> Callable[[], None]:
    """Give what a thread does first: its calls have so many threads."""
    return lambda: torch.set_num_threads(threads)


def make_app(pipes: Sequence[Any], batching: str, most: int, threads: int) -> FastAPI:
    """Make the app of the peer."""
    batched, alone = Batched(pipes, most, threads), threading.Lock()

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        work = [asyncio.create_task(batched.work(pipe)) for pipe in pipes]
        yield
        for each in work:
            each.cancel()

    app = FastAPI(lifespan=lifespan)
    if batching == "queue":

        @app.post("/predict")
        async def predict(body: Text) -> Any:
            return await batched.ask(body.text)
    else:

        @app.post("/predict")
        def predict_alone(body: Text) -> Any:
            with alone:
                torch.set_num_threads(threads)
                return pipes[0]([body.text])[0]

    return app


def pipelines(folder: str, dtype: str, most_tokens: int, count: int) -> list[Any]:
    """Make pipelines of one model, each with a tokenizer of its own."""
    torch.manual_seed(0)  # of the head, which is not trained: its labels are not compared, its work is the same
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2, dtype=getattr(torch, dtype))
    found = [
        pipeline(
            "text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder), device="cpu",
            top_k=None, truncation=True, max_length=most_tokens,
        )
        for _ in range(count)
    ]  # fmt: skip
    for pipe in found:
        pipe(["An ordinary sentence."])
    return found


def listening_on(port: int) -> socket.socket:
    """Give a socket that several processes may have of one port; 0 takes a free one."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    found.bind(("127.0.0.1", port))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--batching", choices=("none", "queue"), default="queue")
    parser.add_argument("--most", type=int, default=32)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--max-tokens", type=int, default=256)
    given = parser.parse_args()
    listening, (reading, writing) = listening_on(0), os.pipe()
    port, first = listening.getsockname()[1], True
    for _ in range(given.processes - 1):
        if os.fork() == 0:  # nothing has computed yet, so that a copy of this process is as good as a new one
            listening, first = listening_on(port), False
            break
    torch.set_num_threads(given.threads)
    pipes = pipelines(given.folder, given.dtype, given.max_tokens, given.calls)
    listening.listen(2048)
    os.close(writing)
    if first:
        os.read(reading, 1)  # ends when no process has the other end any more: all of them have loaded
        print(port, flush=True)
    app = make_app(pipes, given.batching, given.most, given.threads)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening])


if __name__ == "__main__":
    main()
