"""How likely a decoder finds texts: the closeness of a domain to what the model was trained on."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from bakeoff.models.decoder import Decoder

__all__ = ["mean_negative_log_likelihood"]

#: Tokens of a text beyond these say little more of its domain.
_TOKENS_A_TEXT = 64
#: Texts that one forward reads: its logits are the whole vocabulary's for every token.
_TEXTS_A_FORWARD = 8


def mean_negative_log_likelihood(
    decoder: Decoder, texts: Sequence[str], *, most_tokens: int = 1000, seconds: float = math.inf
) -> float:
    """Give the mean negative log-likelihood of texts, token by token; its exponential is the perplexity.

    Each text is read by itself, up to 64 tokens, eight in one forward, until so many tokens were read or so much time
    has gone by. A text's first token has nothing before it and does not count.

    Parameters
    ----------
    decoder : Decoder
    texts : sequence of str
    most_tokens : int
    seconds : float
        After them no further forward begins.

    Returns
    -------
    float
        In nats a token, 0 or more; NaN where no text has two tokens.
    """
    ends, total, counted = time.monotonic() + seconds, 0.0, 0
    rows = [decoder.tokenizer(text, truncation=True, max_length=_TOKENS_A_TEXT)["input_ids"] for text in texts]
    rows = [ids for ids in rows if len(ids) > 1]
    for start in range(0, len(rows), _TEXTS_A_FORWARD):
        together = rows[start : start + _TEXTS_A_FORWARD]
        total += _total(decoder, together)
        counted += sum(len(ids) - 1 for ids in together)
        if counted >= most_tokens or time.monotonic() > ends:
            break
    return total / counted if counted else math.nan


def _total(decoder: Decoder, rows: Sequence[Sequence[int]]) -> float:
    """Give the summed negative log-likelihood of rows in one forward, padded behind."""
    import torch

    width = max(len(ids) for ids in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long, device=decoder.device)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row)
        mask[place, : len(row)] = 1
    with torch.inference_mode():
        logits = decoder.model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1]
        told = ids[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
        return float(torch.nn.functional.cross_entropy(logits.float().transpose(1, 2), told, reduction="sum"))
