"""What a plan needs to know about a model, found without loading its weights."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bakeoff.errors import ModelError
from bakeoff.models.gguf_header import read_gguf_header

if TYPE_CHECKING:
    from bakeoff.catalog import ModelFiles

__all__ = ["Family", "ModelFacts", "choose_dtype", "read_facts", "read_json"]

Family = Literal["encoder", "decoder", "seq2seq", "server"]

_DECODER_ENDINGS = ("ForCausalLM", "LMHeadModel")
# Model types whose layers look both ways; several have a language-model head class of their own.
_ENCODER_TYPES = frozenset(
    {
        "albert",
        "bert",
        "camembert",
        "convbert",
        "deberta",
        "deberta-v2",
        "distilbert",
        "electra",
        "ernie",
        "esm",
        "eurobert",
        "flaubert",
        "funnel",
        "ibert",
        "jina-bert",
        "longformer",
        "luke",
        "megatron-bert",
        "mobilebert",
        "modernbert",
        "mpnet",
        "mra",
        "nomic_bert",
        "nystromformer",
        "rembert",
        "roberta",
        "roberta-prelayernorm",
        "roformer",
        "squeezebert",
        "xlm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
    }
)
_GGUF_ENCODERS = ("bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "neo-bert")
_GGUF_SEQ2SEQ = ("t5", "t5encoder")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts about a model.

    Attributes
    ----------
    name : str
        As the user named it.
    sha256 : str
        Of the weights; empty for a server.
    form : str
        ``"folder"``, ``"gguf"`` or ``"server"``.
    architecture : str
        Such as ``"bert"`` or ``"llama"``.
    family : {"encoder", "decoder", "seq2seq", "server"}
        How it reads and answers.
    parameters : int
        Number of weights; 0 where it is not known.
    size_bytes : int
        Size of the weight files on disk; 0 for a server.
    context_length : int
        Most tokens it can read at once; 0 where it is not known.
    """

    name: str
    sha256: str
    form: Literal["folder", "gguf", "server"]
    architecture: str
    family: Family
    parameters: int
    size_bytes: int
    context_length: int


def read_facts(files: ModelFiles) -> ModelFacts:
    """Read a model's facts from its settings and the headers of its weight files.

    Parameters
    ----------
    files : ModelFiles
        Where the model is, from `bakeoff.catalog.resolve_model`.

    Returns
    -------
    ModelFacts

    Raises
    ------
    ModelError
        If the settings or the headers are missing or broken.
    """
    if files.form == "gguf":
        return _gguf_facts(files.name, Path(files.path), files.sha256)
    return _folder_facts(files.name, Path(files.path), files.sha256)


def _folder_facts(name: str, folder: Path, sha256: str) -> ModelFacts:
    config = read_json(folder / "config.json", name)
    inner = config.get("text_config")
    text: dict[str, Any] = {**config, **inner} if isinstance(inner, dict) else config
    kind = str(config.get("model_type", "unknown"))
    classes = [str(each) for each in config.get("architectures") or ()]
    family: Family = "encoder"
    if config.get("is_encoder_decoder"):
        family = "seq2seq"
    elif kind not in _ENCODER_TYPES and any(each.endswith(_DECODER_ENDINGS) for each in classes):
        family = "decoder"
    weights = sorted(folder.glob("*.safetensors"))
    return ModelFacts(
        name=name,
        sha256=sha256,
        form="folder",
        architecture=kind,
        family=family,
        parameters=sum(_safetensors_count(path, name) for path in weights),
        size_bytes=sum(path.stat().st_size for path in weights or folder.glob("*.bin")),
        context_length=int(text.get("max_position_embeddings") or text.get("n_positions") or 0),
    )


def _safetensors_count(path: Path, name: str) -> int:
    """Count the weights of a file from its header: 8 bytes of length, then JSON (the format's own description)."""
    try:
        with path.open("rb") as stream:
            (size,) = struct.unpack("<Q", stream.read(8))
            if size > path.stat().st_size:
                raise ValueError("the header is longer than the file")
            header = json.loads(stream.read(size))
        return sum(prod(each["shape"]) for key, each in header.items() if key != "__metadata__")
    except (OSError, struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"The weight file {path} of {name} is broken: {error}.", next_step="Fetch the model again."
        ) from error


def _gguf_facts(name: str, path: Path, sha256: str) -> ModelFacts:
    try:
        header = read_gguf_header(path)
        kind = str(header.fields["general.architecture"])
        context = int(header.fields.get(f"{kind}.context_length", 0))
    except (OSError, ValueError, KeyError, OverflowError) as error:
        raise ModelError(
            f"{path} is not a GGUF file that can be read: {error}.", next_step="Fetch the file again."
        ) from error
    family: Family = "decoder"
    if kind in _GGUF_ENCODERS:
        family = "encoder"
    elif kind in _GGUF_SEQ2SEQ:
        family = "seq2seq"
    return ModelFacts(
        name=name,
        sha256=sha256,
        form="gguf",
        architecture=kind,
        family=family,
        parameters=sum(map(prod, header.shapes)),
        size_bytes=path.stat().st_size,
        context_length=context,
    )


def read_json(path: Path, name: str) -> dict[str, Any]:
    """Read one of a model's settings files.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        The model's name, for the message.

    Returns
    -------
    dict

    Raises
    ------
    ModelError
        If the file is missing, or is not a JSON object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path.name} of {name} cannot be read: {error}.",
            next_step="Give a folder that holds a whole Hugging Face model, or fetch it again.",
        ) from error
    if not isinstance(found, dict):
        raise ModelError(
            f"{path.name} of {name} must be a JSON object, got {type(found).__name__}.",
            next_step="Fetch the model again.",
        )
    return found


def choose_dtype(device: str = "cpu") -> Literal["float32", "bfloat16"]:
    """Choose the quicker data type for the device that loses no range.

    Parameters
    ----------
    device : str
        ``"cpu"``, or a torch device such as ``"cuda"``.

    Returns
    -------
    {"float32", "bfloat16"}
        bfloat16 where the hardware multiplies it: AVX-512 BF16, AMX or Arm BF16 processors (Linux), CUDA cards that
        say so. Elsewhere it would be emulated, and slower.
    """
    if device.startswith("cuda"):
        import torch

        return "bfloat16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "float32"
    if device != "cpu":
        return "float32"
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "float32"
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), "").split()
    return "bfloat16" if {"avx512_bf16", "amx_bf16", "bf16"} & set(flags) else "float32"
