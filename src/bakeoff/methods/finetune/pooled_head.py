"""A pooled encoder and its linear head as a plain sequence classifier of the transformers library.

The library's classifiers of the BERT family read the first token alone, and scale nothing. Averaging the tokens and
scaling the mean to length 1 is written as one further layer of the same kind: attention without queries averages, and
the layer's own normalisation scales. A normalised layer holds one direction less than it has dimensions, which the last
layer's own normalisation leaves out anyway, and loses how long a vector was. So either a constant stands in one further
direction, that in which texts differ least, and all that is lost is what it adds to a mean's length; or there is no
constant, and what the means have in common is left to the head's bias. The better of the two by some texts is taken.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.errors import OptionError
from bakeoff.methods.heads import LinearHead
from bakeoff.models.encoder import Encoder

__all__ = ["NEVER", "check_family", "pooled_classifier", "probe_texts"]

Reals = NDArray[np.float64]

#: Where a family has its encoder and the two layers of its head.
_FAMILIES = {
    "bert": ("bert", "bert.pooler.dense", "classifier"),
    "roberta": ("roberta", "classifier.dense", "classifier.out_proj"),
    "xlm-roberta": ("roberta", "classifier.dense", "classifier.out_proj"),
    "camembert": ("roberta", "classifier.dense", "classifier.out_proj"),
}
#: By which the averages outweigh the token's own state that every layer adds to them; a power of two costs no digit.
_LOUDER = 2.0**22
#: In this range the head's hyperbolic tangent changes nothing that 32 bits hold.
_QUIETER = 2.0**-14
#: Offset at which an activation such as GELU gives what it gets.
_LINEAR_FROM = 64.0
#: For a label that no row had: its probability is 0 in 32 bits, and the number is one that every format holds.
NEVER = -1e4
_LINEAR_ACTIVATIONS = ("gelu", "gelu_new", "relu", "gelu_pytorch_tanh", "silu")


@dataclass(frozen=True, slots=True)
class _Form:
    """How a mean is held by a normalised layer: ``weight @ mean + bias`` goes in, ``head`` reads what comes out."""

    weight: Reals
    bias: Reals
    head: Reals
    head_bias: Reals

    def scores(self, means: Reals) -> Reals:
        """Give the scores of means, shape (texts, labels)."""
        given = means @ self.weight.T + self.bias
        given *= np.sqrt(given.shape[1]) / np.linalg.norm(given, axis=1, keepdims=True)
        return np.asarray(given @ self.head.T + self.head_bias)


def check_family(encoder: Encoder) -> None:
    """Refuse an encoder whose sequence classifier cannot be written here.

    Parameters
    ----------
    encoder : Encoder

    Raises
    ------
    OptionError
        If it is of another family, pools by the largest value, or does not scale its vectors to length 1.
    """
    kind = str(encoder.model.config.model_type)
    if kind not in _FAMILIES:
        raise OptionError(
            f"A Hugging Face classifier is written for encoders of the families {', '.join(_FAMILIES)}; "
            f"{encoder.name} is of the family {kind}, whose classifier in transformers pools otherwise.",
            next_step="Serve the bundle with bakeoff serve, or tune an encoder of one of these families.",
        )
    if encoder.pooling == "max" or not encoder.normalise:
        told = "pools by the largest value" if encoder.pooling == "max" else "does not scale its vectors to length 1"
        raise OptionError(
            f"A Hugging Face classifier is written for encoders that pool by the mean or the first token and scale "
            f"the vector to length 1; {encoder.name} {told}.",
            next_step="Serve the bundle with bakeoff serve, or tune another encoder.",
        )


def probe_texts(tokenizer: Any, rows: int, seed: int = 0) -> list[str]:
    """Give texts of random words of a tokenizer, by which two forms of a model are compared.

    Parameters
    ----------
    tokenizer : transformers tokenizer
    rows : int
    seed : int

    Returns
    -------
    list of str
        Of 2 to 12 tokens.
    """
    generator = np.random.default_rng(seed)
    special = set(tokenizer.all_special_ids)
    known = [place for place in range(len(tokenizer)) if place not in special]
    lengths = generator.integers(2, 13, size=rows)
    return [tokenizer.decode(generator.choice(known, size=length).tolist()) for length in lengths]


def pooled_classifier(encoder: Encoder, head: LinearHead, means: NDArray[np.float32]) -> Any:
    """Write an encoder with pooling, scaling and a head as one model of the transformers library.

    Parameters
    ----------
    encoder : Encoder
        See `check_family`; it stays as it is.
    head : LinearHead
        On vectors of length 1.
    means : ndarray of float32, shape (texts, dimensions)
        What the encoder pools of some texts, before scaling; they choose the direction that is lost.

    Returns
    -------
    transformers model
        ``AutoModelForSequenceClassification``, in float32 and evaluation mode; labels are not named yet.
    """
    from transformers import AutoModelForSequenceClassification

    body, first, last = _FAMILIES[str(encoder.model.config.model_type)]
    config = copy.deepcopy(encoder.model.config)
    config.num_hidden_layers += 1
    config.num_labels = len(head.weights)
    with torch.random.fork_rng(devices=[]):
        model = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32).eval()
    inner = model.get_submodule(body)
    inner.load_state_dict(encoder.model.float().state_dict(), strict=False)
    before, added = inner.encoder.layer[-2].output.LayerNorm, inner.encoder.layer[-1]
    scale, shift = (tensor.detach().double().numpy().copy() for tensor in (before.weight, before.bias))
    form = _form_of(scale, shift, head, means.astype(np.float64))
    # The last layer's own scale and shift move into the added one, so that its states have the mean 0 and the length 1.
    _set(before, np.ones_like(scale))
    if encoder.pooling == "mean":
        _average(added, form.weight * scale, form.weight @ shift + form.bias)
    else:
        _carry(added, form.weight * scale, form.weight @ shift + form.bias, str(config.hidden_act))
    width = len(scale)
    _set(model.get_submodule(first), np.eye(width) * _QUIETER)
    _set(model.get_submodule(last), form.head / _QUIETER, form.head_bias)
    return model


def _form_of(scale: Reals, shift: Reals, head: LinearHead, means: Reals) -> _Form:
    """Put a mean into the directions that a normalised layer has, and say how a head reads it there."""
    safe = np.where(np.abs(scale) < 1e-12, 1e-12, scale)
    # Every state of the last layer, and so every mean of them, lies in one plane across this direction.
    across = (1 / safe) / np.linalg.norm(1 / safe)
    weights, bias = head.weights.astype(np.float64), np.maximum(head.bias, NEVER).astype(np.float64)
    forms = [
        build(across, float(across @ shift), weights, bias, means) for build in (_with_constant, _without_constant)
    ]
    right = means / np.linalg.norm(means, axis=1, keepdims=True) @ weights.T + bias
    return min(forms, key=lambda form: float(np.abs(form.scores(means) - right).max()))


def _with_constant(across: Reals, height: float, weights: Reals, bias: Reals, means: Reals) -> _Form:
    """Leave out the direction in which texts differ least, and hold a constant in its place."""
    width = len(across)
    lost = _least_direction(across, weights, means)
    constant = np.sqrt(height**2 + float(((means @ lost) ** 2).mean()))
    kept, balanced = _complement(np.stack([across, lost])), _complement(np.ones((1, width)))
    inside, beside = balanced[: width - 2].T, balanced[width - 2]
    read = (weights @ kept.T) @ inside.T
    if constant > 1e-9:
        read += np.outer(weights @ across * height / constant, beside)
    return _Form(inside @ kept, beside * constant, read / np.sqrt(width), bias)


def _without_constant(across: Reals, height: float, weights: Reals, bias: Reals, means: Reals) -> _Form:
    """Hold every direction in which means can differ, and add to the bias what they have in common."""
    width = len(across)
    kept, inside = _complement(across[None]), _complement(np.ones((1, width))).T
    common = weights @ across * height * float((1 / np.linalg.norm(means, axis=1)).mean())
    read = (weights @ kept.T) @ inside.T / np.sqrt(width)
    return _Form(inside @ kept, np.zeros(width), read, bias + common)


def _least_direction(across: Reals, weights: Reals, means: Reals) -> Reals:
    """Give the direction that the head does not read and that adds least to a mean's length."""
    free = _complement(np.vstack([across, weights]))
    # A head of as many labels as dimensions reads every direction: the one that texts need least has to do then.
    free = free if len(free) else _complement(across[None])
    parts = means / np.linalg.norm(means, axis=1, keepdims=True) @ free.T
    _values, vectors = np.linalg.eigh(parts.T @ parts)
    return np.asarray(vectors[:, 0] @ free)


