"""The builder of amazon-reviews: its rules on a small sample, its counts on the real package."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from bakeoff.catalog import locate
from bakeoff.catalog.reviews import build, rows

_SAMPLE = "\r\n".join(
    [
        "1_1\t-0.9\tno picture .",
        "1_2\t0.5\tjust at the line .",
        "1_3\t-0.5\tjust at the other line .",
        "2_1\t2.25\tgreat\tplayer .",
        "2_2\t0.55\tGood  one .",
        "3_1\t1.5\tgood one .",
        "3_2\t3\tit works",
        "4_1\t-3\tIt works",
        "4_2\t3\tit  works",
        "",
    ]
)


def test_rules_on_a_small_sample():
    assert rows(_SAMPLE) == [
        {"text": "no picture .", "label": "negative", "review": "1", "rating": -0.9},
        {"text": "great\tplayer .", "label": "positive", "review": "2", "rating": 2.25},
        {"text": "Good  one .", "label": "positive", "review": "2", "rating": 0.55},
    ]


@pytest.mark.parametrize("line", ["1_1 0.9 text", "11\t0.9\ttext", "1_1\tmuch\ttext"])
def test_line_of_another_form_is_refused(line):
    with pytest.raises(ValueError, match=r"line 1|could not convert"):
        rows(line)


def test_package_without_the_data_is_refused(toy, tmp_path):
    package = toy.package(tmp_path, {"LICENSE.txt": b"MIT"}, name="vaderSentiment-2.5")
    with pytest.raises(ValueError, match="not the expected source package"):
        build(package)
    broken = tmp_path / "broken.tar.gz"
    broken.write_bytes(package.read_bytes()[:40])
    with pytest.raises(ValueError, match="not the expected source package"):
        build(broken)


@pytest.mark.models
def test_real_rows(catalogue_cache):
    lines = (locate("amazon-reviews") / "amazon-reviews.jsonl").read_text(encoding="utf-8").splitlines()
    read = [json.loads(line) for line in lines]
    assert Counter(row["label"] for row in read) == {"positive": 1719, "negative": 1216}
    assert len({row["review"] for row in read}) == 298
    assert all(0.5 < abs(row["rating"]) <= 4 for row in read)


@pytest.mark.models
def test_real_rows_equal_the_open_data_set(catalogue_cache, test_data):
    def pairs(path):
        return Counter(
            (row["text"], row["label"]) for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        )

    ours = pairs(locate("amazon-reviews") / "amazon-reviews.jsonl")
    theirs = sum((pairs(path) for path in (test_data / "amazon_reviews").glob("*.jsonl")), Counter())
    assert ours == theirs
