"""What a cluster said of an environment, for people: a table of the sizes, then what to do."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from airflow_mlkit.cli.console import on_one_line, out
from airflow_mlkit.cluster.finding import EnvironmentOutlook, Finding, Level, SizeOutlook

_MARKS = {
    Level.PROBLEM: "[red]✗[/]",
    Level.WARNING: "[yellow]![/]",
    Level.NOT_LOOKED_AT: "[dim]?[/]",
    Level.FINE: "[green]✓[/]",
}
_ORDER = list(_MARKS)
_COLOURS = {"accepted": "green", "refused": "red"}


def print_outlook(outlook: EnvironmentOutlook) -> None:
    """Print an environment: one screen."""
    out.print(f"\n[bold]{escape(outlook.name)}[/]", end=" ")
    out.print(on_one_line(_describe_place(outlook)), markup=False)
    if outlook.unreachable:
        _print_finding(Finding(level=Level.PROBLEM, said=outlook.unreachable, todo=outlook.todo))
        return
    out.print(_table(outlook))
    findings = sorted(outlook.every_finding(), key=lambda each: _ORDER.index(each.level))
    for each in findings:
        _print_finding(each)
    if not outlook.problems:
        out.print(_conclude(outlook))


def _describe_place(outlook: EnvironmentOutlook) -> str:
    who = f"context {outlook.context}" if outlook.context else "as this pod's account"
    namespace = f"namespace {outlook.namespace}"
    return f"{namespace} of {outlook.server}, {who}" if outlook.server else namespace


def _conclude(outlook: EnvironmentOutlook) -> str:
    if all(size.admission == "not looked at" for size in outlook.sizes):
        return "[dim]?[/] whether a step would start is not known: you may not look"
    return "[green]✓[/] nothing was found by which a step would fail"


def _table(outlook: EnvironmentOutlook) -> Table:
    has_gpus = any(size.gpu for size in outlook.sizes)
    table = Table(box=None, pad_edge=False)
    for column in (
        "  size",
        "CPU",
        "memory",
        *(("GPU",) if has_gpus else ()),
        "pool",
        "nodes that hold it",
        "its pod is",
    ):
        is_number = column in ("CPU", "memory", "GPU")
        table.add_column(column, header_style="dim", justify="right" if is_number else "left", no_wrap=True)
    for size in outlook.sizes:
        gpu = (str(size.gpu or ""),) if has_gpus else ()
        cells = (f"  {size.name}", f"{size.cpu:g}", size.memory, *gpu, size.pool)
        table.add_row(
            *map(escape, cells),
            _colour(size.nodes, _nodes_colour(size)),
            _colour(size.admission, _COLOURS.get(size.admission, "yellow")),
        )
    return table


def _nodes_colour(size: SizeOutlook) -> str:
    if size.nodes.startswith(("0 ", "none", "not")):
        return "yellow"
    return "green"


def _colour(text: str, colour: str) -> str:
    return f"[{colour}]{escape(text)}[/]"


def _print_finding(finding: Finding) -> None:
    said = on_one_line(f"{finding.about}: {finding.said}" if finding.about else finding.said)
    lines = [(_MARKS[finding.level], said), *([("", f"→ {on_one_line(finding.todo)}")] if finding.todo else [])]
    if not out.is_terminal:  # a line stays a line, for whoever looks for it in a file
        for mark, text in lines:
            out.print(mark or " ", end=" ")
            out.print(text, markup=False)
        return
    grid = Table.grid(padding=(0, 1, 0, 0))
    for mark, text in lines:
        grid.add_row(mark, escape(text))
    out.print(grid)


def print_settings(missing: list[str] | None) -> None:
    """Print which settings of Airflow are missing; None where they could not be looked at."""
    out.print("\n[bold]Airflow[/]")
    if missing is None:
        said = "its settings were not looked at: it does not run here."
        todo = (
            "Run it there too: kubectl exec -n airflow deploy/airflow-scheduler -- mlkit platform check --platform ..."
        )
        _print_finding(Finding(level=Level.NOT_LOOKED_AT, said=said, todo=todo))
    for said in missing or ():
        _print_finding(Finding(level=Level.WARNING, said=said))
    if missing == []:
        out.print("[green]✓[/] no setting is missing")
