"""Tuned models as folders that the transformers library loads by itself, with the same scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.errors import OptionError
from bakeoff.methods.finetune.pooled_head import NEVER, check_family, pooled_classifier, probe_texts
from bakeoff.methods.heads import LinearHead
from bakeoff.methods.outputs import ManyLabels, Number, Outputs
from bakeoff.models.decoder import Decoder, has_chat_template
from bakeoff.models.encoder import Encoder, pooled
from bakeoff.models.loading import loading
from bakeoff.records import WrittenForm
from bakeoff.tasks import Task

__all__ = ["check_one_vector", "on_cpu", "write_classifier", "write_language_model"]

_NOT_AS_PAIRS = (
    "A Hugging Face classifier reads both texts of a pair at once; this method compares the vectors of the two."
)

#: Texts of random words, for 2 dimensions of a vector, that choose how a mean is held and that the two are compared by.
_TEXTS_FOR_TWO = 3
_LEAST_TEXTS, _TEXTS_AT_ONCE = 256, 64
#: Largest difference of a score: a probability of one half moves by a quarter of it.
_ALLOWED = 0.01

_CLASSIFIER = "AutoModelForSequenceClassification"
_PROBLEMS = {"multi-label": "multi_label_classification", "regression": "regression"}


def check_one_vector(task: Task, *, paired: bool) -> None:
    """Refuse what needs more than the vector of one row.

    Raises
    ------
    OptionError
        For tags, and for a method that compares the vectors of two texts.
    """
    if task.kind == "tagging" or paired:
        told = (
            _NOT_AS_PAIRS
            if paired
            else "Tags hang on how words are marked before they are read, which no folder holds."
        )
        raise OptionError(told, next_step="Serve the bundle with bakeoff serve.")


def write_classifier(
    encoder: Encoder, head: LinearHead, outputs: Outputs, folder: Path, *, notes: Sequence[str] = ()
) -> WrittenForm:
    """Write a pooled encoder and its head as a sequence classifier, and hold it to what it was made of.

    Parameters
    ----------
    encoder : Encoder
        Whole weights, without adapters.
    head : LinearHead
        On vectors of length 1.
    outputs : Outputs
        How scores are read.
    folder : Path
        An existing folder.
    notes : sequence of str
        What the method does that no folder holds.

    Returns
    -------
    WrittenForm

    Raises
    ------
    OptionError
        If the encoder's family has no such form, or the form would give other scores.
    """
    check_family(encoder)
    head = _in_own_unit(head, outputs)
    rows = max(_LEAST_TEXTS, _TEXTS_FOR_TWO * head.weights.shape[1] // 2)
    ids = _token_ids(encoder, probe_texts(encoder.tokenizer, rows))
    means = _of_batches(encoder, ids, lambda *batch: _means(encoder, *batch))
    model = pooled_classifier(encoder, head, means.astype(np.float32))
    given = _of_batches(encoder, ids, lambda tokens, mask: model(input_ids=tokens, attention_mask=mask).logits)
    largest = _largest_difference(given, means, head)
    unit = outputs.scale if isinstance(outputs, Number) else 1.0
    if not largest <= _ALLOWED * unit:
        raise OptionError(
            f"As a Hugging Face classifier the model would give other scores: by {largest:.3g}, where "
            f"{_ALLOWED * unit:g} is allowed.",
            next_step="Serve the bundle with bakeoff serve.",
        )
    _name_outputs(model.config, outputs.task)
    with loading(encoder.name):
        model.save_pretrained(folder)
        _tokenizer_for(encoder).save_pretrained(folder)
    told = (*notes, *_notes_of(outputs))
    return WrittenForm(_CLASSIFIER, "text-classification", encoder.max_tokens, told, rows, largest)


def _largest_difference(given: NDArray[np.float64], means: NDArray[np.float64], head: LinearHead) -> float:
    """Give how far a model's scores are from those of a head on scaled means."""
    vectors = means / np.linalg.norm(means, axis=1, keepdims=True)
    right = vectors @ head.weights.astype(np.float64).T + np.maximum(head.bias, NEVER)
    return float(np.abs(given - right).max())


