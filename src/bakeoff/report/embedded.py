"""Figures that the page's script reads, as JSON inside the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["embedded"]


def embedded(data: Mapping[str, Any]) -> str:
    """Write JSON that is safe inside a script element: no angle bracket, no ampersand, no line separator of its own.

    Parameters
    ----------
    data : mapping of str to object
        Without NaN or infinity.

    Returns
    -------
    str
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
