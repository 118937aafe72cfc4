"""A decoder tuned under the prompt that a search inside the labelled rows found: the prompt first, then the weights.

Prompted fine-tuning (Schick and Schuetze 2021, "Exploiting Cloze Questions", section 3; Le Scao and Rush 2021, "How
Many Data Points is a Prompt Worth?") with the pattern chosen by the rows instead of by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from bakeoff.errors import OptionError
from bakeoff.methods.clean import clean_text
from bakeoff.methods.finetune.label_generator import LabelGenerator
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_file, write_prompt_file
from bakeoff.methods.prompt.rendering import design_for_task, rendered
from bakeoff.methods.prompt.searched import SearchedPrompts
from bakeoff.methods.prompt.template import PromptDesign, RenderedPrompt
from bakeoff.models.label_trie import has_prefix_clash
from bakeoff.tasks import Task

__all__ = ["PromptSearch", "TunedPrompt"]

_PROMPT_NAME = "prompt.yaml"
#: Tokens that prompt and text have together; a longer text is cut.
_MOST_TOKENS = 512


class PromptSearch(SearchedPrompts):
    """The search of `SearchedPrompts` over prompts without demonstrations; the best is not asked any further."""

    searched_shots = (0,)

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        self._check_settings()
        self.details_ = {"reused_rows": 0, "reused_seconds": 0.0}
        self._read_rows: set[int] = set()
        self.design_ = self._designs(texts, labels)[0]


class TunedPrompt(LabelGenerator):
    """Search a prompt, and tune low-rank adapters of the same decoder until it writes the label under that prompt.

    Parameters
    ----------
    task : Task
    model : str
        Name of a decoder.
    seed : int
        Of the search, the adapters, the held-out part and the batches.
    learning_rate, epochs, rank, batch_rows, least_steps : float, int, int, int, int
        As of `LabelGenerator`.
    candidates : int
        Prompts that the search starts from, 1 or more: wordings and words for the labels, no demonstrations.

    Attributes
    ----------
    design_ : PromptDesign
        The best of the search, with one word a label.
    """

    least_n: ClassVar[int] = 16
    can_continue: ClassVar[bool] = False
    #: Adapters stay apart, so that they are used under their own prompt alone.
    merge: bool = False

    def __init__(
        self,
        task: Task,
        model: str | None = None,
        seed: int = 0,
        learning_rate: float = 5e-4,
        epochs: int = 4,
        rank: int = 16,
        batch_rows: int = 8,
        least_steps: int = 40,
        candidates: int = 16,
    ) -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.rank = rank
        self.batch_rows = batch_rows
        self.least_steps = least_steps
        self.candidates = candidates

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        if not self.model:
            raise OptionError("model must name a decoder; none came.", next_step="Give it, as `bakeoff models` does.")
        search = PromptSearch(self.task, self.model, self.seed, candidates=self.candidates, kept=1)
        search.within(self.context_).fit(texts, labels)
        self.design_ = _told_once(search.design_)
        super()._fit(texts, labels)
        self.usage_ = replace(
            self.usage_,
            tokens_in=self.usage_.tokens_in + search.usage_.tokens_in,
            tokens_cached=search.usage_.tokens_cached,
        )
        self.reused_seconds_ += search.reused_seconds_
        self.cut_ = self.cut_ or search.cut_
        self.history_ = [*search.history_, *self.history_]
        prompt = self._prompt()
        self.details_ |= {
            "prompt": f"{prompt.prefix}(text){prompt.ending}",
            "search": search.details_["search"],
            "search_seconds": search.usage_.seconds,
        }

    def _prompt(self) -> RenderedPrompt:
        return rendered(self.design_, self.decoder_)

    def _opening(self) -> str:
        return self._prompt().prefix

    def _targets(self) -> list[tuple[int, ...]]:
        tokenizer = self.decoder_.tokenizer
        words = [tokenizer(said, add_special_tokens=False)["input_ids"] for said in self._prompt().continuations]
        found = [tuple(map(int, ids)) for ids in words]
        end = tokenizer.eos_token_id
        return [(*ids, int(end)) for ids in found] if end is not None and has_prefix_clash(found) else found

    def _token_ids(self, texts: Sequence[str]) -> tuple[list[list[int]], int]:
        tokenizer, prompt = self.decoder_.tokenizer, self._prompt()
        ending = tokenizer(prompt.ending, add_special_tokens=False)["input_ids"]
        most = min(_MOST_TOKENS, self.decoder_.context_length) - len(ending) - self._spare()
        whole = [prompt.prefix + clean_text(text, prompt.special_tokens, fold=prompt.fold) for text in texts]
        found = tokenizer(whole, return_attention_mask=False, verbose=False)["input_ids"]
        return [ids[:most] + ending for ids in found], sum(len(ids) > most for ids in found)

    def _save(self, folder: Path) -> None:
        super()._save(folder)
        about = self.decoder_
        prompt = PromptFile(self.design_, "label-scores", "none", (), about.name, about.sha256)
        write_prompt_file(folder / _PROMPT_NAME, prompt)

    def _load(self, folder: Path) -> None:
        found = read_prompt_file(folder / _PROMPT_NAME)
        self.design_ = design_for_task(found.design, self.task, _PROMPT_NAME)
        super()._load(folder)


def _told_once(design: PromptDesign) -> PromptDesign:
    """Leave one word a label: a tuned model learns to write that one."""
    return replace(design, demonstrations=(), other_words=())
