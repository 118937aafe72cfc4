"""Decoders: causal language models from Hugging Face folders and GGUF files.

GGUF files are converted once. Their quantised weights are unpacked to float32, which holds every value that a
quantised block can stand for exactly, and kept as safetensors in the catalogue's cache. No code that comes with a
model is ever run, and no pickle is read.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.catalog import ModelFiles, aside, entry_cache, publish
from bakeoff.errors import ModelError
from bakeoff.models.facts import read_facts
from bakeoff.models.loading import DTypeName, check_device, check_vocabulary, loading, place, torch_dtype

__all__ = ["Decoder", "chat_prompt", "converted_folder", "has_chat_template", "load_decoder"]

_NO_LIMIT = 1 << 30


@dataclass(frozen=True, slots=True)
class Decoder:
    """A loaded causal language model.

    Attributes
    ----------
    model : transformers model
        In evaluation mode, without gradients.
    tokenizer : transformers tokenizer
        Its tokenizer.
    name : str
        As the user named it.
    sha256 : str
        Of the weights as they came.
    context_length : int
        Most tokens it can read at once.
    dtype : {"float32", "bfloat16"}
        Data type of the weights in memory.
    device : str
        Where the weights are.
    """

    model: Any
    tokenizer: Any
    name: str
    sha256: str
    context_length: int
    dtype: DTypeName
    device: str


def load_decoder(files: ModelFiles, *, dtype: DTypeName = "float32", device: str = "cpu") -> Decoder:
    """Load a causal language model.

    Parameters
    ----------
    files : ModelFiles
        A Hugging Face folder with safetensors or a GGUF file, from `bakeoff.catalog.resolve_model`.
    dtype : {"float32", "bfloat16"}
        Data type in memory; see `bakeoff.models.facts.choose_dtype`.
    device : str
        A torch device.

    Returns
    -------
    Decoder

    Raises
    ------
    ModelError
        If it is no decoder, its files are broken, or memory is short.
    OptionError
        If the data type or the device cannot be used.
    """
    kind, device = torch_dtype(dtype), check_device(device)
    if files.form == "gguf":
        folder = converted_folder(files)
    else:
        _check_family(files)
        folder = Path(files.path)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with loading(files.name):
        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(folder, **local)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=kind, use_safetensors=True, **local)
        model = place(check_vocabulary(model, tokenizer, files.name), device)
    return Decoder(
        model=model,
        tokenizer=tokenizer,
        name=files.name,
        sha256=files.sha256,
        context_length=_context_length(model, tokenizer),
        dtype=dtype,
        device=device,
    )


def converted_folder(files: ModelFiles) -> Path:
    """Give the folder with a GGUF file's weights as safetensors, and make it at the first call.

    Parameters
    ----------
    files : ModelFiles
        A GGUF file. The folder's key is its sha256 and the version of transformers, which does the conversion.

    Returns
    -------
    Path
        A Hugging Face folder in the catalogue's cache: float32 weights, tokenizer, chat template.

    Raises
    ------
    ModelError
        If the file is broken, of an architecture that transformers does not convert, or memory or room on the disk
        is short.
    """
    import transformers

    final = entry_cache("safetensors", f"{files.sha256}-transformers-{transformers.__version__}")
    if final.is_dir():
        return final
    _check_family(files)
    path = Path(files.path)
    folder = aside(final)
    try:
        # The conversion draws a progress bar that cannot be switched off.
        with loading(files.name), redirect_stderr(io.StringIO()):
            model, tokenizer = _read_gguf(path)
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        return publish(folder, final)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_family(files: ModelFiles) -> None:
    facts = read_facts(files)
    if facts.family != "decoder":
        raise ModelError(
            f"{files.name} must be a decoder (a causal language model), but is of the family "
            f"{facts.family!r} ({facts.architecture}).",
            next_step="Choose a decoder, such as smollm2-135m.",
        )


def _read_gguf(path: Path) -> tuple[Any, Any]:
    """Unpack a GGUF file into a dense model; left packed, it could not be saved."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source: dict[str, Any] = {"gguf_file": path.name, "local_files_only": True}
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, quantization_config=GgufConfig(dequantize=True), dtype=torch_dtype("float32"), **source
    )
    return model, AutoTokenizer.from_pretrained(path.parent, **source)


def _context_length(model: Any, tokenizer: Any) -> int:
    """Give the smaller of what the weights and the tokenizer say; they may leave it open."""
    config = model.config.get_text_config()
    stated = (getattr(config, "max_position_embeddings", None), getattr(tokenizer, "model_max_length", None))
    return min([_NO_LIMIT, *(int(each) for each in stated if each)])


def has_chat_template(tokenizer: Any) -> bool:
    """Say whether a model comes with a way to write conversations.

    Parameters
    ----------
    tokenizer : transformers tokenizer
        The model's tokenizer.

    Returns
    -------
    bool
    """
    return bool(getattr(tokenizer, "chat_template", None))


def chat_prompt(tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> str:
    r"""Write a conversation as the text that the model was trained on, up to where its answer begins.

    Parameters
    ----------
    tokenizer : transformers tokenizer
        The model's tokenizer. Its chat template is rendered in Jinja's sandbox by transformers.
    messages : sequence of mapping
        Each with ``role`` (``"system"``, ``"user"``, ``"assistant"``) and ``content``.

    Returns
    -------
    str
        With the template where there is one, else the contents with an empty line between. A system message goes to
        the front of the first user message where the template knows no system.

    Raises
    ------
    ModelError
        If the template cannot write these messages.
    """
    turns = [dict(message) for message in messages]
    if not has_chat_template(tokenizer):
        return "\n\n".join(turn["content"] for turn in turns)
    from jinja2 import TemplateError

    for attempt in (turns, _without_system(turns)):
        try:
            text = tokenizer.apply_chat_template(attempt, tokenize=False, add_generation_prompt=True)
            return str(text)
        except (TemplateError, TypeError, ValueError) as error:
            failure = error
    raise ModelError(
        f"The model's chat template cannot write these messages: {failure}.",
        next_step="Let user and assistant take turns, the user first.",
    ) from failure


def _without_system(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    if len(turns) < 2 or turns[0]["role"] != "system":
        return turns
    first = {**turns[1], "content": f"{turns[0]['content']}\n\n{turns[1]['content']}"}
    return [first, *turns[2:]]
