"""What is asked of a text that a decoder writes, and what was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bakeoff.errors import OptionError
from bakeoff.models.constraint import Constraint

__all__ = ["Ended", "Generated", "WriteSettings", "Written"]

#: How a text ended: at its end token, a stop word or the grammar's end; at the most tokens; or not at all, since the
#: prompt is too long, time was up, or the grammar came to a fault.
Ended = Literal["whole", "length", "too-long", "time", "grammar"]


@dataclass(frozen=True, slots=True)
class WriteSettings:
    """What is asked of all rows of a call.

    Parameters
    ----------
    most_tokens : int
        Most tokens written for a row, 1 or more; fewer where the model's context ends.
    constraint : Constraint, optional
        What the texts may be.
    stop : tuple of str
        Words at which a text ends; they are cut off.
    temperature : float
        0 for the likeliest token each time; up to 5.
    top_p : float
        In (0, 1]: of the tokens, likeliest first, the fewest that hold this probability can be drawn (nucleus sampling,
        Holtzman et al. 2020, section 3.1).
    seed : int
        With the row's own text it fixes what is drawn, whatever rows are asked with it; 0 or more.
    no_repeat_ngram : int
        No run of so many tokens comes twice in a text (Paulus et al. 2017, section 2.5); 0 lets all come.
    forbidden : tuple of str
        No text holds one of these as a whole word, whatever its case. What a grammar forces comes all the same.
    beams : int
        Continuations that are kept of each text, 1 to 16; the best whole one is the text (beam search). More than one
        needs a temperature of 0.
    length_penalty : float
        With beams: a text is worth its log-probability over its number of tokens to this power, so that above 0 longer
        ones are preferred; -5 to 5.
    scored : bool
        Whether the log-probability of each text is given.

    Raises
    ------
    OptionError
        If a value is out of its range.
    """

    most_tokens: int
    constraint: Constraint | None = None
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    no_repeat_ngram: int = 0
    forbidden: tuple[str, ...] = ()
    scored: bool = False
    beams: int = 1
    length_penalty: float = 1.0

    def __post_init__(self) -> None:
        for name, allowed, holds in (
            ("most_tokens", "1 or more", self.most_tokens >= 1),
            ("temperature", "0 to 5", 0.0 <= self.temperature <= 5.0),
            ("top_p", "above 0 and at most 1", 0.0 < self.top_p <= 1.0),
            ("seed", "0 or more", self.seed >= 0),
            ("stop", "words of one character or more", all(self.stop)),
            ("no_repeat_ngram", "0, or 2 or more", self.no_repeat_ngram == 0 or self.no_repeat_ngram >= 2),
            ("forbidden", "words of one character or more", all(self.forbidden)),
            ("beams", "1 to 16", 1 <= self.beams <= 16),
            ("beams", "1 at a temperature above 0", self.beams == 1 or self.temperature == 0.0),
            ("length_penalty", "-5 to 5", -5.0 <= self.length_penalty <= 5.0),
        ):
            if not holds:
                raise OptionError(
                    f"{name} must be {allowed}; {getattr(self, name)!r} came.",
                    next_step=f"Give a {name} in this range.",
                )


@dataclass(frozen=True, slots=True)
class Written:
    """What was written behind one query.

    Parameters
    ----------
    text : str
        Without the stop word, the end token and what follows them.
    ended : {"whole", "length", "too-long", "time", "grammar"}
        See `Ended`.
    tokens_in : int
        Tokens of the query, those of the shared prefix left out.
    tokens_out : int
        Tokens written, an end token included.
    seconds : float
        The row's share of the call.
    log_probability : float
        Sum over the tokens that were chosen, what stops the text included, before temperature, nucleus and grammar; NaN
        where it was not asked for.
    """

    text: str
    ended: Ended
    tokens_in: int
    tokens_out: int
    seconds: float
    log_probability: float = float("nan")


@dataclass(frozen=True, slots=True)
class Generated:
    """What one call of `Generator.generate` wrote.

    Parameters
    ----------
    rows : tuple of Written
        In the order of the queries.
    tokens : int
        Tokens that the model read, written ones included where another followed them.
    prefix_tokens, cached_tokens : int
        Tokens that all rows share, and those taken from the cache instead of being read; 0 on the plain path.
    largest_pack : int
        Most tokens, prefix aside, that the model held at once.
    seconds : float
    """

    rows: tuple[Written, ...]
    tokens: int
    prefix_tokens: int
    cached_tokens: int
    largest_pack: int
    seconds: float
