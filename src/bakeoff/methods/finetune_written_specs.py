"""What a plan knows of the methods that are tuned to write, nothing heavy loaded."""

from __future__ import annotations

from bakeoff.methods.spec import MethodSpec
from bakeoff.methods.written_forecast import forecast_text_writer

__all__ = ["FINETUNE_WRITTEN_SPECS"]

_GENERATION = ("generation",)

FINETUNE_WRITTEN_SPECS: tuple[MethodSpec, ...] = (
    MethodSpec(
        name="write-lora",
        version="1",
        arm="finetune",
        summary="Low-rank adapters on a decoder that learns to write the target.",
        kinds=_GENERATION,
        least_n=8,
        model="decoder",
        location="bakeoff.methods.finetune.lora_text_writer:LoraTextWriter",
        forecast=forecast_text_writer,
        parameters={
            "learning_rate": 5e-4,
            "epochs": 3,
            "rank": 16,
            "batch_rows": 8,
            "least_steps": 30,
            "merge": False,
            "frozen_share": 0.5,
        },
        extra="finetune",
        needs_module="peft",
        by_default=False,
        search_space={"learning_rate": (1e-4, 2e-3), "epochs": [1, 2, 3, 5], "rank": [4, 16]},
    ),
    MethodSpec(
        name="write-full",
        version="1",
        arm="finetune",
        summary="The upper half of a decoder that learns to write the target.",
        kinds=_GENERATION,
        least_n=8,
        model="decoder",
        location="bakeoff.methods.finetune.text_writer:FullTextWriter",
        forecast=forecast_text_writer,
        parameters={"learning_rate": 2e-4, "epochs": 3, "batch_rows": 8, "least_steps": 30, "frozen_share": 0.5},
        search_space={"learning_rate": (2e-5, 5e-4), "epochs": [1, 2, 3, 5]},
    ),
    MethodSpec(
        name="write-seq2seq",
        version="1",
        arm="finetune",
        summary="All weights of an encoder-decoder that learns to write the target; not verified with pre-trained "
        "weights.",
        kinds=_GENERATION,
        least_n=8,
        model="seq2seq",
        location="bakeoff.methods.finetune.seq2seq_text_writer:Seq2SeqTextWriter",
        forecast=forecast_text_writer,
        parameters={"learning_rate": 3e-4, "epochs": 4, "batch_rows": 8, "least_steps": 60},
        by_default=False,
        search_space={"learning_rate": (5e-5, 2e-3), "epochs": [2, 4, 8]},
    ),
)
