"""Figures as text, one way for the terminal and the page.

Everything here gives plain ASCII signs; the page swaps the hyphen of a negative figure for a true minus.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "MISSING",
    "about_text",
    "beyond",
    "clean_text",
    "count_text",
    "duration_text",
    "figure_name",
    "figure_text",
    "interval_text",
    "milliseconds_text",
    "money_text",
    "p_phrase",
    "p_text",
    "points_interval_text",
    "points_text",
    "rate_text",
    "score_text",
    "share_text",
    "size_text",
    "unit_text",
    "visible_text",
    "visible_value",
]

#: Stands for a figure that was not measured.
MISSING = "-"

#: What is not shown as it stands: control characters but for line breaks and tabs, halves of characters, characters
#: that turn the direction of the text around them and so could disguise what it says, and those that take no room and
#: so could hide a difference: soft hyphens, fillers, spaces of no width, byte order marks, tags. Joiners stay, which
#: words are written with.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0"
    "\U000e0000-\U000e007f]"
)

_Number = float | int | None


def clean_text(text: str) -> str:
    r"""Make text from data safe to show: no control characters, no hidden changes of direction.

    Parameters
    ----------
    text : str
        Anything: a label, a file's name, a detail that quotes a row.

    Returns
    -------
    str
        One line. White space is collapsed; other control characters (which could drive a terminal), bidirectional
        controls and characters that take no room stand as their escapes, such as ``\u202e``.
    """
    return visible_text(" ".join(text.split()))


def visible_text(text: str) -> str:
    """Do as `clean_text` does, but keep white space as it is."""
    return _HIDDEN.sub(_escape, text)


def visible_value(value: Any) -> Any:
    """Give what an expression of a template gives: a text without hidden controls, and anything else as it is.

    Marked-up text, which was made of such values, is left alone; subclasses of str, such as `JsonText`, are texts.
    """
    return visible_text(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 160 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def _known(value: _Number) -> bool:
    return value is not None and math.isfinite(value)


def score_text(value: _Number) -> str:
    """Give a score with three decimals and no leading zero: ``.906``, ``1.000``; `MISSING` where not measured."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:.3f}"
    if text == "-0.000":
        return ".000"
    return text.replace("0.", ".", 1) if abs(value) < 1 and text.lstrip("-").startswith("0.") else text


def interval_text(bounds: Sequence[float] | None) -> str:
    """Give an interval of scores: ``[.884, .927]``."""
    if bounds is None or not all(_known(bound) for bound in bounds):
        return MISSING
    return f"[{', '.join(score_text(bound) for bound in bounds)}]"


def _signed_points(value: float) -> str:
    text = f"{100 * value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def points_text(value: _Number, *, signed: bool = True) -> str:
    """Give a difference of scores in points.

    Parameters
    ----------
    value : float or None
        On the metric's scale: 0.032 is 3.2 points.
    signed : bool, default True
        Whether a positive difference carries its sign.

    Returns
    -------
    str
        ``"+3.2 points"``.
    """
    if value is None or not math.isfinite(value):
        return MISSING
    text = _signed_points(value)
    return f"{text if signed else text.lstrip('+')} points"


def points_interval_text(bounds: Sequence[float] | None) -> str:
    """Give an interval of a difference of scores, in points: ``[+0.9, +5.6]``."""
    if bounds is None or not all(_known(bound) for bound in bounds):
        return MISSING
    return f"[{', '.join(_signed_points(bound) for bound in bounds)}]"


def p_text(value: _Number) -> str:
    """Give a p-value: ``.004``, or ``< .001`` below that."""
    if value is None or not math.isfinite(value):
        return MISSING
    return "< .001" if value < 0.001 else score_text(value)


def p_phrase(value: _Number) -> str:
    """Give a p-value with its letter: ``p = .004`` or ``p < .001``."""
    text = p_text(value)
    if text == MISSING:
        return "p not known"
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def _significant(value: float, digits: int = 2) -> str:
    """Give at least `digits` significant digits, never an exponent, whole numbers with thousands divided."""
    if value == 0:
        return "0"
    # Rounded first, as 9.96 has the exponent of 10 in two digits.
    exponent = math.floor(math.log10(float(f"{abs(value):.{digits - 1}e}")))
    return f"{value:,.{min(max(digits - 1 - exponent, 0), 9)}f}"


def milliseconds_text(value: _Number) -> str:
    """Give a latency in milliseconds: ``0.42 ms``, ``2.9 ms``, ``34 ms``, and ``1.2 s`` from a second on."""
    if value is None or not math.isfinite(value):
        return MISSING
    if 0 < value < 0.01:
        return "< 0.01 ms"
    return f"{_significant(value / 1000)} s" if value >= 1000 else f"{_significant(value)} ms"


