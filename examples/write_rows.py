"""Write the files that the pages of the documentation work on, from the customer reviews of the catalogue.

    python examples/write_rows.py FOLDER

``reviews.csv``      2,735 reviews and their sentiment
``new.csv``          the other 200, without it
``more.csv``         300 of the labelled ones; ``earlier.csv`` holds 300 others
``fifty.csv``        50 labelled reviews
``texts.csv``        400 reviews without a label
``today.csv``        what a list of words says of ``reviews.csv``: it stands for a system that is in use
"""

from __future__ import annotations

import csv
import json
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bakeoff.catalog import pull

GOOD = ("great", "good", "love", "excellent", "easy", "nice", "perfect", "best", "happy", "recommend", "works well")


def read_reviews() -> list[tuple[str, str]]:
    """Give text and label of all 2,935 reviews in an order of chance, the same every time."""
    file = pull("amazon-reviews") / "amazon-reviews.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    pairs = [(row["text"], row["label"]) for row in rows]
    random.Random(0).shuffle(pairs)
    return pairs


def todays_answer(text: str) -> str:
    """Answer as a list of words does."""
    return "positive" if any(word in text for word in GOOD) else "negative"


def write(path: Path, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table with a row of names."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)


def main(folder: Path) -> None:
    """Write all files into a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    reviews = read_reviews()
    known, new = reviews[:-200], reviews[-200:]
    names = ("review", "sentiment")
    write(folder / "reviews.csv", names, known)
    write(folder / "new.csv", names[:1], ([text] for text, _ in new))
    write(folder / "earlier.csv", names, known[:300])
    write(folder / "more.csv", names, known[300:600])
    write(folder / "fifty.csv", names, known[:50])
    write(folder / "texts.csv", names[:1], ([text] for text, _ in known[50:450]))
    write(folder / "today.csv", ("review", "prediction"), ((text, todays_answer(text)) for text, _ in known))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
