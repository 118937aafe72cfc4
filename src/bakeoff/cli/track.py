"""``bakeoff track``: tell an MLflow server of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from bakeoff.cli import options
from bakeoff.cli.json_output import Given, plain

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["track"]


def track(
    study: options.Study,
    mlflow: Annotated[
        str,
        options.option(
            "--mlflow", metavar="ADDRESS", help="Of the server, such as http://localhost:5000, or sqlite:///FILE."
        ),
    ],
    experiment: Annotated[
        str, options.option("--experiment", metavar="NAME", help="MLflow's experiment; made where there is none.")
    ] = "bakeoff",
    allow_send: options.AllowSend = None,
    as_json: options.Json = False,
) -> None:
    """Add a study's trials, verdict, report and bundle to an MLflow server; a second call adds what is new."""
    from bakeoff.workbench.track import track as track_study

    given = Given("track", as_json, soft_wrap=True)
    done = track_study(study, mlflow, experiment=experiment, allow_send=frozenset(allow_send or ()))

    def show(console: Console) -> None:
        console.print(
            f"{done.experiment}: {done.added:,} trials added, {done.known:,} were there; run {done.run}", markup=False
        )
        if done.model is not None:
            console.print(
                f"Load the bundle, after mlflow.set_tracking_uri, with: mlflow.pyfunc.load_model({done.model!r})",
                markup=False,
            )

    given.give(lambda: plain(done), show)
