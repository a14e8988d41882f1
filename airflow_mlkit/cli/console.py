"""Where commands write: results to stdout, everything else to stderr."""

from __future__ import annotations

from textwrap import wrap

from rich.console import Console

from airflow_mlkit.exceptions import MLKitError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_NARROWEST = 20


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


def print_hanging(text: str, *, head: str) -> None:
    """Text after a head of the kit's own; in a terminal it goes on in further lines, each beginning below the first."""
    flat = on_one_line(text)
    room = max(out.width - len(head), _NARROWEST)
    lines = wrap(flat, room, break_long_words=False, break_on_hyphens=False) if out.is_terminal else [flat]
    for number, line in enumerate(lines):
        out.print(f"{' ' * len(head) if number else head}{line}", markup=False)


def print_line(text: str, *, head: str = "") -> None:
    """A line with what somebody has written in it, after a head of the kit's own."""
    out.print(f"{head}{on_one_line(text)}", markup=False)
