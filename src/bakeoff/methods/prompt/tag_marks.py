"""Tags of tokens by a prompt: the text is read twice, and behind each word of the second reading stands a mark's place.

The prompt shows a few labelled rows, each as a text and again with marks, ``Ann (person) sings in Paris (place)``. For
a row that is asked nothing is written. Behind each word of its second reading the model gives the probability of an
opening bracket, and behind the bracket those of the types' words and of other words. A linear map from these to the
tags is learned on the labelled rows that the prompt does not show, and a row gets the tags of the highest sum of scores
in which no entity begins with an inside tag. So every word has a tag, whatever its text, and a word that occurs twice
is asked twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeGuard

import numpy as np
from numpy.typing import NDArray

from bakeoff.data import counts_of, entity_type, labels_of, nested_order, split_fields, strata_of, write_tags
from bakeoff.errors import BundleError, OptionError, TrialError
from bakeoff.methods import loaded
from bakeoff.methods.clean import clean_text
from bakeoff.methods.contract import Method
from bakeoff.methods.heads import LinearHead, fit_logistic, read_head, write_head
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_file, write_prompt_file
from bakeoff.methods.prompt.rendering import count_tokens, rendered, size_mb
from bakeoff.methods.prompt.score_store import NO_NUMBER, TIME_WAS_UP, TOO_LONG
from bakeoff.methods.prompt.template import OPENING, Demonstration, PromptDesign
from bakeoff.records import Answer
from bakeoff.tasks import Task, label_codes, label_words, likeliest_tags, with_beginnings

if TYPE_CHECKING:
    from bakeoff.models.marks import MarkScorer, WordScores

__all__ = ["TagMarks", "choose_tagged", "type_words"]

#: Words for the types of CoNLL's and OntoNotes' entities, which a language model has not read as such.
_KNOWN_TYPES = {
    "per": "person", "loc": "place", "org": "organization", "misc": "other", "gpe": "country", "fac": "building",
    "norp": "group",
}  # fmt: skip
_ROW = "Text: {{ text }}\nMarked:"
#: What stands before a type's word and behind it.
_MARK, _END = " (", ")"
_PARTS = "\n\n"
#: Labelled rows that teach the map at most, and those of them in which further words are looked for.
MOST_TAUGHT, _ROWS_FOR_WORDS = 256, 8
#: Inverse strength of the map's penalty, on features of deviation 1.
_STRENGTH = 1.0
#: Rows longer than this many times the median are shown only where there are no others.
_LONG = 2.0
_PROMPT_NAME, _HEAD_NAME, _WORDS_NAME = "prompt.yaml", "head.safetensors", "words.txt"

Floats = NDArray[np.float64]


class TagMarks(Method):
    """A prompt that shows marked texts, and a linear map from the scores of marks to tags.

    Parameters
    ----------
    task : Task
        Of the kind tagging.
    model : str
        Name of a decoder.
    seed : int
        Of the choice and the order of demonstrations.
    shots : int
        Labelled rows that the prompt shows, 1 or more; at most half of them.
    words : int
        Words scored behind a bracket beside the types' own, 0 or more.

    Attributes
    ----------
    design_ : PromptDesign
        Its labels are the types of entities.
    head_ : LinearHead
    """

    model: str
    least_n: ClassVar[int] = 8
    honest_probabilities: ClassVar[bool] = False

    def __init__(self, task: Task, model: str, seed: int = 0, shots: int = 6, words: int = 60) -> None:
        self.task = task
        self.model = model
        self.seed = seed
        self.shots = shots
        self.words = words

    def _fit(self, texts: list[str], labels: list[str]) -> None:
        for name, least in (("shots", 1), ("words", 0)):
            if getattr(self, name) < least:
                raise OptionError(
                    f"{name} must be {least} or more; {getattr(self, name)} came.", next_step="Give a larger number."
                )
        shown = choose_tagged(texts, labels, min(self.shots, len(texts) // 2), self.seed)
        types = type_words(self.task)
        design = PromptDesign(
            instruction=self.task.instruction,
            labels=tuple(types),
            words=tuple(types.values()),
            definitions=_definitions(self.task, tuple(types)),
            opening=OPENING,
            row=_ROW,
            demonstrations=tuple(Demonstration(row, texts[row], labels[row]) for row in shown),
        )
        self._use(self._fitting(design, texts))
        kept = {each.row for each in self.design_.demonstrations}
        self.history_.append({"step": "design the prompt", "demonstrations": len(kept)})
        order = nested_order(strata_of("tagging", labels), self.seed).tolist()
        taught = sorted([row for row in order if row not in kept][:MOST_TAUGHT])
        self._find_words([texts[row] for row in taught])
        self._teach([texts[row] for row in taught], [labels[row] for row in taught])
        self.details_ |= {
            "demonstrations": [each.row for each in self.design_.demonstrations],
            "demonstrations_a_text": len(kept),
            "demonstrations_dropped": len(shown) - len(kept),
            "labels_read": len(kept) + len(taught),
            "prefix_tokens": count_tokens(self._scorer().decoder, self._prefix),
        }
        self.history_.append({"step": "control the output", "by": "scores of marks", "reading": "linear map"})

    def _find_words(self, texts: Sequence[str]) -> None:
        """Take the types' words, and the likeliest ones behind a bracket in some labelled rows."""
        tokenizer = self._scorer().decoder.tokenizer
        self._candidates = self._type_tokens()
        if self.words and not self.context_.deadline.passed:
            pieces = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
            own = set(self._type_tokens())
            letters = [token for token, piece in enumerate(pieces) if _is_word(piece) and token not in own]
            self._candidates = tuple(letters)
            rows = [row for row in self._scored(texts[:_ROWS_FOR_WORDS]) if _usable(row)]
            said = np.concatenate([row.logs[:, 1:] for row in rows]) if rows else np.zeros((1, len(letters)))
            likely = np.argsort(-np.exp(said).mean(axis=0), kind="stable")[: self.words]
            self._candidates = (*self._type_tokens(), *(letters[place] for place in likely.tolist()))
        self.details_["words"] = [str(tokenizer.decode([each])) for each in self._candidates]

    def _teach(self, texts: Sequence[str], labels: Sequence[str]) -> None:
        """Learn the map from the words of labelled rows."""
        found = self._scored(texts)
        pairs = [(row.logs, tags) for row, tags in zip(found, labels, strict=True) if _usable(row)]
        names = self.task.labels
        tags = [tag for _, written in pairs for tag in with_beginnings(labels_of("tagging", written), names)]
        codes = label_codes(tags, names)
        if len(np.unique(codes)) < 2:
            raise TrialError(f"The {len(pairs)} rows that were read have one tag in all, too few to learn from.")
        features = np.concatenate([_features(logs) for logs, _ in pairs])
        centre = features.mean(axis=0)
        scale = 1.0 / np.maximum(features.std(axis=0), 1e-6) / np.sqrt(features.shape[1])
        head = fit_logistic((features - centre) * scale, codes, len(names), C=_STRENGTH * features.shape[1])
        weights = head.weights * scale
        bias = (head.bias - weights @ centre).astype(np.float32)
        self.head_ = LinearHead(weights.astype(np.float32), bias, head.one_vs_rest)
        self.details_ |= {"reading": "linear map", "reading_rows": len(pairs), "reading_words": len(codes)}

    def _answer(self, texts: list[str]) -> list[Answer]:
        return [self._one(row) for row in self._scored(texts)]

    def _one(self, row: WordScores | None) -> Answer:
        if row is None:
            return Answer(None, abstention=TIME_WAS_UP)
        if row.too_long or not np.isfinite(row.logs).all():
            reason = TOO_LONG if row.too_long else NO_NUMBER
            return Answer(None, abstention=reason, tokens_in=row.tokens, seconds=row.seconds)
        tags = likeliest_tags(self.head_.scores(_features(row.logs)), self.task.labels)
        return Answer(write_tags(tags), tokens_in=row.tokens, seconds=row.seconds)

    def _scored(self, texts: Sequence[str]) -> list[WordScores | None]:
        """Score the words of rows, and add what that took to the fit's usage."""
        found = self._scorer().score(
            self._prefix,
            [self._row(text) for text in texts],
            self._between,
            _MARK,
            self._candidates,
            deadline=self.context_.deadline.at,
            progress=lambda done, rows: self.context_.progress("scoring marks", done / max(rows, 1)),
        )
        if any(row is None for row in found):
            self.cut_ = True
        if not getattr(self, "is_fitted_", False):
            tokens = sum(row.tokens for row in found if row is not None)
            self.usage_ = replace(self.usage_, tokens_in=self.usage_.tokens_in + tokens)
        return found

    def _row(self, text: str) -> list[str]:
        """Give the words of a row as the model reads them, one for each token of the row."""
        return [clean_text(field, self._special) or "_" for field in split_fields(text)]

    def _use(self, design: PromptDesign) -> None:
        """Set the design, and what follows from it and the model."""
        decoder = self._scorer().decoder
        self.design_ = design
        self._special = tuple(map(str, decoder.tokenizer.all_special_tokens))
        self._prefix, self._between = self._strings(design)
        self.details_ |= {
            "prompt": self._prefix,
            "prompts": [f"{self._prefix} (text){self._between} (text up to a word){_MARK}"],
            "model_parameters": int(sum(weight.numel() for weight in decoder.model.parameters())),
        }
        self.size_mb_ = size_mb(loaded.model_files(self.model).path)

    def _strings(self, design: PromptDesign) -> tuple[str, str]:
        """Give what stands before a row's first reading, and between both."""
        bare, decoder = replace(design, demonstrations=()), self._scorer().decoder
        own, whole = rendered(replace(bare, opening=""), decoder), rendered(bare, decoder)
        opening = whole.prefix[: len(whole.prefix) - len(own.prefix)]
        words = dict(zip(design.labels, design.words, strict=True))
        parts = []
        for each in design.demonstrations:
            row = self._row(each.text)
            marked = [_marked(word, tag, words) for word, tag in zip(row, each.label.split(" "), strict=True)]
            parts.append(f"{own.prefix}{' '.join(row)}{own.ending} {' '.join(marked)}{_PARTS}")
        return (opening + "".join(parts) + own.prefix).rstrip(), own.ending

    def _fitting(self, design: PromptDesign, texts: Sequence[str]) -> PromptDesign:
        """Drop demonstrations until the context holds the prompt and twice a text longer than the longest."""
        decoder = self._scorer().decoder
        self._special = tuple(map(str, decoder.tokenizer.all_special_tokens))
        room = int(2.5 * count_tokens(decoder, max(texts, key=len)))
        while len(design.demonstrations) > 1:
            if count_tokens(decoder, self._strings(design)[0]) + room <= decoder.context_length:
                break
            design = design.without_last()
        return design

    def _type_tokens(self) -> tuple[int, ...]:
        """Give the first token of each type's word behind a bracket, each once."""
        tokenizer = self._scorer().decoder.tokenizer
        firsts = [tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in self.design_.words]
        return tuple(dict.fromkeys(map(int, firsts)))

    def _scorer(self) -> MarkScorer:
        return loaded.mark_scorer(self.model, self.context_.dtype, self.context_.device)

    def _save(self, folder: Path) -> None:
        sha256 = loaded.model_files(self.model).sha256
        write_prompt_file(
            folder / _PROMPT_NAME, PromptFile(self.design_, "marks", model=self.model, model_sha256=sha256)
        )
        write_head(self.head_, folder / _HEAD_NAME)
        lines = "\n".join(map(str, self._candidates))
        (folder / _WORDS_NAME).write_text(f"{lines}\n", encoding="utf-8", newline="\n")

    def _load(self, folder: Path) -> None:
        prompt = read_prompt_file(folder / _PROMPT_NAME)
        sha256 = loaded.model_files(self.model).sha256
        if prompt.model_sha256 != sha256:
            raise BundleError(
                f"The weights of {self.model} must have the sha256 {str(prompt.model_sha256)[:12]}, for which the "
                f"prompt was made; {sha256[:12]} came.",
                next_step=f"Get the weights it was made for, under the name {prompt.model}.",
            )
        self._use(prompt.design)
        self.head_ = read_head(folder / _HEAD_NAME)
        self._candidates = tuple(map(int, (folder / _WORDS_NAME).read_text(encoding="utf-8").split()))
        self.details_["reading"] = "linear map"


