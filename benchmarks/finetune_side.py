"""One fit of one side, in a process of its own: Trainer and SetFit in the peers' environment, the package in ours.

    python benchmarks/finetune_side.py

The standard input is one line of JSON: the side, its settings, labelled rows, texts to answer, the encoder's folder,
seed and threads. The one line of output: answers, seconds to fit and to answer (importing and loading left out), and
the highest memory. A process a fit makes that memory the fit's own.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from typing import Any

Answers = list[int]
#: Answers, and seconds by their names.
Found = tuple[Answers, dict[str, float]]


class Clock:
    """Seconds of a fit and of the answers that follow it, and those of the processor, all threads together."""

    def __init__(self) -> None:
        self.readings = [(time.perf_counter(), time.process_time())]

    def lap(self) -> None:
        """End the fit; what follows are answers."""
        self.readings.append((time.perf_counter(), time.process_time()))

    def seconds(self) -> dict[str, float]:
        """End the answers, and give all seconds by their names in a record."""
        self.lap()
        (first, cpu_first), (middle, cpu_middle), (last, cpu_last) = self.readings
        return {
            "fit_seconds": middle - first,
            "fit_processor_seconds": cpu_middle - cpu_first,
            "answer_seconds": last - middle,
            "answer_processor_seconds": cpu_last - cpu_middle,
        }


def fit_trainer(asked: dict[str, Any]) -> Found:
    """Tune with Hugging Face's Trainer: its defaults, or lengths grouped, 32 rows a batch and bfloat16."""
    import torch
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    tokenizer = AutoTokenizer.from_pretrained(asked["model"])
    model = AutoModelForSequenceClassification.from_pretrained(asked["model"], num_labels=asked["labels"])
    best = {"train_sampling_strategy": "group_by_length", "per_device_train_batch_size": 32, "bf16": True}
    settings = {"best": {**best, "learning_rate": 1e-4}, "default": {}}[asked["mode"]]

    class Rows(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __init__(self, texts: list[str], codes: list[int] | None) -> None:
            self.ids = tokenizer(texts, truncation=True, max_length=asked["max_tokens"])["input_ids"]
            self.codes = codes

        def __len__(self) -> int:
            return len(self.ids)

        def __getitem__(self, at: int) -> dict[str, Any]:
            row = {"input_ids": self.ids[at]}
            return row if self.codes is None else {**row, "labels": self.codes[at]}

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, use_cpu=True, seed=asked["seed"], report_to="none", save_strategy="no",
            disable_tqdm=True, logging_strategy="no", **settings,
        )  # fmt: skip
        clock = Clock()
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=Rows(asked["texts"], asked["codes"]),
            data_collator=DataCollatorWithPadding(tokenizer),
        )
        trainer.train()
        clock.lap()
        # Trainer would group the rows to predict by length, too, and give their scores in that order.
        trainer.args.train_sampling_strategy = "random"
        scores = trainer.predict(Rows(asked["asked"], None)).predictions
        return scores.argmax(axis=1).tolist(), clock.seconds()


def fit_setfit(asked: dict[str, Any]) -> Found:
    """Tune with SetFit: its defaults, or at most so many steps."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    model = SetFitModel.from_pretrained(asked["model"])
    steps = {"max_steps": asked["steps"]} if asked["mode"] == "capped" else {}
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            seed=asked["seed"],
            report_to="none",
            save_strategy="no",
            show_progress_bar=False,
            **steps,
        )
        clock = Clock()
        rows = Dataset.from_dict({"text": asked["texts"], "label": asked["codes"]})
        Trainer(model=model, args=arguments, train_dataset=rows).train()
        clock.lap()
        return [int(code) for code in model.predict(asked["asked"])], clock.seconds()


def encode_peer(asked: dict[str, Any]) -> tuple[list[list[float]], dict[str, float]]:
    """Encode with sentence-transformers, its defaults."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(asked["model"], device="cpu")
    model.encode(asked["asked"][:8])
    clock = Clock()
    clock.lap()
    vectors = model.encode(asked["asked"], show_progress_bar=False, normalize_embeddings=True)
    return vectors.tolist(), clock.seconds()


def fit_ours(asked: dict[str, Any]) -> Found:
    """Tune with the package's own method."""
    from bakeoff.methods import loaded
    from bakeoff.methods.contract import RunContext
    from bakeoff.methods.registry import load_method, method_spec
    from bakeoff.tasks import classification_task

    names = [f"label {code:03d}" for code in range(asked["labels"])]
    task = classification_task(name="label", labels=names, metric="accuracy")
    spec = method_spec(asked["method"])
    method = load_method(asked["method"])(
        task=task, model=asked["model"], seed=asked["seed"], **{**spec.parameters, **asked.get("settings", {})}
    )
    loaded.encoder(asked["model"], "cpu")
    clock = Clock()
    method.within(RunContext(dtype=asked["dtype"])).fit(asked["texts"], [names[code] for code in asked["codes"]])
    clock.lap()
    answers = method.answer(asked["asked"])
    return [-1 if answer.value is None else names.index(answer.value) for answer in answers], clock.seconds()


def encode_ours(asked: dict[str, Any]) -> tuple[list[list[float]], dict[str, float]]:
    """Encode with the package's own encoder."""
    from bakeoff.methods import loaded
    from bakeoff.models.encoder import encode

    encoder = loaded.encoder(asked["model"], "cpu")
    encode(encoder, asked["asked"][:8])
    clock = Clock()
    clock.lap()
    vectors = encode(encoder, asked["asked"])
    return vectors.tolist(), clock.seconds()


SIDES = {
    "trainer": fit_trainer,
    "setfit": fit_setfit,
    "sentence-transformers": encode_peer,
    "ours": fit_ours,
    "our encoder": encode_ours,
}


def main() -> None:
    # What the libraries print must not mix with the answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    asked = json.load(sys.stdin)
    import sklearn.linear_model  # noqa: F401  # a fit would import it, and the next, too, inside its seconds
    import torch
    import torch._dynamo

    torch.set_num_threads(asked["threads"])
    found, seconds = SIDES[asked["side"]](asked)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {"answers": found, "peak_memory_mb": peak, **seconds}
    answers.write(json.dumps(told) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
