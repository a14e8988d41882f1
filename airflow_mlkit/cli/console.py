"""Where commands write: results to stdout, everything else to stderr."""

from __future__ import annotations

from rich.console import Console

from airflow_mlkit.exceptions import MLKitError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_error(error: MLKitError) -> None:
    """An error in at most a screen: what was wrong, where, and what to do now."""
    err.print("[bold red]error[/]", end=" ")
    err.print(error.message, markup=False)
    if error.hint:
        err.print(error.hint, markup=False, style="dim")
