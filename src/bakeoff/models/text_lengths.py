"""How many texts are longer than an encoder reads, counted by its tokenizer alone, its weights not loaded."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.models.facts import read_json

if TYPE_CHECKING:
    from bakeoff.catalog import ModelFiles

__all__ = ["LongTexts", "count_long_texts"]

_COUNTED_AT_ONCE = 1024
#: Of more texts that may be too long than these, so many are drawn and counted: a tokenizer takes a quarter of a
#: millisecond for one of 300 characters, and a share of so many is known within half a point or so.
_MOST_COUNTED = 20_000
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
    drawn : int
        Texts by which `longer` was estimated; 0 where all that may have more tokens were counted.
    """

    model: str
    max_tokens: int
    longer: int
    texts: int
    drawn: int = 0


def count_long_texts(files: ModelFiles, texts: Sequence[str]) -> LongTexts | None:
    """Count the texts that an encoder would cut; of very many that may be too long, estimate it from some.

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
    looked_at = random.Random(0).sample(long, _MOST_COUNTED) if len(long) > _MOST_COUNTED else long
    longer = sum(
        len(found.ids) > most
        for start in range(0, len(looked_at), _COUNTED_AT_ONCE)
        for found in tokenizer.encode_batch_fast(looked_at[start : start + _COUNTED_AT_ONCE])
    )
    if looked_at is long:
        return LongTexts(files.name, most, longer, len(texts))
    return LongTexts(files.name, most, round(longer * len(long) / len(looked_at)), len(texts), len(looked_at))
