"""Export a bundle as an ONNX model, and measure how far its answers are from the bundle's."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.errors import OptionError
from bakeoff.study.folder import STORE_FILE
from bakeoff.workbench.predict import find_texts

if TYPE_CHECKING:
    from bakeoff.methods.exportable import Exportable
    from bakeoff.records import Answer
    from bakeoff.ship import Bundle
    from bakeoff.tasks import Task

__all__ = ["ExportSummary", "ExportedModel", "export"]

#: Rows by which models are compared, at most.
_MOST_ROWS = 1000
#: What a study's records are called in its folder.


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """One model of an exported folder, beside the bundle on the same rows.

    Parameters
    ----------
    name : str
        Of its file.
    size_mb : float
    largest_difference : float
        Between its scores and those of the bundle's network in float32, before they become probabilities.
    same : int or None
        Rows to which it gives the bundle's answer; None for numbers, of which no two are written alike.
    score : float or None
        On the task's metric, where the rows' labels are known and the bundle did not learn from them.
    """

    name: str
    size_mb: float
    largest_difference: float
    same: int | None
    score: float | None


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What was exported, and what was measured of it.

    Parameters
    ----------
    folder : Path
    contender, metric : str
    rows : int
        Rows on which the models were compared.
    rows_from : str
    bundle_score : float or None
        Of the bundle as it is served, on the same rows.
    models : tuple of ExportedModel
    """

    folder: Path
    contender: str
    metric: str
    rows: int
    rows_from: str
    bundle_score: float | None
    models: tuple[ExportedModel, ...]


@dataclass(frozen=True, slots=True)
class _Compared:
    """Texts on which models are compared; labels where scores may be told."""

    texts: tuple[str, ...]
    labels: tuple[str, ...] | None
    source: str


def export(
    bundle: Path,
    output: Path,
    *,
    int8: bool = False,
    rows: Path | None = None,
    text: Sequence[str] = (),
    label: str | None = None,
    told: Callable[[str], None] = lambda _step: None,
) -> ExportSummary:
    """Write a bundle of an encoder as an ONNX model that answers without this package, and compare the answers.

    Parameters
    ----------
    bundle : Path
    output : Path
        A folder that is not there yet.
    int8 : bool
        Whether to write a model of 8-bit integers as well.
    rows : Path, optional
        A file of rows on which the models are compared; by default the test rows of the study beside the bundle.
    text, label : sequence of str, str
        Columns in `rows`: by default the texts that the bundle learned from, and no label. With one rows are scored.
    told : callable
        Told what is being done.

    Returns
    -------
    ExportSummary

    Raises
    ------
    BundleError, DataError, MissingExtraError, OptionError
        If the bundle, the rows or the folder cannot be used, or the method is none of an encoder.
    """
    from bakeoff.catalog import aside, publish
    from bakeoff.ship import read_bundle

    output = Path(output).absolute()
    if output.exists():
        raise OptionError(f"{output} is there already.", next_step="Name a folder that is not, or remove it.")
    shipped = read_bundle(bundle)
    compared = _compared_rows(shipped, rows, text, label)
    folder = aside(output)
    try:
        summary = _written_folder(shipped, compared, folder, output, int8, told)
        publish(folder, output)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return summary


def _written_folder(
    shipped: Bundle, compared: _Compared, folder: Path, output: Path, int8: bool, told: Callable[[str], None]
) -> ExportSummary:
    from bakeoff.ship.contents import CARD, MANIFEST, digest
    from bakeoff.ship.onnx_folder import write_model, write_quantised, write_rest

    told(f"loading {shipped.facts.contender.name}")
    method = shipped.load()
    exportable = _exportable(method, shipped)
    told("writing the model")
    write_model(exportable, folder)
    if int8:
        told("writing the model of 8-bit integers")
        write_quantised(folder)
    write_rest(exportable, shipped.facts, digest(shipped.folder / MANIFEST), folder)
    told(f"comparing answers to {len(compared.texts):,} rows")
    summary = _measured(method, exportable, shipped, compared, folder, output)
    _write_cards(summary, shipped.folder / CARD, folder)
    return summary


def _exportable(method: Any, shipped: Bundle) -> Exportable:
    give = getattr(method, "exportable", None)
    if give is None:
        name = shipped.facts.contender.method
        raise OptionError(
            "What is exported is an encoder with a head on it (full, lp-ft, contrastive, lora-encoder, probe, distil); "
            f"the bundle {shipped.folder} is of {name}.",
            next_step="Serve it as it is, with bakeoff serve, or ship another contender of its study.",
        )
    found: Exportable = give()
    return found


