"""DSPy as `benchmarks/prompting.py` asks it, in DSPy's own environment.

    python benchmarks/prompting_peer.py < request.json

The request, one JSON object: labelled rows, texts to answer, label names, optimizer, adapter, seed, seconds that it may
take, and address and model of a server. The answer is one line of JSON: labels, seconds, and how the optimizer ended.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import time
from typing import Any, Literal

import dspy
from dspy.utils.callback import BaseCallback

#: Share of the labelled rows that demonstrations come from; the others choose among prompts. DSPy's own for prompts.
TRAIN_SHARE = 0.2
#: A failed answer counts as wrong, as in DSPy's own evaluation, and never ends the optimizer.
ERRORS = 1_000_000
#: Tokens that an answer, and a proposed instruction, may take.
ANSWER_TOKENS, PROPOSAL_TOKENS = 48, 400
INSTRUCTION = "Choose the label of the text."


class TimeIsUpError(Exception):
    """The optimizer's time is over."""


class TimedModel(dspy.LM):
    """A model that answers until a moment, for all copies that an optimizer makes of it.

    Then every call fails at once. DSPy counts failed rows as wrong, so that an optimizer runs through what is left in
    no time and ends by itself, with the best program that it has measured.
    """

    until = math.inf

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """Answer, where there is time."""
        if time.monotonic() > TimedModel.until:
            raise TimeIsUpError
        return super().__call__(*args, **settings)


class Measured(BaseCallback):
    """Counts the candidates that were measured within the time, and asks the optimizer to stop when it is over."""

    def __init__(self) -> None:
        self.candidates = 0
        self.optimizer: Any = None

    def on_evaluate_end(self, call_id: str, outputs: Any, exception: Exception | None = None) -> None:  # noqa: ARG002
        """Count one more, where its rows were answered in time."""
        if time.monotonic() <= TimedModel.until:
            self.candidates += exception is None
        elif hasattr(self.optimizer, "stop_at_score"):
            # Any score is enough now: the random search makes no further candidate, and gives the best of those it has.
            self.optimizer.stop_at_score = 0


class Classifier(dspy.Module):
    """Gives the label of a text."""

    def __init__(self, labels: list[str]) -> None:
        super().__init__()
        kinds = {"text": (str, dspy.InputField()), "label": (Literal[tuple(labels)], dspy.OutputField())}
        self.choose = dspy.Predict(dspy.Signature(kinds, INSTRUCTION))

    def forward(self, text: str) -> dspy.Prediction:
        """Answer one text."""
        return self.choose(text=text)


def is_right(example: dspy.Example, found: dspy.Prediction, trace: object = None) -> bool:  # noqa: ARG001
    """Compare an answer with the row's label."""
    return bool(example.label == found.label)


def connect(url: str, model: str, adapter: str) -> None:
    """Declare the server as one that holds answers to a schema, which llama.cpp does by a grammar."""
    access = dspy.lm15.AccessPolicy(
        provider="loopback",
        supports=dspy.lm15.EndpointSupport(complete=True, stream=True, models=True),
        auth_modes=("bearer",),
        base_url=url,
    )
    wire = dspy.lm15.OpenAIChatCompat(instruction_role="system", max_tokens_field="max_tokens", thinking_format="none")
    definition = dspy.lm15.ProviderDefinition.chat(access, compat=wire, placeholder_key="none")
    dspy.lm15.register_provider(definition, supports=dspy.lm15.ModelSupport(response_schema=True))
    # A cache on disk would outlive the run, and with it the next run's seconds.
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=True)
    dspy.configure(
        lm=TimedModel(f"loopback/{model}", temperature=0.0, max_tokens=ANSWER_TOKENS),
        adapter={"json": dspy.JSONAdapter, "chat": dspy.ChatAdapter, "xml": dspy.XMLAdapter}[adapter](),
    )


def optimizer_of(name: str, seed: int, threads: int) -> Any:
    """Make an optimizer, with DSPy's own settings where nothing speaks against them."""
    if name == "bootstrap":
        return dspy.BootstrapFewShotWithRandomSearch(is_right, num_threads=threads, max_errors=ERRORS)
    proposer = dspy.settings.lm.copy(max_tokens=PROPOSAL_TOKENS)
    return dspy.MIPROv2(
        is_right, prompt_model=proposer, auto="light", num_threads=threads, max_errors=ERRORS, seed=seed
    )


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Compile a classifier on the labelled rows, and answer the texts with it."""
    connect(asked["url"], asked["model"], asked["adapter"])
    rows = [dspy.Example(text=text, label=label).with_inputs("text") for text, label in asked["labelled"]]
    cut = round(TRAIN_SHARE * len(rows))
    program, failure, measured = Classifier(asked["labels"]), None, Measured()
    began = time.monotonic()
    TimedModel.until = began + asked["seconds"]
    try:
        with dspy.context(callbacks=[measured]):
            measured.optimizer = optimizer_of(asked["optimizer"], asked["seed"], asked["threads"])
            program = measured.optimizer.compile(program, trainset=rows[:cut], valset=rows[cut:])
    except TimeIsUpError:
        failure = "the time was over before the first candidate was measured"
    except Exception as error:
        # What ends an optimizer (a proposal that cannot be read, say) is its result: the prompt as it was written.
        failure = f"{type(error).__name__}: {error}"[:500]
    compiled = time.monotonic()
    was_cut = compiled > TimedModel.until
    TimedModel.until = math.inf
    texts = [dspy.Example(text=text).with_inputs("text") for text in asked["texts"]]
    found = program.batch(texts, num_threads=asked["threads"], max_errors=ERRORS, disable_progress_bar=True)
    if all(one is None for one in found):
        raise SystemExit(f"Not one of {len(texts)} texts was answered: is the server at {asked['url']} still there?")
    return {
        "answers": [None if one is None else one.label for one in found],
        "compile_seconds": compiled - began,
        "answer_seconds": time.monotonic() - compiled,
        "candidates": measured.candidates,
        "cut": was_cut,
        "failure": failure,
        "instruction": program.choose.signature.instructions,
        "demonstrations": len(program.choose.demos),
        "version": dspy.__version__,
    }


def main() -> None:
    # What DSPy prints must not mix with the answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # Rows that fail are told one by one, thousands of them where the time is over.
    for name in ("dspy.utils.parallelizer", "dspy.teleprompt.bootstrap"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    found = answer(json.load(sys.stdin))
    answers.write(json.dumps(found) + "\n")
    answers.flush()
    # Threads that wait for a server that is going away must not hold the process.
    os._exit(0)


if __name__ == "__main__":
    main()
