"""The command line's one entrance: the commands, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import typer
from typer.core import TyperGroup

from airflow_mlkit.__about__ import __version__
from airflow_mlkit.cli.console import err, out, print_error
from airflow_mlkit.exceptions import MLKitError

COMMANDS = (
    *("new", "check", "plan", "run", "predict", "step"),
    *("adopt", "models", "reproduce", "audit", "lineage", "rollback", "promote", "freeze", "unfreeze", "cost", "sizes"),
    *("image", "platform", "airflow", "clean", "schema", "demo"),
)
"""In the order in which a project meets them; each is a module of this package with a function `register(app)`."""


class _InOrder(TyperGroup):
    """Lists the commands as COMMANDS does; typer puts a group such as `models` behind all others."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # typer's own Context
        return sorted(super().list_commands(ctx), key=COMMANDS.index)


app = typer.Typer(
    name="mlkit",
    cls=_InOrder,
    help="From an interview to a promoted model, on this machine and in Airflow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _name in COMMANDS:
    import_module(f"airflow_mlkit.cli.{_name}").register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"mlkit {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def main() -> None:
    """Run `mlkit`. A user's mistake ends with a sentence and an exit code, never with a traceback."""
    try:
        app()
    except MLKitError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        err.print("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
