"""A bundle as MLflow's pyfunc model: loaded from its own files, with every check of them, and no pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bakeoff.workbench.open_bundle import OpenBundle

__all__ = ["BundleModel"]


class BundleModel:
    """What ``mlflow.pyfunc.load_model`` gives calls of `predict` to.

    Parameters
    ----------
    opened : OpenBundle
    """

    def __init__(self, opened: OpenBundle) -> None:
        self._opened = opened

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Answer rows.

        Parameters
        ----------
        model_input : DataFrame, Series or sequence of str
            A table with the columns that the bundle learned from, or the texts.
        params : mapping, optional
            ``probabilities``: whether to add those of each label.

        Returns
        -------
        pandas.DataFrame or list
            Of a table its index with ``prediction``, ``abstention`` and the probabilities; of texts their answers.
        """
        wanted = bool((params or {}).get("probabilities", False))
        done = self._opened.predict(model_input, probabilities=wanted)
        if not hasattr(done, "columns"):
            return done
        return done[[name for name in done.columns if name in ("prediction", "abstention") or _is_share(str(name))]]


def _is_share(name: str) -> bool:
    return name.startswith("probability_")


def _load_pyfunc(path: str, model_config: Any = None) -> BundleModel:  # noqa: ARG001  # MLflow's name for it
    """Open the bundle in a folder, as MLflow asks it of a module that loads models."""
    from bakeoff.workbench.open_bundle import open_bundle

    return BundleModel(open_bundle(path))
