"""Vectors of texts on disk: one file a list of texts, named by all that its content hangs on.

A file is written aside and renamed into place; what it holds is checked by its sha256 when it is read, and a file that
is broken goes. Its header, plain JSON, tells the encoder, the machine and the seconds; the texts are not in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bakeoff.catalog.cache import write_file
from bakeoff.methods.finetune.kept_here import kept_folder, machine_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakeoff.models.encoder import Encoder

__all__ = ["read_vectors", "vector_facts", "write_vectors"]

#: Raised when vectors are computed otherwise than before.
_SCHEMA = 1
#: Bytes of all files together; what was used the longest ago goes first.
_MOST_BYTES = 1_000_000_000
_ABOUT, _CHECK = "about", "sha256"


def vector_facts(encoder: Encoder, texts: Sequence[str]) -> dict[str, Any]:
    """Give all that the vectors of texts hang on, to the last bit, as plain JSON values.

    Parameters
    ----------
    encoder : Encoder
    texts : sequence of str
        In the order in which they are encoded.

    Returns
    -------
    dict
    """
    told = "".join(f"{len(text)}:{text}" for text in texts)
    return {
        "schema": _SCHEMA,
        "encoder": encoder.name,
        "encoder_sha256": encoder.sha256,
        "weights": str(next(encoder.model.parameters()).dtype),
        "max_tokens": encoder.max_tokens,
        "pooling": encoder.pooling,
        "normalise": encoder.normalise,
        "texts": len(texts),
        "texts_sha256": hashlib.sha256(told.encode("utf-8", "replace")).hexdigest(),
        "device": encoder.device,
        **machine_facts(),
    }


def read_vectors(facts: dict[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.float64]] | None:
    """Give kept vectors and the seconds that each first took; None where there are none.

    Parameters
    ----------
    facts : dict
        As `vector_facts` gave them.

    Returns
    -------
    vectors : ndarray of float32, shape (texts, dimensions)
    seconds : ndarray of float64, shape (texts,)
    """
    from safetensors import SafetensorError, safe_open

    path = _path(facts)
    if path is None or not path.is_file():
        return None
    try:
        with safe_open(path, framework="np") as file:
            told = file.metadata() or {}
            vectors, seconds = file.get_tensor("vectors"), file.get_tensor("seconds")
        if json.loads(told[_ABOUT]) != facts or told[_CHECK] != _sha256(vectors, seconds):
            raise ValueError("the file holds something else")
        if len(vectors) != facts["texts"] or len(seconds) != facts["texts"]:
            raise ValueError("rows are missing")
    except (SafetensorError, ValueError, KeyError, OSError):
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    with contextlib.suppress(OSError):  # a shared folder may belong to somebody else
        os.utime(path)
    return vectors, seconds


def write_vectors(facts: dict[str, Any], vectors: NDArray[np.float32], seconds: NDArray[np.float64]) -> None:
    """Keep vectors; a disk that is full or closed costs nothing but the next encoding.

    Parameters
    ----------
    facts : dict
        As `vector_facts` gave them.
    vectors : ndarray of float32, shape (texts, dimensions)
    seconds : ndarray of float64, shape (texts,)
    """
    from safetensors.numpy import save

    path = _path(facts)
    if path is None or vectors.nbytes + seconds.nbytes > _MOST_BYTES:
        return
    about = {_ABOUT: json.dumps(facts, sort_keys=True), _CHECK: _sha256(vectors, seconds)}
    with contextlib.suppress(OSError):
        write_file(path, save({"vectors": vectors, "seconds": seconds}, metadata=about))
        # Vectors tell something of their texts, which are nobody else's.
        path.parent.chmod(0o700)
        _bound(path.parent)


def _path(facts: dict[str, Any]) -> Path | None:
    folder = kept_folder("embeddings")
    if folder is None:
        return None
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return folder / f"{key}.safetensors"


def _sha256(vectors: NDArray[np.float32], seconds: NDArray[np.float64]) -> str:
    told = hashlib.sha256(np.ascontiguousarray(vectors).tobytes())
    told.update(np.ascontiguousarray(seconds).tobytes())
    return told.hexdigest()


def _bound(folder: Path) -> None:
    """Let the files go that were used the longest ago, until all fit."""
    found = sorted(((path.stat(), path) for path in folder.glob("*.safetensors")), key=lambda one: -one[0].st_mtime_ns)
    size = 0
    for about, path in found:
        size += about.st_size
        if size > _MOST_BYTES:
            path.unlink(missing_ok=True)
