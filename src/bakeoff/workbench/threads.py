"""How many threads work on one call of a model: measured when it is loaded, since it hangs on model and machine.

Threads of one call wait for each other at every step of a model, up to a hundred times for one text. Where steps are
small, that takes longer than it saves. So calls that come together run side by side, each with its part of the threads:
one, up to eight processors. A call that is alone has all threads where that was clearly quicker for a text of such a
length; of threads that are left over, as four of twelve are, some calls have one more each, where that was.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Sequence

from bakeoff.records import Answer
from bakeoff.workbench.answering import LoadedModel

__all__ = ["side_by_side"]

Answering = Callable[[Sequence[str]], Sequence[Answer]]

#: Calls at a time: between the steps of a model one thread alone runs, so that more would wait for that.
_MOST_CALLS = 8
#: Words of the texts that are tried, and how often: until a time is over, but so often at least and at most.
_WORDS, _LEAST, _MOST, _SECONDS = (12, 120), 2, 7, 0.4
#: More threads are taken where they are quicker by this factor: other work may have the processors the next time.
_CLEARLY = 1.5
#: Seconds between two tries, in which threads fall asleep, as they do between the requests of one client.
_REST = 0.02
#: Words of texts that are answered before anybody asks: what a length needs is made when it is first met.
_MET = range(4, 200, 12)


def side_by_side(answer: Answering, threads: int, text_of: Callable[[int], str]) -> LoadedModel:
    """Have a model called by several threads at a time.

    Parameters
    ----------
    answer : callable
        Gives the answers of texts; may be called by several threads at the same time.
    threads : int
        Of all calls together; 1 or more.
    text_of : callable
        Gives a text of so many words.

    Returns
    -------
    LoadedModel
    """
    import torch

    calls = min(threads, _MOST_CALLS)
    part, left_over = divmod(threads, calls)
    if calls > 1:
        # Each call has its processors; a tokenizer's own threads would take those of another call.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    torch.set_num_threads(part)
    _meet_lengths(answer, text_of)
    found_alone, found_beside = (
        [_quickest(answer, (part, most), text_of(words)) for words in _WORDS] if most > part * _CLEARLY else []
        for most in (threads, part + (left_over > 0))
    )
    # Of each thread that calls: the first ones may take one more.
    places, own = iter(range(left_over)), threading.local()

    def answering(texts: Sequence[str], alone: bool) -> Sequence[Answer]:
        if not hasattr(own, "found_beside"):
            own.found_beside = [] if next(places, None) is None else found_beside
        found, length = found_alone if alone else own.found_beside, sum(map(len, texts))
        count = min(found, key=lambda one: abs(one[0] - length))[1] if found else part
        torch.set_num_threads(count)  # of this thread's calls
        return answer(texts)

    return LoadedModel(answering, calls)


def _meet_lengths(answer: Answering, text_of: Callable[[int], str]) -> None:
    """Answer a text of each length, as far as that does not take long."""
    end = time.perf_counter() + _SECONDS
    for words in _MET:
        if time.perf_counter() < end:
            answer([text_of(words)])


def _quickest(answer: Answering, counts: tuple[int, int], text: str) -> tuple[int, int]:
    """Give the characters of a text, and the one of two numbers of threads that answers it sooner."""
    few, many = (_seconds(answer, count, text) for count in counts)
    return len(text), counts[many * _CLEARLY < few]


def _seconds(answer: Answering, threads: int, text: str) -> float:
    import torch

    torch.set_num_threads(threads)
    answer([text])  # the first one takes longer
    took: list[float] = []
    while len(took) < _LEAST or (len(took) < _MOST and sum(took) < _SECONDS):
        time.sleep(_REST)
        began = time.perf_counter()
        answer([text])
        took.append(time.perf_counter() - began)
    return statistics.median(took)