def _compared_rows(shipped: Bundle, rows: Path | None, text: Sequence[str], label: str | None) -> _Compared:
    if rows is not None:
        return _rows_of_file(shipped, rows, text, label)
    if text or label is not None:
        raise OptionError("--text and --label are of the file of --rows, which did not come.", next_step="Give --rows.")
    study = shipped.folder.parent
    if not (study / STORE_FILE).is_file():
        raise OptionError(
            f"No study stands beside the bundle {shipped.folder}, on whose test rows the models could be compared.",
            next_step="Name a file of rows with --rows.",
        )
    from bakeoff.study.store import StudyStore

    with StudyStore(study) as store:
        found = store.rows("test").texts[:_MOST_ROWS]
    # The bundle was refitted on all rows of its study, these among them, so that no score is told.
    return _Compared(tuple(found), None, "test rows of its study, which it learned from at last")


def _rows_of_file(shipped: Bundle, rows: Path, text: Sequence[str], label: str | None) -> _Compared:
    from bakeoff.data import find_columns, open_rows
    from bakeoff.workbench.labelled import task_labels

    table = next(open_rows(rows).tables(_MOST_ROWS))
    texts = find_texts(table, text, shipped.facts)(table)
    labels = [""] * len(texts)
    task = shipped.facts.task
    if label is not None:
        columns = find_columns(table, text=text or shipped.facts.text_columns, label=label, kind=task.kind)
        labels = task_labels(table, columns, task)
    kept = [place for place, own in enumerate(texts) if own and (label is None or labels[place])]
    if not kept:
        raise OptionError(f"{rows} has no row with a text{' and a label' if label else ''}.", next_step="Name another.")
    given = None if label is None else tuple(labels[place] for place in kept)
    return _Compared(tuple(texts[place] for place in kept), given, str(rows))


def _measured(
    method: Any, exportable: Exportable, shipped: Bundle, compared: _Compared, folder: Path, output: Path
) -> ExportSummary:
    """Answer the rows with the bundle as it is served, and with each exported model."""
    import numpy as np

    from bakeoff.ship.onnx_folder import FLOAT, INT8
    from bakeoff.ship.onnx_predict import Exported

    task, texts = shipped.facts.task, compared.texts
    own: list[Answer] = method.answer(list(texts))
    wanted = [answer.value for answer in own]
    given = _fields(task, texts)
    plain = exportable.scores(given)
    models = []
    for name in (FLOAT, INT8):
        if not (folder / name).is_file():
            continue
        exported = Exported(folder, name)
        scores = exported.scores(given)
        found = [_written(task, answer["prediction"]) for answer in exported.answers(given)]
        alike = sum(one == other for one, other in zip(found, wanted, strict=True))
        same = None if task.kind == "regression" else alike
        difference = float(np.abs(scores - plain).max())
        models.append(
            ExportedModel(
                name, (folder / name).stat().st_size / 1e6, difference, same, _score(task, compared.labels, found)
            )
        )
    score = _score(task, compared.labels, wanted)
    name = shipped.facts.contender.name
    return ExportSummary(output, name, task.metric, len(texts), compared.source, score, tuple(models))


def _fields(task: Task, texts: Sequence[str]) -> list[Any]:
    """Give texts as the exported model takes them: a pair as two."""
    from bakeoff.data import split_fields
    from bakeoff.tasks import are_pairs

    return [tuple(split_fields(text, 2)[:2]) for text in texts] if are_pairs(task, texts) else list(texts)


def _written(task: Task, prediction: Any) -> str:
    from bakeoff.data import write_labels, write_number

    if task.kind == "regression":
        return write_number(prediction)
    return write_labels(prediction) if task.kind == "multi-label" else str(prediction)


def _score(task: Task, labels: Sequence[str] | None, values: Sequence[str | None]) -> float | None:
    from bakeoff.tasks import scoring_of

    return None if labels is None else float(scoring_of(task).score_values(labels, values))


def _write_cards(summary: ExportSummary, card: Path, folder: Path) -> None:
    from bakeoff.ship.onnx_card import exported_card

    if card.is_file():
        shutil.copyfile(card, folder / "BUNDLE.md")
    (folder / "README.md").write_text(
        exported_card(
            summary.contender,
            summary.metric,
            (summary.rows, summary.rows_from, summary.bundle_score),
            [(one.name, one.size_mb, one.largest_difference, one.same, one.score) for one in summary.models],
        ),
        encoding="utf-8",
    )
