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


def on_one_line(text: str) -> str:
    r"""What somebody has written, safe for a terminal and a table: on one line, control characters made visible.

    >>> on_one_line("scores\nare off")
    'scores are off'
    """
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in " ".join(text.split()))


def print_line(text: str, *, head: str = "") -> None:
    """A line with what somebody has written in it, after a head of the kit's own."""
    out.print(f"{head}{on_one_line(text)}", markup=False)