def choose_tagged(texts: Sequence[str], labels: Sequence[str], shots: int, seed: int) -> tuple[int, ...]:
    """Choose tagged rows to show.

    One after another the row is taken that has most types of entities which the rows before it lack, then most types;
    among equals the seed draws. Rows longer than twice the median come last, since they take room from all others.

    Parameters
    ----------
    texts, labels : sequence of str, length n
        Written: tokens and tags.
    shots : int
        How many to choose; all rows where there are fewer.
    seed : int

    Returns
    -------
    tuple of int
        Distinct positions in [0, n), in an order that the seed draws.
    """
    generator = np.random.default_rng([seed, shots])
    sizes = np.array([len(split_fields(text)) for text in texts])
    types = [set(counts_of("tagging", [label])) - {"O"} for label in labels]
    left = generator.permutation(len(texts)).tolist()
    chosen: list[int] = []
    shown: set[str] = set()
    while left and len(chosen) < shots:
        best = max(
            left,
            key=lambda row: (sizes[row] <= _LONG * np.median(sizes), len(types[row] - shown), len(types[row])),
        )
        left.remove(best)
        chosen.append(best)
        # Once every type was shown, each is to be shown again.
        shown = shown | types[best] if any(types[row] - shown - types[best] for row in left) else set()
    return tuple(int(row) for row in generator.permutation(chosen))


