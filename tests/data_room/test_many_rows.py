"""What many rows cost, and that what makes them cheap changes nothing: copies, near-copies, ids and splits."""

from __future__ import annotations

import cProfile
import csv
import hashlib
import io
import json
import pstats
import random
import re
import subprocess
import sys
import unicodedata
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data import (
    Columns,
    Rows,
    Source,
    check_rows,
    duplicates,
    fingerprint,
    likeness,
    minhash,
    read_rows,
    split_rows,
)
from bakeoff.data.allot import allot_by_label
from bakeoff.data.duplicates import loose_key, near_duplicates, same_key
from bakeoff.data.sniff import text_lines

#: Of 3,000 rows, as they were found before these steps were made quick.
GOLDEN = {"fingerprint": "e115f1414ad9", "order": "71a85239f988", "near": "c36eaa670f36", "checks": "999c4b244d6d"}
SYLLABLES = ["ba", "lo", "ri", "tu", "ne", "ska", "mor", "fi", "ge", "dun", "wa", "pel"]


def write_rows(path: Path, count: int) -> Path:
    """Write rows of 100 to 250 characters: of 50 two are copies in capitals, and three have one word more."""
    draw = random.Random(5)
    words = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) for _ in range(3000)]
    made: list[tuple[str, str]] = []
    for place in range(count):
        if made and place % 25 == 7:
            text, label = draw.choice(made)
            made.append((text.upper(), label))
        elif made and place % 50 in (11, 23, 41):
            text, label = draw.choice(made)
            made.append((f"{text} {draw.choice(words)}", label))
        else:
            text = " ".join(draw.choices(words, k=draw.randint(15, 35)))
            made.append((text + draw.choice(["", ".", "!", " é", ' "so"']), draw.choice("abcde")))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([("text", "label"), *made])
    return path


def told(path: Path) -> dict[str, str]:
    """Give what is found in a file of rows, as short as can be."""
    source = read_rows(str(path))
    split = split_rows(source, seed=0)
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    texts = [text for _, rows in source.splits for text in rows.texts]
    found = {
        "fingerprint": fingerprint(parts, source.labels),
        "order": repr([(name, rows.ids, rows.row_numbers) for name, rows in parts.items()]),
        "near": repr(near_duplicates(texts).tolist()),
        "checks": json.dumps([(one.name, one.status, one.detail) for one in (*check_rows(source), *split.checks)]),
    }
    return {name: hashlib.sha256(value.encode()).hexdigest()[:12] for name, value in found.items()}


def test_what_is_found_is_what_was_found_before_a_million_rows_were_measured(tmp_path):
    assert told(write_rows(tmp_path / "rows.csv", 3000)) == GOLDEN


def calls_of(path: Path) -> tuple[int, int]:
    """Give how many rows a file has, and how many calls of functions it takes to check and split them."""
    profile = cProfile.Profile()
    profile.enable()
    source = read_rows(str(path))
    split_rows(source, seed=0)
    check_rows(source)
    profile.disable()
    return len(source), pstats.Stats(profile, stream=io.StringIO()).total_calls  # type: ignore[attr-defined]


def test_calls_grow_no_faster_than_rows(tmp_path, monkeypatch):
    """A row takes 104 calls, most of them of methods of texts; 229 were it when keys were made anew by each check."""
    signed, compared = [], []
    signatures, similarity = duplicates.signatures, likeness._similarity
    monkeypatch.setattr(duplicates, "signatures", lambda keys: signed.append(len(keys)) or signatures(keys))
    monkeypatch.setattr(likeness, "_similarity", lambda *pair: compared.append(pair) or similarity(*pair))
    few, calls_of_few = calls_of(write_rows(tmp_path / "few.csv", 2000))
    signed.clear()
    compared.clear()
    many, calls_of_many = calls_of(write_rows(tmp_path / "many.csv", 20_000))
    assert (calls_of_many - calls_of_few) / (many - few) < 140
    # Checks and split ask for the near-duplicates of the same rows, and they are found once.
    assert len(signed) == 1
    # Three rows in fifty are near another: what others connect already is not compared.
    assert len(compared) == len(set(compared)) < 0.12 * many


_MEMORY = r"""
import re, sys
from pathlib import Path
from functools import lru_cache
from bakeoff.data import check_rows, fingerprint, likeness, read_rows, split_rows
# What is kept of single texts, of a thousand at most, does not grow with the rows.
likeness._grams = lru_cache(8)(likeness._grams.__wrapped__)
peaks = []
for file in sys.argv[1:]:
    source = read_rows(file)
    split = split_rows(source, seed=0)
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    check_rows(source), fingerprint(parts, source.labels)
    # Not ru_maxrss: that begins with what the process that started this one had.
    peaks.append(int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024)
    del source, split, parts
print(peaks[1] - peaks[0])
"""


def test_memory_grows_by_little_more_than_a_kilobyte_a_row(tmp_path):
    """A row of 170 characters took 1,257 bytes at the peak: a million are to fit in 3 GB with room for longer ones."""
    files = [str(write_rows(tmp_path / f"{count}.csv", count)) for count in (2000, 22_000)]
    command = [sys.executable, "-c", _MEMORY, *files]
    grown = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown / 20_000 < 1800