def write_language_model(
    decoder: Decoder, model: Any, folder: Path, instruction: str, most_written: int
) -> WrittenForm:
    """Write a decoder that was tuned to write, with its tokenizer and its chat form.

    Parameters
    ----------
    decoder : Decoder
    model : transformers model
        Whole weights, without adapters.
    folder : Path
        An existing folder.
    instruction : str
        That stood before each text in training.
    most_written : int
        Tokens that are written for a row at most.

    Returns
    -------
    WrittenForm
    """
    with loading(decoder.name):
        model.save_pretrained(folder)
        decoder.tokenizer.save_pretrained(folder)
    notes = (
        f"At most {most_written} tokens are written for a text, the likeliest one each time: `do_sample=False, "
        f"max_new_tokens={most_written}`.",
        "Marks of the chat form inside a text are read by transformers as marks; the bundle reads them as characters.",
    )
    asked = (("system", instruction), ("user", "{text}"))
    question = asked if has_chat_template(decoder.tokenizer) else (("", f"{instruction}\n\n{{text}}\n\nAnswer:"),)
    return WrittenForm("AutoModelForCausalLM", "text-generation", decoder.context_length, notes, question=question)


def _in_own_unit(head: LinearHead, outputs: Outputs) -> LinearHead:
    """Give a head whose score of a number is the number."""
    if not isinstance(outputs, Number):
        return head
    weights = (head.weights * outputs.scale).astype(np.float32)
    return LinearHead(weights, (head.bias * outputs.scale + outputs.mean).astype(np.float32))


def _name_outputs(config: Any, task: Task) -> None:
    names = task.labels or (task.name,)
    config.id2label = dict(enumerate(names))
    config.label2id = {name: place for place, name in enumerate(names)}
    config.problem_type = _PROBLEMS.get(task.kind, "single_label_classification")
    config.architectures = None


def _notes_of(outputs: Outputs) -> tuple[str, ...]:
    """Say what reading the scores takes beside them."""
    if not isinstance(outputs, ManyLabels):
        return ()
    read = ", ".join(
        f"{label} {threshold:g}" for label, threshold in zip(outputs.task.labels, outputs.thresholds, strict=True)
    )
    told = (
        f"A label is given where its probability reaches its threshold; transformers gives probabilities alone, so "
        f"compare them yourself (top_k=None): {read}."
    )
    bare = "A row of which no label reaches its threshold gets the label that comes nearest to it."
    return (told, bare) if outputs.least_one else (told,)


def _tokenizer_for(encoder: Encoder) -> Any:
    """Give a copy of the tokenizer that cuts where the encoder does, and gives what it was tuned with."""
    import copy

    tokenizer = copy.deepcopy(encoder.tokenizer)
    tokenizer.model_max_length = encoder.max_tokens
    # Both texts of a pair were read as of one kind.
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    return tokenizer


def _token_ids(encoder: Encoder, texts: Sequence[str]) -> list[list[int]]:
    found: list[list[int]] = encoder.tokenizer(
        list(texts), truncation=True, max_length=encoder.max_tokens, return_attention_mask=False, verbose=False
    )["input_ids"]
    return found


def _means(encoder: Encoder, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    states = encoder.model(input_ids=tokens, attention_mask=mask).last_hidden_state
    return pooled(states.float(), mask, encoder.pooling)


def _of_batches(encoder: Encoder, ids: Sequence[list[int]], ask: Any) -> NDArray[np.float64]:
    """Ask for all rows, in batches of like length; shape (rows, numbers)."""
    from bakeoff.methods.finetune.token_rows import padded

    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    found: dict[int, NDArray[np.float64]] = {}
    for start in range(0, len(order), _TEXTS_AT_ONCE):
        rows = order[start : start + _TEXTS_AT_ONCE]
        batch = padded([ids[row] for row in rows], int(encoder.tokenizer.pad_token_id or 0), torch.device("cpu"))
        with torch.inference_mode():
            found.update(zip(rows, ask(*batch).double().numpy(), strict=True))
    return np.stack([found[row] for row in range(len(ids))])


def on_cpu(encoder: Encoder, model: Any) -> Encoder:
    """Give an encoder around another model, in float32 on the processor, where it is written from."""
    return replace(encoder, model=model.to("cpu").float(), device="cpu")