def type_words(task: Task) -> dict[str, str]:
    """Give what stands in a prompt for each type of entity, or for each tag where tags have no types.

    Parameters
    ----------
    task : Task
        Of the kind tagging.

    Returns
    -------
    dict of str to str
        As the task's words say; else words for the usual short names, or those of the type's name. All different.
    """
    given = dict(zip(task.labels, task.words, strict=True))
    owners = {entity_type(tag) or tag: tag for tag in task.labels if tag != "O"}
    words = {
        kind: given[tag] if given[tag] != tag else _KNOWN_TYPES.get(kind.lower(), label_words(kind).lower())
        for kind, tag in owners.items()
    }
    return words if len(set(words.values())) == len(words) else {kind: kind for kind in words}


def _definitions(task: Task, types: tuple[str, ...]) -> tuple[str, ...]:
    told = {entity_type(tag) or tag: meaning for tag, meaning in zip(task.labels, task.definitions, strict=True)}
    return tuple(told[kind] for kind in types)


def _marked(word: str, tag: str, words: dict[str, str]) -> str:
    kind = entity_type(tag) or tag
    return word if tag == "O" else f"{word}{_MARK}{words[kind]}{_END}"


def _is_word(piece: object) -> bool:
    """Tell tokens that are words without a space before them."""
    return isinstance(piece, str) and len(piece) > 1 and piece.isascii() and piece.isalpha()


def _usable(row: WordScores | None) -> TypeGuard[WordScores]:
    return row is not None and not row.too_long and bool(np.isfinite(row.logs).all())


def _features(logs: Floats) -> Floats:
    """Give each word's features: what is said of it, and of the words before and behind it."""
    own = np.concatenate([logs[:, :1], logs[:, 1:] - logs[:, 1:].mean(axis=1, keepdims=True)], axis=1)
    edge = np.zeros((1, own.shape[1]))
    before, behind = np.concatenate([edge, own[:-1]]), np.concatenate([own[1:], edge])
    return np.concatenate([own, before, behind], axis=1)
