"""Low-rank adapters: put into a copy of a model that shares its weights, then kept apart or merged into whole weights.

Adapters on every linear layer follow Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1,
and Dettmers et al. 2023, "QLoRA", section 4; merging them follows the former's section 4.1 ("no additional inference
latency").
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bakeoff.errors import BundleError, OptionError, TrialError
from bakeoff.extras import require

__all__ = [
    "ALLOWED_BY_MERGING",
    "COMPARED_ROWS",
    "add_adapters",
    "check_base",
    "compare_merged",
    "merge_adapters",
    "read_about",
    "read_adapters",
    "refuse_to_divide",
    "weight_sharing_copy",
    "write_about",
    "write_adapters",
]

#: Rows by which merged weights are held to adapters apart.
COMPARED_ROWS = 64
#: Largest change of a probability that merging may bring. Rounding weights with adapters to bfloat16 moves it by
#: hundredths; in float32 more than this is an error.
ALLOWED_BY_MERGING = {"float32": 1e-3, "bfloat16": 0.1}
#: The part above an encoder's token vectors: what is pooled here does not go through it.
_UNUSED = r".*pooler.*"
_PURPOSE = "LoRA adapters"


def weight_sharing_copy(model: Any) -> Any:
    """Copy a model's modules, its weights shared: adapters go into the copy alone.

    Parameters
    ----------
    model : transformers model

    Returns
    -------
    transformers model
    """
    return copy.deepcopy(model, {id(weight): weight for weight in model.parameters()})


def add_adapters(
    model: Any,
    *,
    rank: int,
    seed: int,
    name: str,
    folder: Path | None = None,
    layers: Sequence[str] | None = None,
) -> Any:
    """Put adapters into every linear layer but the output's, to be trained while all other weights stay.

    Parameters
    ----------
    model : transformers model
        Changed in place; see `weight_sharing_copy`.
    rank, seed : int
        Of new adapters.
    name : str
        Of the model.
    folder : Path, optional
        Of `write_adapters`: adapters to go on from, instead of new ones.
    layers : sequence of str, optional
        Names of the linear layers that get one, instead of all.

    Returns
    -------
    peft.PeftModel
        Around `model`.
    """
    peft = require("peft", extra="finetune", purpose=_PURPOSE)
    with torch.random.fork_rng(devices=[]), _quiet():
        torch.manual_seed(seed)
        if folder is not None:
            return peft.PeftModel.from_pretrained(model, folder, is_trainable=True)
        config = peft.LoraConfig(
            r=rank,
            lora_alpha=2 * rank,
            lora_dropout=0.0,
            target_modules="all-linear" if layers is None else list(layers),
            exclude_modules=_UNUSED,
        )
        config.base_model_name_or_path = name
        return peft.get_peft_model(model, config)


def write_adapters(model: Any, folder: Path) -> None:
    """Write adapters alone.

    Parameters
    ----------
    model : peft.PeftModel
    folder : Path
    """
    with _quiet():
        model.save_pretrained(folder, save_embedding_layers=False)
    # peft writes a model card of its own, which knows nothing of the task.
    (folder / "README.md").unlink(missing_ok=True)


def read_adapters(model: Any, folder: Path) -> Any:
    """Put written adapters into a model, ready to answer.

    Parameters
    ----------
    model : transformers model
        Changed in place; see `weight_sharing_copy`.
    folder : Path

    Returns
    -------
    peft.PeftModel
    """
    peft = require("peft", extra="finetune", purpose=_PURPOSE)
    with torch.random.fork_rng(devices=[]), _quiet():
        return peft.PeftModel.from_pretrained(model, folder)


def merge_adapters(model: Any) -> Any:
    """Add adapters to the weights that they stand beside; no weight that another model shares is changed.

    Parameters
    ----------
    model : peft.PeftModel

    Returns
    -------
    transformers model
        The model inside, without peft. In the data type that it had: each sum is rounded to it once.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    kept = []
    for layer in model.modules():
        if isinstance(layer, BaseTunerLayer):
            own = layer.get_base_layer()
            kept.append((own, own.weight.dtype))
            for name, weight in list(own.named_parameters(recurse=False)):
                # peft adds in place, and the weight may be that of a model which others use.
                whole = weight.detach().to(torch.float32, copy=True)
                setattr(own, name, torch.nn.Parameter(whole, requires_grad=False))
    with _quiet():
        plain = model.merge_and_unload()
    for own, dtype in kept:
        own.to(dtype)
    plain.requires_grad_(False)
    return plain


def compare_merged(before: NDArray[np.float64], after: NDArray[np.float64], dtype: str) -> dict[str, Any]:
    """Hold the answers of merged weights to those of adapters beside the weights.

    Parameters
    ----------
    before, after : ndarray, shape (rows, labels)
        Probabilities.
    dtype : {"float32", "bfloat16"}
        Of the weights.

    Returns
    -------
    dict
        ``rows``, ``answers_changed`` (near ties that rounding turned), ``largest_difference`` and ``allowed``.

    Raises
    ------
    TrialError
        If a probability moved by more than `ALLOWED_BY_MERGING`.
    """
    largest, allowed = float(np.abs(before - after).max()), ALLOWED_BY_MERGING[dtype]
    changed = int((before.argmax(axis=1) != after.argmax(axis=1)).sum())
    if not largest <= allowed:
        raise TrialError(
            f"Merging the adapters in {dtype} moves a probability by {largest:.3f}, more than the {allowed:g} allowed, "
            f"and changes {changed} of {len(before)} answers. Keep them apart with merge=false."
        )
    return {"rows": len(before), "answers_changed": changed, "largest_difference": largest, "allowed": allowed}


def write_about(path: Path, name: str, sha256: str, **further: Any) -> None:
    """Write which model adapters or tuned weights belong to.

    Parameters
    ----------
    path : Path
    name, sha256 : str
    **further
        Plain JSON values.
    """
    about = {"model": name, "sha256": sha256, **further}
    path.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def read_about(path: Path) -> dict[str, Any]:
    """Read what `write_about` wrote.

    Raises
    ------
    BundleError
        If it cannot be read.
    """
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(
            f"{path.parent} must hold what was tuned with its {path.name}; it cannot be read: {error}.",
            next_step="Write the bundle again from its study.",
        ) from error
    return about


def check_base(about: dict[str, Any], model: str, sha256: str) -> None:
    """Hold the model at hand to the one that adapters were trained on.

    Raises
    ------
    BundleError
        If it is another one.
    """
    if sha256 != about["sha256"]:
        raise BundleError(
            f"The adapters belong to {about['model']} with sha256 {about['sha256'][:12]}; {model} has {sha256[:12]}.",
            next_step="Give the model that the adapters were trained on.",
        )


def refuse_to_divide(merge: bool) -> None:
    """Refuse to keep adapters apart from weights into which others were merged: the bundle would not hold those.

    Raises
    ------
    OptionError
        If `merge` is False.
    """
    if not merge:
        raise OptionError(
            "What was merged goes on merged: merge must be true here, false came.", next_step="Leave merge as it is."
        )


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
