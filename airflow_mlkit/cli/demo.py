"""`mlkit demo`: a card-payments project, retrained three times in a real Airflow."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from airflow_mlkit.cli.console import out
from airflow_mlkit.extras import must_be_installed


def register(app: typer.Typer) -> None:
    """Add `mlkit demo`."""
    app.command("demo")(demo)


def demo(
    folder: Annotated[Path, typer.Option(help="Where the project is made.")] = Path(".demo"),
    port: Annotated[int, typer.Option(help="For Airflow's page; another one when it is in use.")] = 8080,
    exit_: Annotated[
        bool, typer.Option("--exit", envvar="DEMO_EXIT", help="End after the last retrain, and leave no process.")
    ] = False,
) -> None:
    """Watch three retrains in a real Airflow.

    A card-payments model is shipped, broken data is stopped, and a worse model is held back.
    """
    for module in ("airflow", "xgboost"):
        must_be_installed(module, extra="all", purpose="the demo")
    from airflow_mlkit.demo.play import play_demo

    signal.signal(signal.SIGTERM, _stop)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    play_demo(out, folder.resolve(), port=port, stay=not exit_)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signal.SIGTERM)
