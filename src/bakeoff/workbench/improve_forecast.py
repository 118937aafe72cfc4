"""What rewriting an instruction is to take: its options, and the forecast that is told before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bakeoff.catalog.servers import host_of, is_loopback, parse_server
from bakeoff.catalog.terms import ServerTerms
from bakeoff.data import Rows, target_of
from bakeoff.errors import OptionError
from bakeoff.methods.prompt.improve import ROWS_SHOWN, most_rows_answered
from bakeoff.methods.prompt.prompt_file import PromptFile
from bakeoff.methods.prompt.reflection import reflection_messages, row_record, text_record
from bakeoff.records import Answer
from bakeoff.study.sending import Sending

__all__ = ["ImproveOptions", "check_calls", "halves", "rewriter_sending", "time_forecast"]

#: Characters to a token in a request, which is JSON for the most part; tokens of a usual reply.
_CHARACTERS_A_TOKEN, _REPLY_TOKENS = 3.5, 250.0
#: What a server is taken to read and write in a second, for the forecast of time.
_READ, _WRITTEN = 500.0, 50.0


@dataclass(frozen=True, slots=True)
class ImproveOptions:
    """How an instruction is rewritten.

    Parameters
    ----------
    rewriter : str
        The strong model: ``http://host:port/v1#model-name``.
    n, seed : int
        The label budget that rows are taken from, and the seed of the draw and of the search.
    model : str or None
        What the prompt is for: the prompt file's own, else `DEFAULT_MODEL`, where not given.
    dtype : {"auto", "float32", "bfloat16"}
    rewrites : int
        Most replies of the strong model that are asked for.
    calls : int or None
        Most rows answered in process.
    time_limit : float or None
        Seconds.
    reply_tokens : int
        Most tokens of a reply.
    allow_send : frozenset of str
        Hosts to which rows may be sent.
    terms : ServerTerms
        Prices and limits of the strong model's calls.
    metric : str or None
        Of texts that are written; the kind's own where not given.
    checks : Path or None
        File of checks that written texts must pass.
    """

    rewriter: str
    n: int = 64
    seed: int = 0
    model: str | None = None
    dtype: str = "auto"
    rewrites: int = 12
    calls: int | None = None
    time_limit: float | None = None
    reply_tokens: int = 2048
    allow_send: frozenset[str] = frozenset()
    terms: ServerTerms = field(default_factory=ServerTerms)
    metric: str | None = None
    checks: Path | None = None


def halves(rows: int) -> tuple[range, range]:
    """Give the places of the rows that may be shown, and of those that choose.

    The rows of a budget stand in an order whose every part is near natural frequencies, and so are both halves.

    Parameters
    ----------
    rows : int

    Returns
    -------
    tuple of (range, range)
    """
    return range(0, rows, 2), range(1, rows, 2)


def check_calls(rows: int, options: ImproveOptions) -> None:
    """Refuse a limit on answered rows that not one rewrite fits into.

    Parameters
    ----------
    rows : int
        Labelled rows that are answered.
    options : ImproveOptions
    """
    least = most_rows_answered(rows, 1)
    if options.calls is not None and options.calls < least:
        raise OptionError(
            f"--calls must let {least} rows be answered: {rows} with the instruction as it stands, and those of one "
            f"rewrite; {options.calls} came.",
            next_step=f"Give --calls {least} or more, or fewer rows with --n.",
        )


def rewriter_sending(prompt: PromptFile, rows: Rows, options: ImproveOptions) -> Sending:
    """Forecast what the strong model is sent at most.

    Parameters
    ----------
    prompt : PromptFile
    rows : Rows
        All labelled rows that are answered; half of them may be shown.
    options : ImproveOptions

    Returns
    -------
    Sending
    """
    name = parse_server(options.rewriter)
    design, (shown, _) = prompt.design, halves(len(rows))
    labels = design.labels
    calls = min(limit for limit in (options.rewrites, options.terms.limits.calls) if limit is not None)
    if labels:
        even = Answer(labels[0], probabilities=(1 / len(labels),) * len(labels))
        records = [row_record(design, rows.texts[place], rows.labels[place], even, labels) for place in shown]
    else:
        # A text that is written is taken to be as long as the one that is right.
        rights = [(rows.texts[place], target_of(rows.labels[place])) for place in shown]
        records = [text_record(text, right, Answer(right), 0.5, ()) for text, right in rights]
    frame, whole = (len(reflection_messages(design, design.instruction, told)[0]["content"]) for told in ((), records))
    at_a_time = min(ROWS_SHOWN, len(shown))
    tokens_in = calls * (frame + (whole - frame) * at_a_time / len(shown)) / _CHARACTERS_A_TOKEN
    tokens_out = calls * min(_REPLY_TOKENS, float(options.reply_tokens))
    price = options.terms.prices.price_of(name.url, name.model)
    return Sending(
        host=host_of(name.url),
        model=name.model or "",
        here=is_loopback(host_of(name.url)),
        rows=min(len(shown), calls * at_a_time),
        calls=calls,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        money=None if price is None else price.of(tokens_in, tokens_out),
        currency=options.terms.prices.currency,
        prices=options.terms.prices.file,
    )


def time_forecast(sending: Sending, rows: int, seconds_per_row: float, options: ImproveOptions) -> str:
    """Tell how long it takes at most; how fast a server is, only its answers tell.

    Parameters
    ----------
    sending : Sending
    rows : int
        Labelled rows that are answered.
    seconds_per_row : float
        As measured with the instruction as it stands.
    options : ImproveOptions

    Returns
    -------
    str
        One sentence.
    """
    most = most_rows_answered(rows, sending.calls)
    answered = most if options.calls is None else min(most, options.calls)
    here = answered * seconds_per_row
    there = sending.tokens_in / _READ + sending.tokens_out / _WRITTEN
    limit = "" if options.time_limit is None else f", and {options.time_limit:.0f} s by --time-limit"
    return (
        f"at most {answered:,} rows answered here, about {here:.0f} s; the rewrites about {there:.0f} s if the server "
        f"reads {_READ:.0f} and writes {_WRITTEN:.0f} tokens a second{limit}"
    )
