"""Encoders: one vector for each text.

Pooling and the longest text follow the model's own settings in the layout of sentence-transformers (Reimers and
Gurevych 2019), where it has them: ``modules.json``, ``1_Pooling/config.json``, ``sentence_bert_config.json``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.catalog import ModelFiles
from bakeoff.errors import ModelError
from bakeoff.models.batching import length_sorted_batches
from bakeoff.models.facts import read_facts, read_json
from bakeoff.models.linear_layers import quick_linear_layers
from bakeoff.models.loading import DTypeName, check_device, check_vocabulary, loading, place, torch_dtype

__all__ = ["Encoder", "Pooling", "encode", "load_encoder", "pooled"]

Pooling = Literal["mean", "cls", "max"]

_DEFAULT_TOKENS = 512
_TOKENIZED_AT_ONCE = 1024
_POOLING_FLAGS: dict[str, Pooling] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
}


@dataclass(frozen=True, slots=True)
class Encoder:
    """A loaded encoder.

    Attributes
    ----------
    model : transformers model
        In evaluation mode, without gradients.
    tokenizer : transformers tokenizer
        Its tokenizer.
    name : str
        As the user named it.
    sha256 : str
        Of the weights.
    max_tokens : int
        Longest text in tokens, special tokens included; the rest of a longer text is cut off.
    pooling : {"mean", "cls", "max"}
        How a text's token vectors become one.
    normalise : bool
        Whether vectors are scaled to length 1.
    device : str
        Where the weights are.
    """

    model: Any
    tokenizer: Any
    name: str
    sha256: str
    max_tokens: int
    pooling: Pooling
    normalise: bool
    device: str


def load_encoder(files: ModelFiles, *, dtype: DTypeName = "float32", device: str = "cpu") -> Encoder:
    """Load an encoder.

    Parameters
    ----------
    files : ModelFiles
        A Hugging Face folder with safetensors, from `bakeoff.catalog.resolve_model`.
    dtype : {"float32", "bfloat16"}
        Data type of the weights in memory; vectors are float32 either way.
    device : str
        A torch device.

    Returns
    -------
    Encoder

    Raises
    ------
    ModelError
        If it is no encoder, pools in a way that is not known here, its files are broken, or memory is short.
    OptionError
        If the data type or the device cannot be used.
    """
    kind, device = torch_dtype(dtype), check_device(device)
    facts = read_facts(files)
    if facts.family != "encoder" or files.form != "folder":
        raise ModelError(
            f"{files.name} must be an encoder in a Hugging Face folder, but is of the family "
            f"{facts.family!r} (form: {files.form}).",
            next_step="Choose an encoder, such as minilm-l6.",
        )
    folder = Path(files.path)
    pooling, normalise = _pooling(folder, files.name)
    from transformers import AutoModel, AutoTokenizer

    with loading(files.name):
        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(folder, **local)
        model = AutoModel.from_pretrained(folder, dtype=kind, use_safetensors=True, **local)
        model = place(check_vocabulary(model, tokenizer, files.name), device)
    return Encoder(
        model=model,
        tokenizer=tokenizer,
        name=files.name,
        sha256=files.sha256,
        max_tokens=_max_tokens(folder, files.name, tokenizer, facts.context_length),
        pooling=pooling,
        normalise=normalise,
        device=device,
    )


def encode(
    encoder: Encoder,
    texts: Sequence[str],
    *,
    batch_tokens: int = 512,
    deadline: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> npt.NDArray[np.float32]:
    """Give each text's vector.

    Parameters
    ----------
    encoder : Encoder
        A loaded encoder.
    texts : sequence of str
        The texts; what is longer than the encoder's `max_tokens` is cut.
    batch_tokens : int
        Most tokens of a batch, padding included.
    deadline : float, optional
        Value of `time.monotonic` after which no new batch begins.
    progress : callable, optional
        Called with the number of texts done and of all texts, after each batch.

    Returns
    -------
    float32 array, shape (rows, dimensions)
        In the order of the texts; NaN in rows that were not reached before the deadline.

    Raises
    ------
    OptionError
        If `batch_tokens` is less than 1.
    """
    ids = _token_ids(encoder, texts)
    dimensions = int(encoder.model.config.hidden_size)
    vectors = np.full((len(ids), dimensions), np.nan, dtype=np.float32)
    done = 0
    for rows in length_sorted_batches([len(each) for each in ids], max_tokens=batch_tokens):
        if deadline is not None and time.monotonic() >= deadline:
            break
        vectors[rows] = _batch_vectors(encoder, [ids[row] for row in rows])
        done += len(rows)
        if progress is not None:
            progress(done, len(ids))
    return vectors


def _batch_vectors(encoder: Encoder, ids: list[list[int]]) -> npt.NDArray[np.float32]:
    batch = encoder.tokenizer.pad({"input_ids": ids}, return_tensors="pt").to(encoder.device)
    with torch.inference_mode(), quick_linear_layers():
        states = encoder.model(**batch).last_hidden_state.float()
        found = pooled(states, batch["attention_mask"], encoder.pooling)
        if encoder.normalise:
            found = torch.nn.functional.normalize(found, dim=-1)
    vectors: npt.NDArray[np.float32] = found.cpu().numpy()
    return vectors


def pooled(states: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """Make one vector of each text's token vectors.

    Parameters
    ----------
    states : float tensor, shape (rows, tokens, dimensions)
        Token vectors.
    mask : int tensor, shape (rows, tokens)
        1 for tokens, 0 for padding.
    pooling : {"mean", "cls", "max"}
        Mean over tokens, the first token's vector, or the largest value of each dimension.

    Returns
    -------
    float tensor, shape (rows, dimensions)
    """
    if pooling == "cls":
        return states[:, 0]
    weights = mask[..., None].to(states.dtype)
    if pooling == "max":
        return states.masked_fill(weights == 0, torch.finfo(states.dtype).min).amax(dim=1)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def _token_ids(encoder: Encoder, texts: Sequence[str]) -> list[list[int]]:
    ids: list[list[int]] = []
    for start in range(0, len(texts), _TOKENIZED_AT_ONCE):
        part = list(texts[start : start + _TOKENIZED_AT_ONCE])
        found = encoder.tokenizer(
            part, truncation=True, max_length=encoder.max_tokens, return_attention_mask=False, verbose=False
        )
        ids.extend(found["input_ids"])
    return ids


def _pooling(folder: Path, name: str) -> tuple[Pooling, bool]:
    """Read how a model pools and whether it normalises; mean and normalised where it does not say."""
    normalise = True
    modules = folder / "modules.json"
    # modules.json is a list, so that read_json, which wants an object, does not fit.
    if modules.is_file():
        kinds = _module_kinds(modules, name)
        normalise = "Normalize" in kinds
        other = kinds - {"Transformer", "Pooling", "Normalize"}
        if other:
            raise ModelError(
                f"The encoder {name} has a layer that is not known here: {', '.join(sorted(other))}.",
                next_step="Choose an encoder that ends with pooling, such as minilm-l6.",
            )
    settings = folder / "1_Pooling" / "config.json"
    if not settings.is_file():
        return "mean", normalise
    found = read_json(settings, name)
    chosen = [pooling for flag, pooling in _POOLING_FLAGS.items() if found.get(flag)]
    chosen += [pooling for pooling in _POOLING_FLAGS.values() if found.get("pooling_mode") == pooling]
    unknown = [key for key, on in found.items() if key.startswith("pooling_mode_") and on is True]
    if len(chosen) != 1 or any(key not in _POOLING_FLAGS for key in unknown):
        raise ModelError(
            f"The encoder {name} must pool by mean, cls or max alone, but its settings say: {found}.",
            next_step="Choose an encoder that pools in one of these ways, such as minilm-l6.",
        )
    return chosen[0], normalise


def _module_kinds(path: Path, name: str) -> set[str]:
    import json

    try:
        return {str(each["type"]).rpartition(".")[2] for each in json.loads(path.read_text(encoding="utf-8"))}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"modules.json of {name} cannot be read: {error}.", next_step="Fetch the model again."
        ) from error


def _max_tokens(folder: Path, name: str, tokenizer: Any, context: int) -> int:
    """Give the smallest of what the model's files say about the longest text."""
    stated = [context, int(tokenizer.model_max_length)]
    settings = folder / "sentence_bert_config.json"
    if settings.is_file():
        stated.append(int(read_json(settings, name).get("max_seq_length") or 0))
    known = [each for each in stated if 0 < each < (1 << 30)]
    return min(known, default=_DEFAULT_TOKENS)
