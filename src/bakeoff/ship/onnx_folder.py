"""Write a fitted method as an ONNX model, in a folder that answers without this package.

::

    exported/
      model.onnx        the network in float32: ids and mask in, scores out
      model.int8.onnx   its weights as 8-bit integers, where it was asked for
      tokenizer.json    for the library `tokenizers`
      answers.json      labels, thresholds, longest text, and what it was made from
      predict.py        answers texts with the files above
      README.md         what was measured of both models
      BUNDLE.md         the card of the bundle

Weights are quantised a row at a time, and what they are multiplied by when it is known ("dynamic" quantisation; Jacob
et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference").
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.errors import OptionError
from bakeoff.extras import require

if TYPE_CHECKING:
    from bakeoff.methods.exportable import Exportable
    from bakeoff.ship.bundle import BundleFacts

__all__ = ["ANSWERS", "FLOAT", "INT8", "PREDICT", "write_model", "write_quantised", "write_rest"]

FLOAT, INT8, ANSWERS, PREDICT = "model.onnx", "model.int8.onnx", "answers.json", "predict.py"
_PURPOSE, _EXTRA = "Exporting a bundle", "onnx"


def write_model(exportable: Exportable, folder: Path) -> None:
    """Write the network as ``model.onnx``.

    Parameters
    ----------
    exportable : Exportable
    folder : Path

    Raises
    ------
    MissingExtraError
        If the packages of the extra ``onnx`` are not installed.
    OptionError
        If torch cannot write this network.
    """
    for module in ("onnx", "onnxscript", "onnxruntime"):
        require(module, extra=_EXTRA, purpose=_PURPOSE)
    import torch

    # Two rows of two lengths, so that neither size is taken for a constant.
    ids, mask = torch.ones(2, 7, dtype=torch.long), torch.ones(2, 7, dtype=torch.long)
    mask[1, 5:] = 0
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    with _quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                exportable.network.eval(),
                (ids, mask),
                input_names=["ids", "mask"],
                output_names=["scores"],
                dynamic_shapes={"ids": free, "mask": free},
                dynamo=True,
                verbose=False,
            )
            assert program is not None
            program.save(str(folder / FLOAT))
        # The exporter raises errors of several libraries for what it does not know.
        except Exception as error:
            first = str(error).strip().splitlines()
            raise OptionError(
                f"The network cannot be written as ONNX: {first[0] if first else type(error).__name__}",
                next_step="Serve the bundle as it is: bakeoff serve.",
            ) from error


def write_quantised(folder: Path) -> None:
    """Write ``model.int8.onnx`` beside ``model.onnx``; the last layer keeps its float32.

    Parameters
    ----------
    folder : Path
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(str(folder / FLOAT), load_external_data=False)
    # What scores hang on directly is small, and its loss would be the largest.
    last = next(node.name for node in reversed(model.graph.node) if node.op_type in ("Gemm", "MatMul"))
    with _quiet():
        quantize_dynamic(
            str(folder / FLOAT),
            str(folder / INT8),
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=[last],
        )


def write_rest(exportable: Exportable, facts: BundleFacts, sha256: str, folder: Path) -> None:
    """Write what goes with the models: tokenizer, labels and how scores are read, and the program that answers.

    Parameters
    ----------
    exportable : Exportable
    facts : BundleFacts
    sha256 : str
        Of the bundle's ``bundle.json``.
    folder : Path
    """
    from bakeoff.ship import onnx_predict

    about: dict[str, Any] = {
        "task": facts.task.name,
        "kind": facts.task.kind,
        # Numbers may be of pairs, too.
        "pairs": facts.task.kind == "pair" or (facts.task.kind == "regression" and facts.text_pair is not None),
        "labels": list(facts.task.labels),
        "outputs": int(exportable.network.head.out_features),
        "reading": exportable.reading,
        "max_tokens": exportable.max_tokens,
        "pad": exportable.pad,
        "contender": facts.contender.name,
        "bundle": sha256,
    }
    (folder / ANSWERS).write_text(json.dumps(about, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    (folder / "tokenizer.json").write_text(exportable.tokenizer.backend_tokenizer.to_str(), encoding="utf-8")
    (folder / PREDICT).write_text(Path(str(onnx_predict.__file__)).read_text(encoding="utf-8"), encoding="utf-8")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's and the quantiser's notes, which are for those who write them, from the user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
