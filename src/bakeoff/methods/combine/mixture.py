"""What both mixtures share: a part that is tuned, a part that is prompted, and one bill for the two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bakeoff.errors import OptionError
from bakeoff.methods.contract import Method
from bakeoff.methods.finetune.full import FullFineTuning
from bakeoff.methods.prompt.several import SeveralPrompts
from bakeoff.records import Answer

__all__ = ["Mixture"]


class Mixture(Method):
    """A method of an encoder that is tuned and a decoder that is prompted; subclasses write what they do together."""

    #: Name of the decoder; ``model`` is the encoder's.
    prompt_model: str | None
    #: Settings of `FullFineTuning` and of `SeveralPrompts`; their own defaults where None.
    tuned: Mapping[str, Any] | None
    prompt: Mapping[str, Any] | None

    @property
    def _tuned_settings(self) -> dict[str, Any]:
        return {"task": self.task, "model": self.model, "seed": self.seed, **(self.tuned or {})}

    @property
    def _prompt_settings(self) -> dict[str, Any]:
        return {"task": self.task, "model": self.prompt_model, "seed": self.seed, **(self.prompt or {})}

    def _new_tuned(self) -> FullFineTuning:
        return FullFineTuning(**self._tuned_settings).within(self.context_)

    def _new_prompt(self) -> SeveralPrompts:
        return SeveralPrompts(**self._prompt_settings).within(self.context_)

    def _check_models(self) -> None:
        for name, family in (("model", "an encoder"), ("prompt_model", "a decoder")):
            if not getattr(self, name):
                raise OptionError(
                    f"{name} must name {family}; none came.", next_step="Give it, as `bakeoff models` does."
                )

    def _charge(self, part: Method, answers: Sequence[Answer] = ()) -> None:
        """Add what a part spent on its fit, and on answers that the fit of the whole needed, to this fit's usage."""
        spent, known = part.usage_, self.usage_
        self.usage_ = replace(
            known,
            tokens_in=known.tokens_in + spent.tokens_in + sum(answer.tokens_in for answer in answers),
            tokens_cached=known.tokens_cached + spent.tokens_cached,
            tokens_out=known.tokens_out + spent.tokens_out + sum(answer.tokens_out for answer in answers),
            calls=known.calls + spent.calls,
            money=known.money + spent.money,
        )
        # Scores that were there already are charged as when they were made; a prompt counts those of its answers, too.
        self.reused_seconds_ += max(part.reused_seconds_, float(part.details_.get("reused_seconds", 0.0)))
        self.cut_ = self.cut_ or part.cut_