def duration_text(seconds: _Number) -> str:
    """Give a time span: ``0.4 s``, ``34 s``, ``2 min 5 s``, ``1 h 12 min``, ``3 d 4 h``."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if round(seconds) < 60:
        return f"{_significant(seconds, 2 if seconds >= 1 else 1)} s" if seconds >= 0.05 else "0 s"
    whole = round(seconds)
    for large, small, size in (("min", "s", 60), ("h", "min", 3600), ("d", "h", 86400)):
        if whole < size * (60 if size < 3600 else 24) or large == "d":
            first, rest = divmod(whole, size)
            step = {"min": 1, "h": 60, "d": 3600}[large]
            return f"{first} {large} {rest // step} {small}" if rest // step else f"{first} {large}"
    raise AssertionError(seconds)


def count_text(value: _Number) -> str:
    """Give a count: ``12,345``; from a million on, ``1.4 million``."""
    if value is None or not math.isfinite(value):
        return MISSING
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if abs(value) >= size:
            return f"{value / size:,.1f} {word}".replace(".0 ", " ")
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else _significant(value)


def about_text(value: _Number) -> str:
    """Give an estimated amount with two digits: ``0.12``, ``1,300``, ``1.4 million``."""
    if value is None or not math.isfinite(value):
        return MISSING
    return count_text(float(f"{value:.1e}"))


def money_text(value: _Number, currency: str) -> str:
    """Give an amount with its currency: ``0.0021 USD``, ``12.40 USD``, ``1,250 USD``."""
    if value is None or not math.isfinite(value):
        return MISSING
    size = abs(value)
    if 0 < size < 1e-5:
        text = "< 0.00001"
    else:
        text = "0" if size == 0 else _significant(value) if size < 0.1 or size >= 1000 else f"{value:.2f}"
    return f"{text} {clean_text(currency)}".rstrip()


def share_text(value: _Number) -> str:
    """Give a share in [0, 1] in per cent: ``100%``, ``99.6%``; a share short of all is never rounded up to 100%."""
    if value is None or not math.isfinite(value):
        return MISSING
    percent = 100 * value
    if percent in (0.0, 100.0):
        return f"{percent:.0f}%"
    if 0 < percent < 100:
        percent = min(max(percent, 0.1), 99.9)
    return f"{percent:.1f}%"


def rate_text(value: _Number) -> str:
    """Give a rate in rows a second: ``310 rows/s``."""
    return MISSING if value is None or not math.isfinite(value) else f"{_significant(value)} rows/s"


def size_text(megabytes: _Number) -> str:
    """Give a size: ``0.4 MB``, ``87 MB``, ``1.2 GB``."""
    if megabytes is None or not math.isfinite(megabytes):
        return MISSING
    return f"{_significant(megabytes / 1000)} GB" if megabytes >= 1000 else f"{_significant(megabytes)} MB"


def beyond(now: float, at: float) -> float:
    """Round a bound to two digits, away from where a figure stands: past the rounded bound is past the bound.

    Parameters
    ----------
    now, at : float
        Where the figure stands, and its bound.

    Returns
    -------
    float
        From 96.4 the bound 118.2 gives 120, the bound 81.9 gives 81.
    """
    if at == 0 or not math.isfinite(at) or not math.isfinite(now):
        return at
    size = 10.0 ** (math.floor(math.log10(abs(at))) - 1)
    steps = at / size
    whole = round(steps) if abs(steps - round(steps)) < 1e-6 else math.floor(steps) if at < now else math.ceil(steps)
    return float(f"{whole * size:.3g}")


def unit_text(value: _Number, unit: str) -> str:
    """Give a figure with its unit, as flips and requirements carry them.

    Parameters
    ----------
    value : float or None
        The figure, in `unit`.
    unit : str
        ``""``, ``"score"`` or a metric's name for a score; ``"ms"``, ``"s"``, ``"points"``, ``"MB"``; else shown behind
        the figure as it is (``"labels"``, ``"predictions a month"``).

    Returns
    -------
    str
    """
    if value is None or not math.isfinite(value):
        return MISSING
    word = unit.strip()
    if word.casefold() in ("", "score", "accuracy", "macro-f1"):
        return score_text(value)
    known = {"ms": milliseconds_text, "s": duration_text, "seconds": duration_text, "MB": size_text}
    if word in known:
        return known[word](value)
    if word == "points":
        return f"{value:.1f} points"
    if word == "share":
        return share_text(value)
    return f"{count_text(value)} {clean_text(word)}"


def _amount_text(value: float) -> str:
    return money_text(value, "")


def _ratio_text(value: float) -> str:
    return f"{value:.2f}"


def _spread_text(value: float) -> str:
    return points_text(value, signed=False)


#: How a figure is shown, by a part of its name; the first that fits.
_BY_NAME = (
    (("deviation", "calibration_error"), _spread_text),
    (("per_word",), _ratio_text),
    (("difference", "slope", "decay", "lead"), points_text),
    (("cost",), _amount_text),
    (("_ms",), milliseconds_text),
    (("rows_per_second",), rate_text),
    (("seconds",), duration_text),
    (("_mb",), size_text),
    (("_rate", "share", "coverage"), share_text),
    (("score", "phrasing_range", "accuracy", "macro-F1", "floor", "zero_shot"), score_text),
)


def figure_name(key: str) -> str:
    """Turn the key of a figure into words: ``p95_ms`` gives ``p95``, ``fit_seconds`` gives ``fit``."""
    words = [word for word in clean_text(key).split("_") if word]
    kept = [word for word in words if word not in ("ms", "mb")]
    if len(kept) > 1 and kept[-1] == "seconds":
        kept.pop()
    return " ".join(kept or words)


def figure_text(key: str, value: Any) -> str:
    """Give a consideration's figure, its form chosen by its key and its kind.

    Parameters
    ----------
    key : str
        Such as ``"p95_ms"``, ``"fit_seconds"``, ``"valid_rate"``, ``"score"``.
    value : JSON value
        Numbers, text, a truth value, None, or a list or mapping of such.

    Returns
    -------
    str
        One line.
    """
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return "; ".join(f"{figure_name(str(name))} {figure_text(str(name), part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        if key == "ci" and len(value) == 2:
            return points_interval_text(value)
        return ", ".join(figure_text(key, part) for part in value)
    if not math.isfinite(value):
        return MISSING
    if key in ("p", "p_holm"):
        return p_text(value)
    for parts, form in _BY_NAME:
        if any(part in key for part in parts):
            return form(value)
    if isinstance(value, int) or value == round(value):
        return count_text(value)
    return score_text(value) if abs(value) <= 1 and abs(value) >= 0.0005 else count_text(value)
