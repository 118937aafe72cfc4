"""``bakeoff export``: write a bundle as an ONNX model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bakeoff.cli import complete, options
from bakeoff.cli.json_output import Given, plain

if TYPE_CHECKING:
    from rich.console import Console

    from bakeoff.workbench.export import ExportSummary

__all__ = ["export"]


def export(
    bundle: Annotated[
        Path,
        typer.Argument(
            metavar="BUNDLE", help="Folder of the bundle.", show_default=False, autocompletion=complete.bundles
        ),
    ],
    onnx: Annotated[
        Path,
        options.option("--onnx", metavar="FOLDER", help="Write it there as an ONNX model; the folder must be new."),
    ],
    int8: Annotated[
        bool, options.option("--int8", help="Write a smaller model of 8-bit integers beside it, and tell its loss.")
    ] = False,
    rows: Annotated[
        Path | None,
        options.option(
            "--rows",
            metavar="FILE",
            help="Rows on which answers are compared; by default the test rows of the study beside the bundle.",
        ),
    ] = None,
    text: options.Text = None,
    label: options.Label = None,
    as_json: options.Json = False,
) -> None:
    """Write a bundle of an encoder as an ONNX model, which answers without Bakeoff, and compare their answers.

    For bundles of full, lp-ft, contrastive, lora-encoder, probe and distil. Needs bakeoff[onnx].
    """
    from bakeoff.workbench.export import export as export_bundle

    given = Given("export", as_json, soft_wrap=True)
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


def _show(console: Console, done: ExportSummary) -> None:
    console.print(f"{done.folder}: {done.contender}; compared on {done.rows:,} rows ({done.rows_from})", markup=False)
    if done.bundle_score is not None:
        console.print(f"  {'the bundle':<27}{done.metric} {done.bundle_score:.4f}", markup=False)
    for model in done.models:
        console.print(
            f"  {model.name:<16}{model.size_mb:>6.1f} MB  {model.same:,} of {done.rows:,} answers the same, scores "
            f"within {model.largest_difference:.2g}",
            markup=False,
        )
        if model.score is not None and done.bundle_score is not None:
            lost = 100 * (model.score - done.bundle_score)
            console.print(f"{'':<29}{done.metric} {model.score:.4f} ({lost:+.2f} points)", markup=False)
    console.print(f"Use it with: python {done.folder / 'predict.py'} 'Works well.'", markup=False)
