"""The contract suite by models of random weights: quick, for what no weights decide."""

from __future__ import annotations

import pytest

from bakeoff.testing import MethodSuite

__all__ = ["SmallDecoderSuite", "SmallEncoderSuite"]


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


class SmallEncoderSuite(MethodSuite):
    """Which weights are tuned, and by which loss, is kept and repeated by any weights alike.

    The real encoder passes the suite, tuned whole and frozen, in `test_finetune_full` and `test_finetune_probe`.
    """

    __test__ = False
    encoder: str

    @pytest.fixture(autouse=True)
    def models(self, tiny_encoder: str) -> None:
        """Give the suite its encoder."""
        type(self).encoder = tiny_encoder
