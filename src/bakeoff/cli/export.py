"""``bakeoff export``: write a bundle as an ONNX model, or as a folder in the Hugging Face layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bakeoff.cli import complete, options
from bakeoff.cli.json_output import Given, plain
from bakeoff.errors import OptionError

if TYPE_CHECKING:
    from rich.console import Console

    from bakeoff.workbench.export import ExportSummary

__all__ = ["export"]


_Bundle = Annotated[
    Path,
    typer.Argument(metavar="BUNDLE", help="Folder of the bundle.", show_default=False, autocompletion=complete.bundles),
]
_Onnx = Annotated[
    Path | None,
    options.option("--onnx", metavar="FOLDER", help="Write it there as an ONNX model; the folder must be new."),
]
_HuggingFace = Annotated[
    Path | None,
    options.option(
        "--hugging-face",
        metavar="FOLDER",
        help="Write it there for transformers, with a model card; the folder must be new.",
    ),
]
_Rows = Annotated[
    Path | None,
    options.option(
        "--rows",
        metavar="FILE",
        help="Rows on which answers are compared; by default the test rows of the study beside the bundle.",
    ),
]


def export(
    bundle: _Bundle,
    onnx: _Onnx = None,
    hugging_face: _HuggingFace = None,
    int8: Annotated[
        bool, options.option("--int8", help="Write a smaller model of 8-bit integers beside it, and tell its loss.")
    ] = False,
    rows: _Rows = None,
    text: options.Text = None,
    label: options.Label = None,
    as_json: options.Json = False,
) -> None:
    """Write a bundle for other programs: as an ONNX model, or as a folder that transformers loads by itself.

    For bundles of full, lp-ft, contrastive, lora-encoder, probe and distil; --hugging-face also for write-full and
    write-lora. --onnx compares the answers, and needs bakeoff[onnx].
    """
    from bakeoff.workbench.export import export as export_bundle

    given = Given("export", as_json, soft_wrap=True)
    if (onnx is None) == (hugging_face is None):
        raise OptionError(
            f"One form is written at a time, --onnx or --hugging-face; {'none' if onnx is None else 'both'} came.",
            next_step="Give the folder of one of them.",
        )
    if onnx is None:
        _export_folder(given, bundle, hugging_face or Path())
        return
    done = export_bundle(
        bundle,
        onnx,
        int8=int8,
        rows=rows,
        text=tuple(text or ()),
        label=label,
        told=lambda step: given.console.print(f"{step} ...", markup=False),
    )
    given.give(lambda: plain(done), lambda console: _show(console, done))


def _export_folder(given: Given, bundle: Path, folder: Path) -> None:
    from bakeoff.workbench.export_folder import export_folder

    done = export_folder(bundle, folder)

    def show(console: Console) -> None:
        console.print(f"{done.folder}: {done.size_mb:.1f} MB, {done.form.loader}", markup=False)
        if done.form.compared_rows:
            rows, largest = done.form.compared_rows, done.form.largest_difference
            console.print(f"  scores differ by {largest:.1g} at most on {rows:,} texts of random words", markup=False)
        for note in done.form.notes:
            console.print(f"  not in this form: {note}", markup=False)
        console.print("README.md says how to use it.", markup=False)

    given.give(lambda: plain(done), show)


def _show(console: Console, done: ExportSummary) -> None:
    console.print(f"{done.folder}: {done.contender}; compared on {done.rows:,} rows ({done.rows_from})", markup=False)
    if done.bundle_score is not None:
        console.print(f"  {'the bundle':<27}{done.metric} {done.bundle_score:.4f}", markup=False)
    for model in done.models:
        same = "" if model.same is None else f"{model.same:,} of {done.rows:,} answers the same, "
        console.print(
            f"  {model.name:<16}{model.size_mb:>6.1f} MB  {same}scores within {model.largest_difference:.2g}",
            markup=False,
        )
        if model.score is not None and done.bundle_score is not None:
            lost = 100 * (model.score - done.bundle_score)
            console.print(f"{'':<29}{done.metric} {model.score:.4f} ({lost:+.2f} points)", markup=False)
    console.print(f"Use it with: python {done.folder / 'predict.py'} 'Works well.'", markup=False)
