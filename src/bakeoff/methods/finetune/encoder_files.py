"""Encoders as files beside a head: a plain Hugging Face folder that the model library can load by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.catalog import ModelFiles
from bakeoff.errors import BundleError

if TYPE_CHECKING:
    from bakeoff.models.encoder import Encoder

__all__ = ["ABOUT_ENCODER", "encoder_size_mb", "read_encoder", "write_encoder"]

#: Says which encoder tuned weights came from.
ABOUT_ENCODER = "encoder.json"


def write_encoder(encoder: Encoder, folder: Path) -> None:
    """Write an encoder's weights, tokenizer, and settings of pooling and length.

    Parameters
    ----------
    encoder : Encoder
        Its weights may have been changed.
    folder : Path
        An existing folder; its ``model.safetensors`` is overwritten.
    """
    from bakeoff.models.loading import loading

    with loading(encoder.name):
        encoder.model.save_pretrained(folder)
        encoder.tokenizer.save_pretrained(folder)
    pooling = {f"pooling_mode_{mode}": mode.startswith(encoder.pooling) for mode in ("cls_token", "mean_tokens")}
    pooling["pooling_mode_max_tokens"] = encoder.pooling == "max"
    (folder / "1_Pooling").mkdir(exist_ok=True)
    dimensions = int(encoder.model.config.hidden_size)
    _write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": dimensions, **pooling})
    _write_json(folder / "sentence_bert_config.json", {"max_seq_length": encoder.max_tokens, "do_lower_case": False})
    kinds = ["Transformer", "Pooling", *(["Normalize"] if encoder.normalise else [])]
    paths = ["", "1_Pooling", "2_Normalize"]
    modules = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for at, (kind, path) in enumerate(zip(kinds, paths, strict=False))
    ]
    _write_json(folder / "modules.json", modules)
    _write_json(folder / ABOUT_ENCODER, {"model": encoder.name, "sha256": encoder.sha256})


def read_encoder(folder: Path, device: str) -> Encoder:
    """Load what `write_encoder` wrote.

    Parameters
    ----------
    folder : Path
    device : str

    Returns
    -------
    Encoder
        With the name and sha256 of the model that it came from.

    Raises
    ------
    BundleError
        If the folder is incomplete.
    """
    from bakeoff.models.encoder import load_encoder

    try:
        about = json.loads((folder / ABOUT_ENCODER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(
            f"{folder} must hold an encoder with its {ABOUT_ENCODER}; it cannot be read: {error}.",
            next_step="Write the bundle again from its study.",
        ) from error
    return load_encoder(ModelFiles(about["model"], folder, "folder", about["sha256"]), device=device)


def encoder_size_mb(encoder: Encoder) -> float:
    """Give the size of an encoder's weights and tokenizer, in MB.

    Parameters
    ----------
    encoder : Encoder

    Returns
    -------
    float
    """
    weights = sum(tensor.numel() * tensor.element_size() for tensor in encoder.model.parameters())
    return float(weights + len(encoder.tokenizer.backend_tokenizer.to_str().encode())) / 1e6


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
