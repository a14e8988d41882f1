"""`mlkit cost`: what a project's runs have cost, by step, version, project or month."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from airflow_mlkit.cli.console import on_one_line, out, print_line
from airflow_mlkit.cli.options import EnvironmentOption, JsonOption, PlatformOption, ProjectOption, read_moment

if TYPE_CHECKING:
    from rich.table import Table

    from airflow_mlkit.cost.report import CostReport, CostRow

_BAR = 20
_MOST_SHOWN = 5
_DOUBTS = {
    "no_outcome": "left no outcome (killed, or still running), and is counted until its last sign of life",
    "damaged": "has a damaged outcome.json, and is counted until its last sign of life",
    "clock": "ended before it began, by its clock, and is counted as nothing",
}


def register(app: typer.Typer) -> None:
    """Add `mlkit cost`."""
    app.command("cost")(cost)


def cost(
    by: Annotated[Literal["step", "version", "project", "month"], typer.Option(help="What is a line.")] = "version",
    since: Annotated[
        datetime | None,
        typer.Option(parser=read_moment, metavar="DATE", help="Only tries that began then or later, in UTC."),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=read_moment, metavar="DATE", help="Only tries that began before, in UTC.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All projects whose runs lie beside this one's; with --by project always.")
    ] = False,
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what models cost: the sizes asked for, times the time, times the price of the pool.

    Every try counts, also those that failed or were killed, and those of runs that were cleaned away. Waiting for a
    person costs nothing. Prices are those of the day, as platform.yaml had them when the try began.
    """
    from airflow_mlkit.project import load_project
    from airflow_mlkit.registry.spending import report_spending

    loaded = load_project(project, environment=environment, platform=platform)
    found = report_spending(loaded, by, since=since, until=until, every_project=every or by == "project")
    if as_json:
        out.print_json(found.model_dump_json())
    elif found.rows:
        out.print(_table(found))
        _print_notes(found)
    else:
        print_line(f"Nothing has run yet in {loaded.runs}{_describe_span(found)}.")


def _table(found: CostReport) -> Table:
    from rich.markup import escape
    from rich.table import Table

    rows, total = found.rows, found.total
    columns: dict[str, list[str]] = {
        "runs": [f"{row.runs:,}" for row in (*rows, total)],
        "tries": [f"{row.tries:,}" for row in (*rows, total)],
        "hours": _column(rows, total, lambda row: row.hours),
        "CPU h": _column(rows, total, lambda row: row.cpu_hours),
        "GiB h": _column(rows, total, lambda row: row.gib_hours),
    }
    if total.gpu_hours:
        columns["GPU h"] = _column(rows, total, lambda row: row.gpu_hours)
    for currency in total.money:
        columns[currency or "cost"] = _column(rows, total, _money_in(currency), least=2)
    title = f"What the runs of {found.title} have cost{_describe_span(found)}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.add_column(found.by, header_style="dim", no_wrap=True)
    for name in columns:
        table.add_column(name, header_style="dim", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for place, row in enumerate(rows):
        values = [cells[place] for cells in columns.values()]
        table.add_row(escape(on_one_line(row.name)), *values, _bar(rows, row, total))
    table.add_row("total", *(cells[-1] for cells in columns.values()), "", style="bold")
    return table


def _column(rows: Sequence[CostRow], total: CostRow, amount: Callable[[CostRow], Decimal], least: int = 0) -> list[str]:
    """A column of amounts that add up to its last one, with three digits of the total at least."""
    from airflow_mlkit.cost.spent import round_to_sum

    whole = amount(total)
    places = min(6, max(least, 2 - whole.adjusted() if whole else 0))
    rounded = round_to_sum([amount(row) for row in rows], places)
    return [f"{value:,.{places}f}" for value in (*rounded, sum(rounded, Decimal(0)))]


def _money_in(currency: str) -> Callable[[CostRow], Decimal]:
    return lambda row: row.money.get(currency, Decimal(0))


def _bar(rows: Sequence[CostRow], row: CostRow, total: CostRow) -> str:
    """How large a line is beside the largest: in money where there is one currency, else in time of cores."""
    amount = _money_in(next(iter(total.money))) if len(total.money) == 1 else lambda one: one.cpu_hours
    largest = max(map(amount, rows))
    return "█" * round(_BAR * amount(row) / largest) if largest else ""


def _describe_span(found: CostReport) -> str:
    since = f", since {found.since:%Y-%m-%d %H:%M}" if found.since else ""
    until = f", until {found.until:%Y-%m-%d %H:%M}" if found.until else ""
    return f"{since}{until}".replace(" 00:00", "")


def _print_notes(found: CostReport) -> None:
    total = found.total
    if not total.money:
        print_line(
            "No pool had a price. Write pools: {general: {price_per_hour: ...}} in platform.yaml: it counts "
            "from the next run on."
        )
    elif total.unpriced:
        print_line(f"{_tries(total.unpriced)} ran on a pool without a price: their hours are counted, no money.")
    for pool in found.whole_nodes:
        print_line(f"pool {pool} did not say what a node offers (pools.{pool}.node), so a whole node was counted.")
    if found.local:
        print_line(
            f"{_tries(found.local)} of {total.tries:,} ran on a machine of somebody's own: counted as if on the "
            "pool of their size."
        )
    if total.unsized:
        print_line(f"{_tries(total.unsized)} from before sizes were written down: only the hours are counted.")
    for one in found.doubtful[:_MOST_SHOWN]:
        out.print("[yellow]![/]", end=" ")
        print_line(f"{one.project} {one.run} {one.place} {_DOUBTS[one.doubt]}: {one.seconds:,.0f} s")
    if len(found.doubtful) > _MOST_SHOWN:
        print_line(f"and {len(found.doubtful) - _MOST_SHOWN:,} more such tries; --json names them all.")


def _tries(number: int) -> str:
    return f"{number:,} {'try' if number == 1 else 'tries'}"
