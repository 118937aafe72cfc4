"""What a study measures of the machine before it plans: how fast each model is here."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from bakeoff.catalog.terms import ServerTerms
from bakeoff.methods import loaded
from bakeoff.methods.forecast import ModelSpeed

__all__ = ["decoder_digest", "measure_speed", "preload"]

#: Texts that are read to measure speed. An encoder's batches need many to be as full as in a trial.
_ENCODED, _SCORED = 192, 48
#: Training steps are this many times as dear a token as a forward pass: seen on two cores with MiniLM-L6 (bf16 autocast
#: against a float32 forward) and SmolLM2-135M.
_ENCODER_TUNING, _DECODER_TUNING = 2.4, 3.0
#: Time that the likelihood of texts may take.
_LIKELIHOOD_SECONDS = 3.0
#: What a server is timed with.
_OWN_TEXT = "The little box came on a wet day, and it was just as large as the picture had made us think. "
#: Tokens to a word of English where a server does not count them.
_TOKENS_A_WORD = 1.3


def preload(family: str | None, model: str | None, *, dtype: str, device: str) -> None:
    """Load a model into this process, so that no trial is charged for it.

    Parameters
    ----------
    family : {None, "encoder", "decoder", "seq2seq", "server"}
    model : str or None
    dtype, device : str
    """
    if model is None:
        return
    if family == "encoder":
        loaded.encoder(model, device)
    elif family == "decoder":
        loaded.scorer(model, dtype, device)
    elif family == "seq2seq":
        loaded.seq2seq(model, device)


def decoder_digest(model: str, *, dtype: str, device: str) -> str:
    """Give the sha256 of a loaded decoder's weights in memory: whether prompting left them as they came.

    Parameters
    ----------
    model, dtype, device : str

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    from bakeoff.models.digest import weights_sha256

    return weights_sha256(loaded.scorer(model, dtype, device).decoder.model)


def measure_speed(
    family: str,
    model: str,
    texts: Sequence[str],
    *,
    dtype: str,
    device: str,
    allow_send: frozenset[str] = frozenset(),
    terms: ServerTerms | None = None,
) -> ModelSpeed:
    """Measure how fast a model reads the study's own texts on this machine.

    Parameters
    ----------
    family : {"encoder", "decoder", "seq2seq", "server"}
    model : str
    texts : sequence of str
        Texts of the train pool; the first 192 (encoders) or 48 are used.
    dtype, device : str
    allow_send : frozenset of str
        Hosts that may be asked; no row is sent.
    terms : ServerTerms, optional
        Prices and limits of calls to servers.

    Returns
    -------
    ModelSpeed
    """
    sample = list(texts[: _ENCODED if family == "encoder" else _SCORED])
    preload(family, model, dtype=dtype, device=device)
    if family == "encoder":
        return _encoder_speed(model, sample, device)
    if family == "decoder":
        return _decoder_speed(model, sample, dtype, device)
    if family == "seq2seq":
        return _seq2seq_speed(model, sample, device)
    return _server_speed(model, sample, allow_send, terms or ServerTerms())


def _best_seconds(work: Callable[[], object]) -> float:
    """Seconds of the second run: the first one warms caches and kernels up."""
    work()
    started = time.perf_counter()
    work()
    return max(time.perf_counter() - started, 1e-6)


def _encoder_speed(model: str, texts: list[str], device: str) -> ModelSpeed:
    from bakeoff.models.encoder import encode

    encoder = loaded.encoder(model, device)
    tokens = sum(
        len(ids) for ids in encoder.tokenizer(texts, truncation=True, max_length=encoder.max_tokens)["input_ids"]
    )
    rate = tokens / _best_seconds(lambda: encode(encoder, texts))
    return ModelSpeed(
        rate, rate / _ENCODER_TUNING, 0.0, tokens / len(texts), tokens_per_word=_fertility(encoder.tokenizer, texts)
    )


def _decoder_speed(model: str, texts: list[str], dtype: str, device: str) -> ModelSpeed:
    from bakeoff.models.digest import weights_sha256
    from bakeoff.models.likelihood import mean_negative_log_likelihood

    scorer = loaded.scorer(model, dtype, device)
    tokens = sum(len(ids) for ids in scorer.decoder.tokenizer(texts)["input_ids"])
    few = texts[: max(8, min(len(texts), 2000 * len(texts) // max(tokens, 1)))]
    share = len(few) / len(texts)
    seconds = _best_seconds(lambda: scorer.score("", [f"Text: {text}\nLabel:" for text in few], [" yes", " no"]))
    rate = (tokens * share + 5 * len(few)) / seconds
    surprise = mean_negative_log_likelihood(scorer.decoder, texts, seconds=_LIKELIHOOD_SECONDS)
    return ModelSpeed(
        rate,
        rate / _DECODER_TUNING,
        0.0,
        tokens / len(texts),
        tokens_per_word=_fertility(scorer.decoder.tokenizer, texts),
        negative_log_likelihood=None if math.isnan(surprise) else surprise,
        weights_sha256=weights_sha256(scorer.decoder.model),
    )


def _seq2seq_speed(model: str, texts: list[str], device: str) -> ModelSpeed:
    from bakeoff.models.seq2seq import Seq2SeqScorer

    own = loaded.seq2seq(model, device)
    scorer = Seq2SeqScorer(own)
    tokens = sum(len(ids) for ids in own.tokenizer(texts, verbose=False)["input_ids"])
    rate = tokens / _best_seconds(lambda: scorer.score("", texts, ["yes", "no"]))
    fertility = _fertility(own.tokenizer, texts)
    return ModelSpeed(rate, rate / _DECODER_TUNING, 0.0, tokens / len(texts), tokens_per_word=fertility)


def _fertility(tokenizer: Any, texts: Sequence[str]) -> float | None:
    """Give the tokens to a word between spaces (Rust et al. 2021), the model's own marks left out."""
    words = sum(len(text.split()) for text in texts)
    tokens = sum(len(ids) for ids in tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"])
    return tokens / words if words else None


def _server_speed(model: str, texts: list[str], allow_send: frozenset[str], terms: ServerTerms) -> ModelSpeed:
    """Time calls with words of our own, as many as a text has: no row is sent before its price was shown."""
    from bakeoff.models.server import ServerModel, parse_server

    name = parse_server(model)
    server = ServerModel(name.url, name.model, allow_send=allow_send, terms=terms)
    words = sum(len(text.split()) for text in texts) / max(len(texts), 1)
    started = time.perf_counter()
    read = []
    for count in (1, max(round(words), 8)):
        sentence = " ".join((_OWN_TEXT * (1 + count // 20)).split()[:count])
        content = f"Say yes or no.\n{sentence}"
        read.append(server.complete([{"role": "user", "content": content}], max_tokens=4, anew=True).tokens_in)
    seconds = (time.perf_counter() - started) / 2
    server.close()
    a_word = (read[1] - read[0]) / (count - 1) if read[1] > read[0] > 0 else _TOKENS_A_WORD
    return ModelSpeed(0.0, 0.0, seconds, a_word * words)