def of_templates(count: int) -> list[str]:
    draw = random.Random(9)
    return [
        f"Your order {draw.randrange(10**6)} of {draw.choice(['a lamp', 'two chairs', 'some books'])} has left our "
        f"house in {draw.choice(['Bonn', 'Rome', 'Oslo'])}, dear customer number {place % 37}."
        for place in range(count)
    ]


def test_very_many_pairs_are_compared_as_few_are(monkeypatch):
    texts, compared, found = of_templates(500), [], {}
    similarity = likeness._similarity
    monkeypatch.setattr(likeness, "_similarity", lambda *pair: compared.append(pair) or similarity(*pair))
    for way, few, many in (("sets", 10**9, 10**9), ("own rows", 10, 10**9), ("all rows", 10, 1000)):
        monkeypatch.setattr(likeness, "_FEW", few)
        monkeypatch.setattr(likeness, "_MANY", many)
        compared.clear()
        found[way] = duplicates._components(texts, 0.75)[0].tolist(), len(compared)
    assert found["sets"][0] == found["own rows"][0] == found["all rows"][0]
    assert 1 < max(found["sets"][0]) + 1 < len(texts)
    assert found["all rows"][1] <= found["own rows"][1] < found["sets"][1] / 4


def test_pairs_of_long_texts_are_compared_few_at_once(monkeypatch):
    texts = [*of_templates(400), "a long text " * 900]
    first = np.arange(400)
    whole = likeness.Likeness(texts, 0.75).alike(first, first + 1)
    given, matrix_of = [], likeness._matrix_of
    monkeypatch.setattr(likeness, "_matrix_of", lambda keys: given.append(sum(map(len, keys))) or matrix_of(keys))
    monkeypatch.setattr(likeness, "_CHARACTERS_AT_ONCE", 5000)
    assert likeness.Likeness(texts, 0.75).alike(first, first + 1).tolist() == whole.tolist()
    assert 0 < whole.sum() < 400
    # The last pair has more alone.
    given.sort()  # parts are compared side by side
    assert given[-2] <= 5000 < given[-1]
    assert len(given) < 2.5 * 2 * sum(map(len, texts[:-1])) / 5000
    kept = likeness._grams.cache_info().currsize
    assert likeness._similarity(texts[-1], texts[-1] + "x") > 0.9
    assert likeness._grams.cache_info().currsize == kept


def test_where_not_all_pairs_meet_it_is_told(monkeypatch):
    """Rows of one template meet all others up to 64 of them; of more, and where they stay apart, some may be missed."""
    passed_over = " Of so many rows alike not all pairs were compared."

    def told(texts: list[str]) -> bool:
        rows = Rows.of(texts, ["a", "b"] * (len(texts) // 2))
        source = Source("rows", (("all", rows),), Columns(("text",), None, "label", None, None, ""))
        return next(one.detail for one in check_rows(source) if one.name == "near-duplicates").endswith(passed_over)

    assert not told(of_templates(60))
    assert told(of_templates(400))
    assert not told([f"{text[:11]} {place:03} {text[20:]}" for place, text in enumerate(of_templates(1) * 400)])
    monkeypatch.setattr(minhash, "_MOST_PAIRS", 30)
    assert told(of_templates(60))


@given(st.text(st.characters(codec="utf-8") | st.sampled_from(" \t\n\x0b\x1c\x1f\x85\xa0_-!'éİßﬁ"), max_size=40))
def test_keys_are_those_of_the_definition(text):
    fields = unicodedata.normalize("NFKC", text).split("\x1f")
    key = "\x1f".join(re.sub(r"\s+", " ", field).strip().casefold().replace("\x1f", " ") for field in fields)
    assert same_key(text) == key
    assert loose_key(text) == (re.sub(r"\s+", " ", re.sub(r"[^\w\s]+", " ", key)).strip() or key)


def test_every_character_of_ascii_counts_as_the_definition_says():
    for code in range(128):
        test_keys_are_those_of_the_definition.hypothesis.inner_test(f"a{chr(code)}B{chr(code)}")


@given(st.text(st.sampled_from("ab\r\n\u2028"), max_size=60), st.integers(1, 9))
def test_lines_are_those_of_a_file(text, part):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("bakeoff.data.sniff._PART_CHARACTERS", part)
        assert list(text_lines(text)) == list(io.StringIO(text, newline=""))


def test_parts_are_those_of_a_row_by_row_allotment():
    draw = np.random.default_rng(3)
    labels = [f"label {place}" for place in draw.integers(0, 7, 900)]
    ends = sorted({0, 900, *draw.integers(1, 900, 500).tolist()})
    units = [tuple(range(start, end)) for start, end in pairwise(ends)]
    sides = allot_by_label(units, labels, (0.6, 0.15, 0.25), 4)
    assert [sides[unit[0]] for unit in units] == [sides[unit[-1]] for unit in units]
    assert np.abs(np.bincount(sides) / 900 - (0.6, 0.15, 0.25)).max() < 0.01
    digest = hashlib.sha256(sides.astype(np.int8).tobytes()).hexdigest()[:12]
    assert digest == "d14965762019"
