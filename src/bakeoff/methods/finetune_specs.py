"""What a plan knows of the fine-tuning methods, nothing heavy loaded."""

from __future__ import annotations

from bakeoff.methods import forecast
from bakeoff.methods.spec import MethodSpec

__all__ = ["FINETUNE_SPECS"]

_CLASSIFICATION = ("classification",)

FINETUNE_SPECS: tuple[MethodSpec, ...] = (
    MethodSpec(
        name="probe",
        version="1",
        arm="finetune",
        summary="Frozen encoder, logistic head chosen by cross-validation.",
        kinds=_CLASSIFICATION,
        least_n=2,
        model="encoder",
        location="bakeoff.methods.finetune.probe:Probe",
        forecast=forecast.forecast_probe,
        parameters={},
    ),
    MethodSpec(
        name="full",
        version="2",
        arm="finetune",
        summary="All weights of an encoder and a new head.",
        kinds=_CLASSIFICATION,
        least_n=8,
        model="encoder",
        location="bakeoff.methods.finetune.full:FullFineTuning",
        forecast=forecast.forecast_full,
        parameters={
            "learning_rate": 1e-4,
            "max_epochs": 3,
            "batch_rows": 16,
            "least_steps": 60,
            "class_weights": False,
        },
    ),
    MethodSpec(
        name="lora",
        version="1",
        arm="finetune",
        summary="Low-rank adapters on a decoder and a new head.",
        kinds=_CLASSIFICATION,
        least_n=8,
        model="decoder",
        location="bakeoff.methods.finetune.lora:LoraClassifier",
        forecast=forecast.forecast_lora,
        parameters={"learning_rate": 5e-4, "epochs": 4, "rank": 16, "batch_rows": 8, "least_steps": 40},
        extra="finetune",
        needs_module="peft",
    ),
)
