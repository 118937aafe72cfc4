"""How many texts are longer than an encoder reads, counted by its tokenizer alone, its weights not loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.models.facts import read_json

if TYPE_CHECKING:
    from bakeoff.catalog import ModelFiles

__all__ = ["LongTexts", "count_long_texts"]

_COUNTED_AT_ONCE = 1024
_NO_LIMIT = 1 << 30


@dataclass(frozen=True, slots=True)
class LongTexts:
    """Texts that a model would cut.

    Parameters
    ----------
    model : str
    max_tokens : int
        What it reads of a text, special tokens included.
    longer, texts : int
        Texts that have more tokens, and all texts.
    """

    model: str
    max_tokens: int
    longer: int
    texts: int


def count_long_texts(files: ModelFiles, texts: Sequence[str]) -> LongTexts | None:
    """Count the texts that an encoder would cut.

    Parameters
    ----------
    files : ModelFiles
        A folder with ``tokenizer.json``.
    texts : sequence of str

    Returns
    -------
    LongTexts or None
        None where the folder does not say how its texts are divided, or how many tokens it reads.
    """
    from tokenizers import Tokenizer

    folder = Path(files.path)
    if files.form != "folder" or not (folder / "tokenizer.json").is_file():
        return None
    settings = (
        ("sentence_bert_config.json", "max_seq_length"),
        ("config.json", "max_position_embeddings"),
        ("tokenizer_config.json", "model_max_length"),
    )
    stated = [read_json(folder / file, files.name).get(key) for file, key in settings if (folder / file).is_file()]
    # A tokenizer without a limit of its own states one beyond all sense.
    most = min((int(each) for each in stated if each and each < _NO_LIMIT), default=0)
    if not most:
        return None
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # A token has at least one character, so only long texts need their tokens counted.
    long = [text for text in texts if len(text) > most - 2]
    longer = sum(
        len(found.ids) > most
        for start in range(0, len(long), _COUNTED_AT_ONCE)
        for found in tokenizer.encode_batch(long[start : start + _COUNTED_AT_ONCE])
    )
    return LongTexts(files.name, most, longer, len(texts))
