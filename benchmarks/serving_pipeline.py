"""The peer of `serving.py`: transformers' pipeline behind FastAPI, with the batching that its documentation shows.

    python benchmarks/serving_pipeline.py MODEL_FOLDER --batching queue --most 32 --dtype float32 --threads 2

``none`` calls the pipeline in FastAPI's thread pool, a request a call, one call at a time. ``queue`` is the loop of
"Using pipelines for a webserver" in the documentation of transformers: whatever has come within a millisecond goes into
one call with that ``batch_size``; the call runs in a thread, so that requests are read meanwhile (there it runs in the
loop). Prints its port when it answers.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator
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

    def __init__(self, pipe: Any, most: int) -> None:
        self.pipe, self.most = pipe, most
        self.queue: asyncio.Queue[tuple[str, asyncio.Future[Any]]] = asyncio.Queue()

    async def ask(self, text: str) -> Any:
        """Wait for a text's answer."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        await self.queue.put((text, answer))
        return await answer

    async def work(self) -> None:
        """Call the pipeline on what has come, for ever."""
        while True:
            taken = [await self.queue.get()]
            while len(taken) < self.most:
                try:
                    taken.append(await asyncio.wait_for(self.queue.get(), WAIT_SECONDS))
                except TimeoutError:
                    break
            texts = [text for text, _answer in taken]
            found = await asyncio.to_thread(self.pipe, texts, batch_size=len(texts))
            for (_text, answer), told in zip(taken, found, strict=True):
                answer.set_result(told)


def make_app(pipe: Any, batching: str, most: int) -> FastAPI:
    """Make the app of the peer."""
    batched, alone = Batched(pipe, most), threading.Lock()

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        work = asyncio.create_task(batched.work())
        yield
        work.cancel()

    app = FastAPI(lifespan=lifespan)
    if batching == "queue":

        @app.post("/predict")
        async def predict(body: Text) -> Any:
            return await batched.ask(body.text)
    else:

        @app.post("/predict")
        def predict_alone(body: Text) -> Any:
            with alone:
                return pipe([body.text])[0]

    return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--batching", choices=("none", "queue"), default="queue")
    parser.add_argument("--most", type=int, default=32)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--max-tokens", type=int, default=256)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)  # of the head, which is not trained: its labels are not compared, its work is the same
    model = AutoModelForSequenceClassification.from_pretrained(
        given.folder, num_labels=2, dtype=getattr(torch, given.dtype)
    )
    tokenizer = AutoTokenizer.from_pretrained(given.folder)
    pipe = pipeline(
        "text-classification", model=model, tokenizer=tokenizer, device="cpu", top_k=None, truncation=True,
        max_length=given.max_tokens,
    )  # fmt: skip
    pipe(["An ordinary sentence."])
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        print(listening.getsockname()[1], flush=True)
        settings = uvicorn.Config(make_app(pipe, given.batching, given.most), log_level="warning", access_log=False)
        uvicorn.Server(settings).run(sockets=[listening])


if __name__ == "__main__":
    main()