def _complement(rows: Reals) -> Reals:
    """Give an orthonormal basis, row by row, of what is at right angles to all rows."""
    _left, values, right = np.linalg.svd(rows, full_matrices=True)
    rank = int((values > 1e-10 * max(values.max(), 1e-300)).sum())
    return np.asarray(right[rank:])


def _average(layer: Any, weight: Reals, bias: Reals) -> None:
    """Let a layer give, at every token, the normalised mean of ``weight @ state + bias``."""
    width, attention = len(bias), layer.attention
    for silent in (attention.self.query, attention.self.key):
        _set(silent, np.zeros((width, width)))
    _set(attention.self.value, weight, bias)
    _set(attention.output.dense, np.eye(width) * _LOUDER)
    _set(layer.intermediate.dense, np.zeros(tuple(layer.intermediate.dense.weight.shape)))
    _set(layer.output.dense, np.zeros(tuple(layer.output.dense.weight.shape)))
    for normalisation in (attention.output.LayerNorm, layer.output.LayerNorm):
        _set(normalisation, np.ones(width))


def _carry(layer: Any, weight: Reals, bias: Reals, activation: str) -> None:
    """Let a layer give, at every token, ``weight @ state + bias`` of its own state, normalised."""
    width, attention = len(bias), layer.attention
    wide = int(layer.intermediate.dense.weight.shape[0])
    if activation not in _LINEAR_ACTIVATIONS or wide < width:
        raise OptionError(
            f"The encoder's inner layer cannot carry its first token's vector: activation {activation}, {wide} of "
            f"{width} dimensions.",
            next_step="Serve the bundle with bakeoff serve, or tune another encoder.",
        )
    for dense in (attention.self.query, attention.self.key, attention.self.value, attention.output.dense):
        _set(dense, np.zeros((width, width)))
    into, out = np.zeros((wide, width)), np.zeros((width, wide))
    into[:width], out[:, :width] = weight, np.eye(width) * _LOUDER
    _set(layer.intermediate.dense, into, np.append(bias + _LINEAR_FROM, np.zeros(wide - width)))
    _set(layer.output.dense, out, np.full(width, -_LINEAR_FROM * _LOUDER))
    for normalisation in (attention.output.LayerNorm, layer.output.LayerNorm):
        _set(normalisation, np.ones(width))


def _set(module: Any, weight: Reals, bias: Sequence[float] | Reals | None = None) -> None:
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(np.asarray(weight, dtype=np.float32)))
        module.bias.copy_(torch.from_numpy(np.asarray(np.zeros(len(module.bias)) if bias is None else bias)).float())
