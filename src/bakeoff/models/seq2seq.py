"""Encoder-decoders such as T5, and log-probabilities of labels by them.

A row's text goes through the encoder once. Labels are written by the decoder, each from its start token to the end
token; labels that begin alike share what is scored, and every token is scored once. Checked against scoring each label
by itself with random weights of T5 and BART; it was not verified with pre-trained weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.catalog import ModelFiles
from bakeoff.errors import ModelError, OptionError
from bakeoff.models.batching import length_sorted_batches
from bakeoff.models.facts import read_facts
from bakeoff.models.forward import edge_logs, trie_branches
from bakeoff.models.label_trie import LabelTrie, build_trie
from bakeoff.models.loading import DTypeName, check_device, check_vocabulary, loading, place, torch_dtype
from bakeoff.models.scoring import LabelScores

__all__ = ["Seq2Seq", "Seq2SeqScorer", "load_seq2seq"]

_Ints = npt.NDArray[np.int64]
_LOGIT_BYTES = 1 << 27
#: Where neither settings nor tokenizer say how much it reads: what T5 was trained on (Raffel et al. 2020, section 2.2).
_CONTEXT = 512
_NO_LIMIT = 1 << 30


@dataclass(frozen=True, slots=True)
class Seq2Seq:
    """A loaded encoder-decoder; attributes as of `bakeoff.models.decoder.Decoder`."""

    model: Any
    tokenizer: Any
    name: str
    sha256: str
    context_length: int
    dtype: DTypeName
    device: str


def load_seq2seq(files: ModelFiles, *, dtype: DTypeName = "float32", device: str = "cpu") -> Seq2Seq:
    """Load an encoder-decoder.

    Parameters
    ----------
    files : ModelFiles
        A Hugging Face folder with safetensors.
    dtype : {"float32", "bfloat16"}
    device : str

    Returns
    -------
    Seq2Seq

    Raises
    ------
    ModelError
        If it is no encoder-decoder, its files are broken, or memory is short.
    OptionError
        If the data type or the device cannot be used.
    """
    kind, device = torch_dtype(dtype), check_device(device)
    facts = read_facts(files)
    if facts.family != "seq2seq" or files.form != "folder":
        raise ModelError(
            f"{files.name} must be the folder of an encoder-decoder, but is of the family {facts.family!r} "
            f"({facts.architecture}, {files.form}).",
            next_step="Choose an encoder-decoder, such as a folder of T5.",
        )
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    with loading(files.name):
        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(Path(files.path), **local)
        model = AutoModelForSeq2SeqLM.from_pretrained(Path(files.path), dtype=kind, use_safetensors=True, **local)
        model = place(check_vocabulary(model, tokenizer, files.name), device)
    stated = (getattr(tokenizer, "model_max_length", None), getattr(model.config, "max_position_embeddings", None))
    context = min([_NO_LIMIT, *(int(each) for each in stated if each)])
    return Seq2Seq(
        model, tokenizer, files.name, files.sha256, context if context < _NO_LIMIT else _CONTEXT, dtype, device
    )


@dataclass(frozen=True, slots=True)
class _Branch:
    """One way through the labels of one row: what the decoder reads, and which edges are scored where."""

    row: int
    tokens: _Ints
    edges: _Ints
    places: _Ints


class Seq2SeqScorer:
    """Scores labels after texts with one encoder-decoder.

    Parameters
    ----------
    model : Seq2Seq
        Kept as `decoder`, the name by which prompts know what scores their labels.
    max_batch_tokens : int
        Most tokens, padding included, that one forward of the encoder reads, and as many for what the decoder looks at:
        texts of its branches and the branches themselves. A text that is longer by itself goes alone.

    Raises
    ------
    OptionError
        If `max_batch_tokens` is less than 1.
    """

    def __init__(self, model: Seq2Seq, *, max_batch_tokens: int = 2048) -> None:
        if max_batch_tokens < 1:
            raise OptionError(
                f"max_batch_tokens must be 1 or more, got {max_batch_tokens}.", next_step="Leave it at its default."
            )
        self.decoder = model
        self.max_batch_tokens = max_batch_tokens
        self.largest_pack = 0
        config = model.model.config
        self._start = int(config.decoder_start_token_id)
        self._end = int(model.tokenizer.eos_token_id)
        self._most_scored = max(1, _LOGIT_BYTES // (4 * int(config.vocab_size)))

    def score(
        self,
        prefix: str,
        queries: Sequence[str],
        labels: Sequence[str],
        *,
        terminator: str | None = None,  # noqa: ARG002  # the end token always ends a label
        deadline: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> LabelScores:
        """Score every label as what the decoder writes for every row.

        Parameters
        ----------
        prefix : str
            What all rows begin with; it is read again with each row, since an encoder looks both ways.
        queries : sequence of str
        labels : sequence of str
            Different texts, none empty; white space at their beginning is left out.
        terminator, deadline, progress
            As of `LabelScorer.score`; every label is ended by the end token, whatever the terminator.

        Returns
        -------
        LabelScores
            Without a shared prefix.

        Raises
        ------
        OptionError
            If labels are not to be told apart.
        """
        began = time.perf_counter()
        targets = self.targets(labels)
        trie = build_trie(targets)
        encode = self.decoder.tokenizer
        rows = [np.array(encode(prefix + query, verbose=False)["input_ids"], dtype=np.int64) for query in queries]
        scores, reached, too_long, read = self._fill(rows, trie, deadline, progress)
        return LabelScores(
            log_probabilities=scores,
            mass=np.exp(scores).sum(axis=1),
            too_long=too_long,
            reached=reached,
            label_tokens=np.tile([len(ids) for ids in targets], (len(rows), 1)).astype(np.int64),
            terminated=True,
            tokens=read,
            prefix_tokens=0,
            cached_tokens=0,
            seconds=time.perf_counter() - began,
        )

    def targets(self, labels: Sequence[str]) -> list[tuple[int, ...]]:
        """Give what the decoder writes for each label: the label's tokens and the end token.

        Parameters
        ----------
        labels : sequence of str
            White space at their beginning is left out.

        Returns
        -------
        list of tuple of int
        """
        encode = self.decoder.tokenizer
        found = [encode(label.lstrip(), add_special_tokens=False)["input_ids"] for label in labels]
        return [(*map(int, ids), self._end) for ids in found]

    def score_tokens(self, rows: Sequence[_Ints], targets: Sequence[tuple[int, ...]]) -> npt.NDArray[np.float64]:
        """Score every label for every row, both given as tokens.

        Parameters
        ----------
        rows : sequence of int64 array
            What the encoder reads.
        targets : sequence of tuple of int
            As `targets` gives them.

        Returns
        -------
        float64 array, shape (rows, labels)
            Log-probability of each label, in nats; NaN for rows that are too long.
        """
        return self._fill(rows, build_trie(targets), None, None)[0]

    def _fill(
        self,
        rows: Sequence[_Ints],
        trie: LabelTrie,
        deadline: float | None,
        progress: Callable[[int, int], None] | None,
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], int]:
        """Score pack by pack; gives scores, which rows were reached and which are too long, and the tokens read."""
        too_long = np.array([len(ids) > self.decoder.context_length for ids in rows], dtype=bool)
        scores = np.full((len(rows), len(trie.path_starts)), np.nan)
        reached, read = too_long.copy(), 0
        for pack in self._batches(rows, np.flatnonzero(~too_long)):
            if deadline is not None and time.monotonic() >= deadline:
                break
            values, tokens = self._pack([rows[row] for row in pack], trie)
            scores[pack], reached[pack] = [trie.label_sums(each) for each in values], True
            read += tokens
            if progress is not None:
                progress(int(reached.sum()), len(rows))
        return scores, reached, too_long, read

    def _batches(self, rows: Sequence[_Ints], fitting: _Ints) -> list[_Ints]:
        lengths = [len(rows[row]) for row in fitting]
        return [fitting[batch] for batch in length_sorted_batches(lengths, max_tokens=self.max_batch_tokens)]

    def _pack(self, texts: Sequence[_Ints], trie: LabelTrie) -> tuple[list[npt.NDArray[np.float64]], int]:
        """Score the trie's edges for several texts; gives them, and how many tokens were read."""
        ids, mask = _padded(texts, 0)
        self.largest_pack = max(self.largest_pack, ids.numel())
        device = self.decoder.model.device
        values = [np.full(len(trie.edge_tokens), np.nan) for _ in texts]
        read = int(mask.sum())
        with torch.inference_mode():
            encoder = self.decoder.model.get_encoder()
            hidden = encoder(input_ids=ids.to(device), attention_mask=mask.to(device)).last_hidden_state
            for group in self._groups(trie, len(texts), ids.shape[1]):
                read += self._branches(group, hidden, mask.to(device), trie, values)
        return values, read

    def _groups(self, trie: LabelTrie, texts: int, width: int) -> list[list[_Branch]]:
        """Divide the branches of all texts, so that what the decoder looks at stays within its bounds."""
        depth_of = np.concatenate([[0], trie.depths])
        groups: list[list[_Branch]] = []
        size = scored = 0
        for row in range(texts):
            for nodes, parents in trie_branches(trie):
                edges = np.flatnonzero(np.isin(trie.edge_parents, parents))
                tokens = np.concatenate([[self._start], trie.tokens[nodes]]).astype(np.int64)
                branch = _Branch(row, tokens, edges, depth_of[trie.edge_parents[edges]])
                full = size + width + len(tokens) > self.max_batch_tokens or scored + len(tokens) > self._most_scored
                if not groups or full:
                    groups.append([])
                    size = scored = 0
                groups[-1].append(branch)
                size += width + len(tokens)
                scored += len(tokens)
        return groups

    def _branches(
        self,
        group: Sequence[_Branch],
        hidden: torch.Tensor,
        mask: torch.Tensor,
        trie: LabelTrie,
        values: list[npt.NDArray[np.float64]],
    ) -> int:
        """Read some branches behind their texts, write their edges' values, and give the tokens read."""
        rows = torch.tensor([branch.row for branch in group], device=hidden.device)
        ids, given = _padded([branch.tokens for branch in group], self._end)
        logits = self.decoder.model(
            encoder_outputs=(hidden[rows],),
            attention_mask=mask[rows],
            decoder_input_ids=ids.to(hidden.device),
            use_cache=False,
        ).logits
        for at, branch in enumerate(group):
            places, parents = np.unique(branch.places, return_inverse=True)
            kept = logits[at, torch.from_numpy(places).to(hidden.device)]
            values[branch.row][branch.edges] = edge_logs(kept, parents, trie.edge_tokens[branch.edges])
        return int(given.sum())


def _padded(sequences: Sequence[_Ints], filler: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Put sequences of several lengths into one array, filled on the right, and say which places are theirs."""
    ids = torch.full((len(sequences), max(map(len, sequences))), filler, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.from_numpy(sequence)
        mask[row, : len(sequence)] = 1
    return ids, mask
