"""Rows that pages are given: reviews to upload, texts that would do harm, and what a page must not hold of these."""

from __future__ import annotations

import re

__all__ = ["HOSTILE", "is_inert", "review_rows"]

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7919 * 7907 }}{% raw %}",
    '=HYPERLINK("http://evil.example")',
    "pay \u202egnp.exe",
    "\x1b[31mred\x07",
    "javascript:alert(1)",
)


def is_inert(page: str) -> None:
    """Hold a page to what no text of data may bring into it."""
    assert "<script>" not in page
    assert "<img" not in page
    assert "onerror=" not in re.sub(r"&lt;.*?&gt;|&#34;.*?&gt;", "", page)
    assert str(7919 * 7907) not in page  # a number that no date and no count of rows gives
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f]", page)
    assert 'href="javascript' not in page


def review_rows(count: int = 60) -> str:
    """Give a CSV file of short reviews; its positive ones can be told by their words."""
    good = ("works well and fast", "great sound, happy with it", "easy to use and sturdy", "love the clear screen")
    bad = ("broke after two days", "poor sound, sent it back", "hard to use and flimsy", "hate the dim screen")
    lines = ["review,sentiment"]
    for number in range(count):
        words, label = ((good, "positive"), (bad, "negative"))[number % 2]
        lines.append(f'"Item {number}: {words[number // 2 % 4]}, bought in month {number % 12 + 1}",{label}')
    return "\n".join(lines) + "\n"
