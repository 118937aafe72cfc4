"""The contract suite by a decoder of random weights: quick, for what no weights decide."""

from __future__ import annotations

import pytest

from bakeoff.testing import MethodSuite

__all__ = ["SmallDecoderSuite"]


class SmallDecoderSuite(MethodSuite):
    """Which demonstrations are shown, and how prompts are read together, is kept and repeated by any weights alike.

    The same scores by the real decoder pass the suite in `test_prompt_label_scores`.
    """

    __test__ = False
    decoder: str

    @pytest.fixture(autouse=True)
    def models(self, tiny_decoder: str) -> None:
        """Give the suite its decoder."""
        type(self).decoder = tiny_decoder
