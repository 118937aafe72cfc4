"""Whole decoders as files of a method: a plain Hugging Face folder that the model library can load by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.catalog import ModelFiles
from bakeoff.methods.finetune.adapters import read_about, write_about

if TYPE_CHECKING:
    from bakeoff.models.decoder import Decoder

__all__ = ["ABOUT_DECODER", "read_decoder", "write_decoder"]

#: Says which decoder tuned weights or adapters belong to.
ABOUT_DECODER = "decoder.json"


def write_decoder(decoder: Decoder, folder: Path) -> None:
    """Write a decoder's weights and tokenizer.

    Parameters
    ----------
    decoder : Decoder
        Its weights may have been changed.
    folder : Path
        An existing folder.
    """
    from bakeoff.models.loading import loading

    with loading(decoder.name):
        decoder.model.save_pretrained(folder)
        decoder.tokenizer.save_pretrained(folder)
    write_about(folder / ABOUT_DECODER, decoder.name, decoder.sha256, dtype=decoder.dtype, merged=True)


def read_decoder(folder: Path, device: str) -> Decoder:
    """Load what `write_decoder` wrote.

    Parameters
    ----------
    folder : Path
    device : str

    Returns
    -------
    Decoder
        With the name and sha256 of the model that it came from.

    Raises
    ------
    BundleError, ModelError
        If the folder is incomplete.
    """
    from bakeoff.models.decoder import load_decoder

    about = read_about(folder / ABOUT_DECODER)
    files = ModelFiles(about["model"], folder, "folder", about["sha256"])
    return load_decoder(files, dtype=about["dtype"], device=device)
