"""Answer texts with an exported model: needs numpy, onnxruntime and tokenizers, and nothing else.

    python predict.py "Works well." "Broke after two days."
    python predict.py --model model.int8.onnx < texts.txt

Texts come as arguments, or one a line; answers go out one a line, as JSON. A pair of texts is divided by a tab. In a
program: ``Exported(folder).answers(texts)``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

#: Of a batch, padding included.
BATCH_TOKENS = 1024


class Exported:
    """An exported model.

    Parameters
    ----------
    folder : str or Path
    model : str
        Name of the file in it: ``"model.onnx"`` or ``"model.int8.onnx"``.
    threads : int, optional
        Of the model; by default one a core.
    """

    def __init__(self, folder: str | Path, model: str = "model.onnx", threads: int | None = None) -> None:
        folder = Path(folder)
        self.about = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
        self.labels = self.about["labels"]
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.about["max_tokens"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        self.session = onnxruntime.InferenceSession(str(folder / model), options, providers=["CPUExecutionProvider"])

    def scores(self, texts: Sequence[Any]) -> Any:
        """Give what the model says of texts, or of pairs of texts: float32, shape (rows, outputs)."""
        ids = [encoded.ids for encoded in self.tokenizer.encode_batch(list(texts))]
        found = np.zeros((len(ids), self.about["outputs"]), dtype=np.float32)
        for rows in _batches([len(row) for row in ids]):
            longest = max(len(ids[row]) for row in rows)
            tokens = np.full((len(rows), longest), self.about["pad"], dtype=np.int64)
            mask = np.zeros_like(tokens)
            for at, row in enumerate(rows):
                tokens[at, : len(ids[row])] = ids[row]
                mask[at, : len(ids[row])] = 1
            found[rows] = self.session.run(None, {"ids": tokens, "mask": mask})[0]
        return found

    def answers(self, texts: Sequence[Any]) -> list[dict[str, Any]]:
        """Give each text's prediction, and the probability of each label where it has labels.

        Of an empty text, and of a pair of which one is empty or missing, neither.
        """
        found: list[dict[str, Any]] = [{"prediction": None, "probabilities": None}] * len(texts)
        asked = [place for place, text in enumerate(texts) if not _is_empty(text, self.about["pairs"])]
        for place, row in zip(asked, self.scores([texts[place] for place in asked]).astype(np.float64), strict=True):
            found[place] = self._read(row)
        return found

    def _read(self, scores: Any) -> dict[str, Any]:
        reading = self.about["reading"]
        if reading["as"] == "a number":
            return {"prediction": float(scores[0] * reading["scale"] + reading["mean"]), "probabilities": None}
        if reading["as"] == "one label":
            shares = np.exp(scores - scores.max())
            shares /= shares.sum()
            prediction: Any = self.labels[int(shares.argmax())]
        else:
            shares, least = 1.0 / (1.0 + np.exp(-np.clip(scores, -60, 60))), np.array(reading["thresholds"])
            given = shares >= least
            if reading["at_least_one"] and not given.any():
                given[int((shares - least).argmax())] = True
            prediction = [label for label, own in zip(self.labels, given, strict=True) if own]
        return {
            "prediction": prediction,
            "probabilities": {label: round(float(share), 6) for label, share in zip(self.labels, shares, strict=True)},
        }


def _is_empty(text: Any, pairs: bool) -> bool:
    parts = (text,) if isinstance(text, str) or text is None else text
    return len(parts) < (2 if pairs else 1) or not all(part and part.strip() for part in parts)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Give rows of like length together, the longest first."""
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    while order:
        count = max(1, BATCH_TOKENS // max(1, lengths[order[0]]))
        yield order[:count]
        order = order[count:]


def main() -> None:
    """Answer the texts that the command line, or standard input, holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="*")
    parser.add_argument("--model", default="model.onnx")
    given = parser.parse_args()
    folder = Path(__file__).parent
    if not (folder / given.model).is_file():
        there = ", ".join(sorted(path.name for path in folder.glob("*.onnx"))) or "none"
        parser.error(f"there is no model {given.model} in {folder}; there is: {there}")
    exported = Exported(folder, given.model)
    texts: list[Any] = given.texts or [line.rstrip("\n") for line in sys.stdin]
    if exported.about["pairs"]:
        texts = [tuple(text.split("\t")[:2]) for text in texts]
    for answer in exported.answers(texts) if texts else []:
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
