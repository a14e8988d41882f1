"""How the difference of two versions looks in a terminal: one screen, the rest on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from airflow_mlkit.cli.console import on_one_line, out, print_line
from airflow_mlkit.cli.version_view import print_plain

if TYPE_CHECKING:
    from airflow_mlkit.registry.version_diff import DiffLine, VersionDiff

MAX_LINES = 8
"""Of one section so many are shown."""

_MAX_TEXT = 60


def print_diff(diff: VersionDiff, *, code: bool, whole: bool) -> None:
    """What differs, section by section.

    Args:
        diff: the two versions.
        code: print the changed lines of the code too.
        whole: print every line of every section.
    """
    out.print(f"{diff.model_name} [bold]version {diff.a}[/] and [bold]version {diff.b}[/]")
    if diff.a == diff.b or diff.same_model:
        print_plain("  They are the same model." if diff.a != diff.b else "  It is one and the same version.")
    differing = {title: lines for title, lines in diff.sections.items() if lines}
    if differing:
        out.print(_table(diff, differing, whole=whole), soft_wrap=False)
    _print_compared(diff)
    equal = [title for title in diff.sections if title not in differing]
    if equal:
        print_plain(f"Nothing differs in: {', '.join(equal)}.{_but_untold(diff)}")
    for sentence in diff.untold:
        print_plain(on_one_line(sentence))
    if code:
        for text in diff.code.values():
            out.print(
                Syntax(text, "diff", background_color="default", word_wrap=True) if out.is_terminal else Text(text)
            )
    elif diff.code:
        print_plain("The changed lines of the code: --code.")


def _print_compared(diff: VersionDiff) -> None:
    """What the gate has found about these two: whole, however narrow the terminal is."""
    compared = [line for lines in diff.sections.values() for line in lines if line.compared]
    if compared:
        out.print(f"[bold]version {diff.b} beside version {diff.a}, as the gate has compared them[/]")
    for line in compared:
        print_line(f"{line.what}, {line.compared}", head="  ")


def _but_untold(diff: VersionDiff) -> str:
    return " As far as it can be told:" if diff.untold else ""


def _table(diff: VersionDiff, sections: dict[str, tuple[DiffLine, ...]], *, whole: bool) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("")
    for number in (diff.a, diff.b):
        table.add_column(f"version {number}", overflow="fold")
    table.add_column("", overflow="fold", style="cyan")
    for title, lines in sections.items():
        table.add_row(Text(title, style="bold"), *_own_holdout(diff, title))
        shown = lines if whole else lines[:MAX_LINES]
        for line in shown:
            table.add_row(*(_cell(text, whole=whole) for text in (f"  {line.what}", line.a, line.b, line.note)))
        if len(lines) > len(shown):
            table.add_row(Text(f"  and {len(lines) - len(shown)} more: --all", style="dim"))
    return table


def _own_holdout(diff: VersionDiff, title: str) -> tuple[str, ...]:
    """Numbers of other rows are no comparison: that is said above them."""
    if diff.same_holdout or title not in ("metrics", "slices"):
        return ()
    return ("[dim]of its holdout[/]", "[dim]of its own holdout[/]")


def _cell(text: str | None, *, whole: bool) -> str:
    if text is None:
        return "[dim]none[/]"
    indent = text[: len(text) - len(text.lstrip())]
    line = on_one_line(text)
    return escape(indent + (line if whole or len(line) <= _MAX_TEXT else f"{line[: _MAX_TEXT - 3]}..."))
