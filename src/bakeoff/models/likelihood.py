"""How likely a decoder finds texts: the closeness of a domain to what the model was trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bakeoff.models.decoder import Decoder

__all__ = ["mean_negative_log_likelihood"]

#: Tokens of a text beyond these say little more of its domain.
_TOKENS_A_TEXT = 128


def mean_negative_log_likelihood(decoder: Decoder, texts: Sequence[str], *, most_tokens: int = 1500) -> float:
    """Give the mean negative log-likelihood of texts, token by token; its exponential is the perplexity.

    Each text is read alone, up to 128 tokens, until so many tokens were read. A text's first token has nothing before
    it and does not count.

    Parameters
    ----------
    decoder : Decoder
    texts : sequence of str
    most_tokens : int

    Returns
    -------
    float
        In nats a token, 0 or more; NaN where no text has two tokens.
    """
    import torch

    total, counted = 0.0, 0
    for text in texts:
        if counted >= most_tokens:
            break
        ids = decoder.tokenizer(text, truncation=True, max_length=_TOKENS_A_TEXT)["input_ids"]
        if len(ids) < 2:
            continue
        row = torch.tensor([ids], device=decoder.device)
        with torch.inference_mode():
            logits = decoder.model(input_ids=row, use_cache=False).logits[0, :-1].float()
            total += float(torch.nn.functional.cross_entropy(logits, row[0, 1:], reduction="sum"))
        counted += len(ids) - 1
    return total / counted if counted else math.nan
