"""What a plan knows of the prompting methods whose answer is a text, nothing heavy loaded."""

from __future__ import annotations

from bakeoff.methods.forecast import forecast_server
from bakeoff.methods.prompt_written_forecast import (
    forecast_given_text,
    forecast_retrieved_text,
    forecast_searched_text,
    forecast_written,
)
from bakeoff.methods.spec import MethodSpec

__all__ = ["PROMPT_WRITTEN_SPECS"]

_GENERATION = ("generation",)
_WRITTEN = "bakeoff.methods.prompt.written:WrittenPrompt"
_SERVER = "bakeoff.methods.prompt.server_written:ServerWriter"

PROMPT_WRITTEN_SPECS: tuple[MethodSpec, ...] = (
    MethodSpec(
        name="write-zero-shot",
        version="1",
        arm="prompt",
        summary="Instruction, and the text that a decoder writes behind it.",
        kinds=_GENERATION,
        least_n=0,
        model="decoder",
        location=_WRITTEN,
        forecast=forecast_written,
        parameters={"shots": 0},
        seeded=False,
        uses_labels=False,
    ),
    MethodSpec(
        name="write-few-shot",
        version="1",
        arm="prompt",
        summary="Up to eight demonstrations, and the text that a decoder writes behind them.",
        kinds=_GENERATION,
        least_n=4,
        model="decoder",
        location=_WRITTEN,
        forecast=forecast_written,
        parameters={"shots": 8},
        stands_for_learning=True,
    ),
    MethodSpec(
        name="write-retrieved",
        version="1",
        arm="prompt",
        summary="For each text the labelled rows most like it, and the text that a decoder writes behind them.",
        kinds=_GENERATION,
        least_n=4,
        model="decoder",
        location=_WRITTEN,
        forecast=forecast_retrieved_text,
        parameters={"shots": 4, "demonstrations": "retrieved"},
        by_default=False,
    ),
    MethodSpec(
        name="write-search",
        version="1",
        arm="prompt",
        summary="The best of eight prompts, found by sequential halving inside the labelled rows, writes the text.",
        kinds=_GENERATION,
        least_n=16,
        model="decoder",
        location="bakeoff.methods.prompt.written_search:SearchedWriting",
        forecast=forecast_searched_text,
        parameters={"searched": 8},
        by_default=False,
    ),
    MethodSpec(
        name="given-prompt-text",
        version="1",
        arm="prompt",
        summary="A prompt file of the user's, and the text that a decoder writes behind it.",
        kinds=_GENERATION,
        least_n=0,
        model="decoder",
        location="bakeoff.methods.prompt.given_writing:GivenWriting",
        forecast=forecast_given_text,
        parameters={},
        seeded=False,
        uses_labels=False,
        takes_prompt=True,
    ),
    MethodSpec(
        name="server-write",
        version="1",
        arm="prompt",
        summary="Instruction, and the text that a server writes behind it.",
        kinds=_GENERATION,
        least_n=0,
        model="server",
        location=_SERVER,
        forecast=forecast_server,
        parameters={"shots": 0},
        seeded=False,
        uses_labels=False,
        extra="server",
        needs_module="httpx",
    ),
    MethodSpec(
        name="server-write-few-shot",
        version="1",
        arm="prompt",
        summary="Eight demonstrations, and the text that a server writes behind them.",
        kinds=_GENERATION,
        least_n=8,
        model="server",
        location=_SERVER,
        forecast=forecast_server,
        parameters={"shots": 8},
        extra="server",
        needs_module="httpx",
    ),
)
