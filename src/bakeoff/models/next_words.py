"""The words that a decoder would go on with: what a prompt makes it say, labels aside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.models.decoder import Decoder
from bakeoff.models.forward import takes_argument

__all__ = ["likeliest_words"]

#: How tokenizers mark a token that begins with a space: byte-level ones, and those of SentencePiece.
_SPACE_MARKS = ("\u0120", "\u2581")
_LEAST_LETTERS = 2


def likeliest_words(
    decoder: Decoder, prompts: Sequence[str], most: int, *, apart_from: Sequence[str] = ()
) -> list[str]:
    """Give the words that a decoder finds likeliest right after prompts.

    Parameters
    ----------
    decoder : Decoder
    prompts : sequence of str
        At least one, none empty; a word's probability is the mean over them.
    most : int
        How many words to give at most, 0 or more.
    apart_from : sequence of str
        Continuations, with the space before them, that no word may be the beginning of.

    Returns
    -------
    list of str
        Each a space and two letters or more, one token by itself, the likeliest first. Empty for a tokenizer whose
        tokens do not mark spaces, and for an encoder-decoder, which does not go on with a prompt.
    """
    tokenizer = decoder.tokenizer
    if most < 1 or getattr(decoder.model.config, "is_encoder_decoder", False):
        return []
    taken = {tuple(tokenizer(each, add_special_tokens=False)["input_ids"])[:1] for each in apart_from}
    found: list[str] = []
    shares = np.mean([_next_shares(decoder, prompt) for prompt in prompts], axis=0)
    for token in np.argsort(-shares, kind="stable"):
        if len(found) >= most:
            break
        word = _word(tokenizer, int(token))
        if word is not None and (int(token),) not in taken:
            found.append(word)
    return found


def _word(tokenizer: Any, token: int) -> str | None:
    """Give a token as a word with a space before it; None where it is none, or would be read as other tokens."""
    piece = tokenizer.convert_ids_to_tokens(token)
    if not isinstance(piece, str) or not piece.startswith(_SPACE_MARKS):
        return None
    letters = piece[1:]
    if len(letters) < _LEAST_LETTERS or not (letters.isascii() and letters.isalpha()):
        return None
    word = f" {letters}"
    return word if tokenizer(word, add_special_tokens=False)["input_ids"] == [token] else None


def _next_shares(decoder: Decoder, prompt: str) -> NDArray[np.float64]:
    """Give every token's probability after a prompt."""
    import torch

    # All positions' logits of a long prompt would take gigabytes.
    keep = {"logits_to_keep": 1} if takes_argument(decoder.model, "logits_to_keep") else {}
    ids = torch.tensor([decoder.tokenizer(prompt, verbose=False)["input_ids"]], device=decoder.device)
    with torch.inference_mode():
        logits = decoder.model(input_ids=ids, use_cache=False, **keep).logits[0, -1]
        return np.asarray(torch.softmax(logits.float(), dim=-1).cpu().numpy(), dtype=np.float64)
