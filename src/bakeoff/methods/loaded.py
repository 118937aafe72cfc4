"""Pre-trained models that this process keeps loaded between trials.

Importing a model class takes seconds and reading weights more, so a worker that runs many trials keeps what it read.
Methods that change weights read fresh ones instead.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, cast

from bakeoff.catalog import ModelFiles, resolve_model

if TYPE_CHECKING:
    from bakeoff.models.decoder import Decoder
    from bakeoff.models.encoder import Encoder
    from bakeoff.models.generate import Generator
    from bakeoff.models.marks import MarkScorer
    from bakeoff.models.scoring import LabelScorer
    from bakeoff.models.seq2seq import Seq2Seq

__all__ = ["decoder", "encoder", "generator", "mark_scorer", "model_files", "scorer", "seq2seq", "stand_in"]


_STAND_INS: dict[str, ModelFiles] = {}


def stand_in(name: str, files: ModelFiles) -> None:
    """Let a name mean files of this process's choice, such as the weights inside a bundle.

    Parameters
    ----------
    name : str
        What a method's ``model`` will say; an absolute path, so that it hides no other model.
    files : ModelFiles
        The files, under the sha256 of the model that they were made from.
    """
    _STAND_INS[name] = files


@lru_cache(maxsize=16)
def _resolved(name: str) -> ModelFiles:
    return resolve_model(name)


def model_files(name: str) -> ModelFiles:
    """Find a model's files by catalogue name, folder, GGUF file or hub name.

    Parameters
    ----------
    name : str

    Returns
    -------
    ModelFiles
    """
    return _STAND_INS.get(name) or _resolved(name)


@lru_cache(maxsize=2)
def encoder(name: str, device: str) -> Encoder:
    """Load an encoder, or give the one already loaded.

    Parameters
    ----------
    name, device : str

    Returns
    -------
    Encoder
        Shared: never change its weights.
    """
    from bakeoff.models.encoder import load_encoder

    return load_encoder(model_files(name), device=device)


@lru_cache(maxsize=2)
def decoder(name: str, dtype: str, device: str) -> Decoder:
    """Load a decoder, or give the one already loaded.

    Parameters
    ----------
    name, dtype, device : str

    Returns
    -------
    Decoder
        Shared: never change its weights.
    """
    from bakeoff.models.decoder import load_decoder

    return load_decoder(model_files(name), dtype=cast("Literal['float32', 'bfloat16']", dtype), device=device)


@lru_cache(maxsize=2)
def seq2seq(name: str, device: str) -> Seq2Seq:
    """Load an encoder-decoder in float32, or give the one already loaded.

    Parameters
    ----------
    name, device : str

    Returns
    -------
    Seq2Seq
        Shared: never change its weights.
    """
    from bakeoff.models.seq2seq import load_seq2seq

    return load_seq2seq(model_files(name), device=device)


@lru_cache(maxsize=2)
def scorer(name: str, dtype: str, device: str) -> LabelScorer:
    """Give the label scorer of a loaded decoder, which keeps the caches of recent prefixes, or of an encoder-decoder.

    Parameters
    ----------
    name, dtype, device : str

    Returns
    -------
    LabelScorer
    """
    from bakeoff.models.facts import read_facts
    from bakeoff.models.scoring import LabelScorer

    files = model_files(name)
    if files.form == "folder" and read_facts(files).family == "seq2seq":
        from bakeoff.models.seq2seq import Seq2SeqScorer, load_seq2seq

        kind = cast("Literal['float32', 'bfloat16']", dtype)
        # It is asked for scores in the same way, and gives the same kind of answer.
        return cast("LabelScorer", Seq2SeqScorer(load_seq2seq(files, dtype=kind, device=device)))
    return LabelScorer(decoder(name, dtype, device))


@lru_cache(maxsize=2)
def mark_scorer(name: str, dtype: str, device: str) -> MarkScorer:
    """Give the scorer of words of a loaded decoder; it keeps the caches of recent prefixes.

    Parameters
    ----------
    name, dtype, device : str

    Returns
    -------
    MarkScorer
    """
    from bakeoff.models.marks import MarkScorer

    return MarkScorer(decoder(name, dtype, device))


@lru_cache(maxsize=2)
def generator(name: str, dtype: str, device: str) -> Generator:
    """Give the generator of a loaded decoder; it keeps the caches of recent prefixes, and grammars.

    Parameters
    ----------
    name, dtype, device : str

    Returns
    -------
    Generator
    """
    from bakeoff.models.generate import Generator

    return Generator(decoder(name, dtype, device))
