"""What all prompts share whose answers are read off label scores: one way to score rows, and to charge for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bakeoff.methods import loaded
from bakeoff.methods.contract import Method
from bakeoff.methods.prompt.score_store import ScoredRows, score_rows

if TYPE_CHECKING:
    from bakeoff.methods.prompt.template import RenderedPrompt
    from bakeoff.models.scoring import LabelScorer

__all__ = ["ScoredPrompt"]


class ScoredPrompt(Method):
    """A method that asks a decoder in process for label scores."""

    model: str

    def _scorer(self) -> LabelScorer:
        return loaded.scorer(self.model, self.context_.dtype, self.context_.device)

    def _scored(
        self, prompt: RenderedPrompt, texts: Sequence[str], progress: Callable[[int, int], None] | None = None
    ) -> ScoredRows:
        """Score rows, and add what that took to the fit's usage or to the details."""
        found = score_rows(
            self._scorer(),
            prompt,
            texts,
            deadline=self.context_.deadline,
            progress=progress,
            fresh=self.fresh_scores,
        )
        if any(row is None for row in found.rows):
            self.cut_ = True
        self.details_["reused_rows"] = self.details_.get("reused_rows", 0) + found.reused
        self.details_["reused_seconds"] = self.details_.get("reused_seconds", 0.0) + found.reused_seconds
        if not getattr(self, "is_fitted_", False):
            # What was reused is charged as if this trial had computed it.
            self.reused_seconds_ += found.reused_seconds
            self.usage_ = replace(
                self.usage_,
                tokens_in=self.usage_.tokens_in + _charged_tokens(found),
                tokens_cached=self.usage_.tokens_cached + found.cached_tokens,
            )
        return found


def _charged_tokens(found: ScoredRows) -> int:
    """Give the tokens of a call's rows, those of rows that were taken from the store included."""
    kept = sum(row.tokens for row in found.rows if row is not None)
    return max(found.tokens, round(kept))
