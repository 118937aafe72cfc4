"""How like texts are, by the pieces of words that they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Likeness"]

#: Runs of so many characters inside words. On validation rows of amazon reviews, trec, ag_news and sst2 (n = 64) the
#: labels of the nearest eight rows agreed as often as with whole words; runs also serve texts written without spaces.
_RUNS = (3, 5)


class Likeness:
    """The cosine of texts' TF-IDF vectors.

    Parameters
    ----------
    texts : sequence of str, length n
        What other texts are compared with; vocabulary and document frequencies come from them alone.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._n = len(texts)
        self._vectors: Any = None
        # Blank texts alone have nothing to learn, and are like no text.
        if any(text.strip() for text in texts):
            self._vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=_RUNS, sublinear_tf=True)
            self._vectors = self._vectorizer.fit_transform(texts)

    def to(self, text: str) -> NDArray[np.float64]:
        """Give how like a text is to each of the texts.

        Parameters
        ----------
        text : str

        Returns
        -------
        ndarray of float64, shape (n,)
            In [0, 1], up to rounding; 0 where they share nothing.
        """
        if self._vectors is None:
            return np.zeros(self._n)
        found = self._vectors @ self._vectorizer.transform([text]).T
        return np.asarray(found.toarray()[:, 0], dtype=np.float64)
