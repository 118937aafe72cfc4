"""What loading an encoder and loading a decoder have in common: silence, and errors in the user's words."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch

from bakeoff.errors import ModelError, OptionError

__all__ = ["DTypeName", "cast_weights", "check_device", "check_vocabulary", "loading", "torch_dtype"]

DTypeName = Literal["float32", "bfloat16"]

# Substrings of what torch says when the system, or the card, gives no more memory.
_MEMORY_WORDS = ("can't allocate memory", "not enough memory", "out of memory", "cannot allocate memory")


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Keep transformers quiet, and turn whatever goes wrong into a `ModelError`.

    Parameters
    ----------
    name : str
        The model's name, for messages.

    Raises
    ------
    ModelError
        If the files cannot be used or memory is short.
    """
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ModelError:
        raise
    except MemoryError as error:
        raise _too_large(name) from error
    # The libraries below raise nearly every built-in kind for a broken file, safetensors one of its own.
    except Exception as error:
        if any(words in str(error).lower() for words in _MEMORY_WORDS):
            raise _too_large(name) from error
        first = str(error).strip().splitlines()
        raise ModelError(
            f"The model {name} cannot be loaded: {first[0] if first else type(error).__name__}",
            next_step="Check that its files are whole (fetch them again) and of a kind that transformers knows.",
        ) from error
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _too_large(name: str) -> ModelError:
    return ModelError(
        f"There is not enough memory for the model {name}.",
        next_step="Close other programs, choose a smaller model, or load it as bfloat16.",
    )


def check_vocabulary(model: Any, tokenizer: Any, name: str) -> Any:
    """Refuse the tokenizer of another model, of which the embedding table has no row for some pieces.

    Parameters
    ----------
    model, tokenizer : object
        Of transformers.
    name : str
        Of the model, for the message.

    Returns
    -------
    object
        The model.

    Raises
    ------
    ModelError
    """
    # Special tokens that were added to a tokenizer are not counted: some models have those in the tokenizer alone.
    pieces, rows = tokenizer.vocab_size, model.get_input_embeddings().weight.shape[0]
    if pieces > rows:
        raise ModelError(
            f"The tokenizer of {name} has {pieces} pieces and its model {rows}: it is the tokenizer of another model.",
            next_step="Put the tokenizer of this model into its folder, or download both again.",
        )
    return model


def torch_dtype(name: str) -> torch.dtype:
    """Give torch's type of a data type's name.

    Parameters
    ----------
    name : {"float32", "bfloat16"}
        The name.

    Returns
    -------
    torch.dtype

    Raises
    ------
    OptionError
        If it is another name.
    """
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if name not in known:
        raise OptionError(
            f"The data type must be 'float32' or 'bfloat16', got {name!r}.", next_step="Choose one of the two."
        )
    return known[name]


def check_device(device: str) -> str:
    """Say whether torch can use a device.

    Parameters
    ----------
    device : str
        Such as ``"cpu"`` or ``"cuda:0"``.

    Returns
    -------
    str
        The same name.

    Raises
    ------
    OptionError
        If torch does not know the device or cannot reach it.
    """
    try:
        torch.empty(1, device=device)
    # torch raises AssertionError for a build without CUDA, RuntimeError for the rest.
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        raise OptionError(
            f"The device {device!r} cannot be used here.", next_step="Use 'cpu', or a torch build for the device."
        ) from error
    return device


def has_weights(folder: Path) -> bool:
    """Say whether a folder holds weights as safetensors."""
    return any(folder.glob("*.safetensors"))


def place(model: Any, device: str) -> Any:
    """Move a model to its device, ready to answer: no dropout, no gradients."""
    model.requires_grad_(False)
    return model.to(device).eval()


def cast_weights(model: Any, dtype: DTypeName) -> None:
    """Cast a model's weights in place, and its weights alone, as loading does.

    Frequencies of positions are buffers that stay in float32: ``model.to(dtype)`` would round them too, and the model
    would answer otherwise than the same weights do when they are loaded.

    Parameters
    ----------
    model : transformers model
    dtype : {"float32", "bfloat16"}
    """
    for weights in model.parameters():
        weights.data = weights.data.to(torch_dtype(dtype))
