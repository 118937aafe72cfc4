"""How many threads work on one call of a model: measured when it is loaded, since it hangs on model and machine.

Threads of one call wait for each other at every step of a model, up to a hundred times for one text. Where steps are
small, that takes longer than it saves. So calls that come together have a thread each, and run side by side. A call
that is alone has all threads where that was clearly quicker for a text of such a length.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence

from bakeoff.records import Answer
from bakeoff.workbench.answering import LoadedModel

__all__ = ["side_by_side"]

Answering = Callable[[Sequence[str]], Sequence[Answer]]

#: Words of the texts that are tried, and how often: until a time is over, but so often at least and at most.
_WORDS, _LEAST, _MOST, _SECONDS = (12, 120), 2, 7, 0.4
#: All threads are taken where they are quicker by this factor: other work may have the processors the next time.
_CLEARLY = 1.25


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

    if threads == 1:
        return LoadedModel(lambda texts, _alone: answer(texts))
    # Each call has its processor; a tokenizer's own threads would take that of another call.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    tried = [text_of(words) for words in _WORDS]
    quickest = [(len(text), _quickest(answer, threads, text)) for text in tried]

    def answering(texts: Sequence[str], alone: bool) -> Sequence[Answer]:
        length = sum(map(len, texts))
        own = min(quickest, key=lambda one: abs(one[0] - length))[1] if alone else 1
        torch.set_num_threads(own)  # of this thread's calls
        return answer(texts)

    return LoadedModel(answering, calls=threads)


def _quickest(answer: Answering, threads: int, text: str) -> int:
    """Give the number of threads, one or all, that answers a text sooner."""
    one, all_of_them = (_seconds(answer, count, text) for count in (1, threads))
    return threads if all_of_them * _CLEARLY < one else 1


def _seconds(answer: Answering, threads: int, text: str) -> float:
    import torch

    torch.set_num_threads(threads)
    answer([text])  # the first one of a length takes longer
    took: list[float] = []
    while len(took) < _LEAST or (len(took) < _MOST and sum(took) < _SECONDS):
        began = time.perf_counter()
        answer([text])
        took.append(time.perf_counter() - began)
    return statistics.median(took)
