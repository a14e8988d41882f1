"""Which sizes would do, for people: a table of the steps, what to write, and how far it can be believed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from airflow_mlkit.cli.console import on_one_line, out, print_line
from airflow_mlkit.registry.address import without_credentials
from airflow_mlkit.sizing.advice import LEAST, StepAdvice, Verdict
from airflow_mlkit.sizing.report import Advice
from airflow_mlkit.spec.quantity import to_gib

_MOST_SHOWN = 5
_GIB = 1024
_SAID = {
    Verdict.FITS: "[green]✓[/] fits",
    Verdict.TIGHT: "[yellow]![/] tight",
    Verdict.TOO_FEW_RUNS: "[green]✓[/] fits; too few runs",
    Verdict.NOT_MEASURED: "[dim]? not measured[/]",
    Verdict.TOO_LITTLE_EVERYWHERE: "[red]✗[/] no size has enough",
}


def print_advice(advice: Advice) -> None:
    """Print what is advised: one screen for a project."""
    if not advice.steps:
        print_line(f"Nothing has run yet in {without_credentials(advice.place)}.")
    else:
        for each in advice.projects:
            _print_project(each.project, advice)
        _print_what_to_write(advice)
    _print_notes(advice)


def _print_project(project: str, advice: Advice) -> None:
    steps = [each for each in advice.steps if each.project == project]
    if steps:
        out.print(f"[bold]{escape(on_one_line(project))}[/]")
        out.print(_choose_table(steps, advice.currency))


def _choose_table(steps: Sequence[StepAdvice], currency: str | None) -> Table:
    """The table with all its columns, or with fewer where the terminal is narrow; --json has everything."""
    tables = [_table(steps, currency, without) for without in ((), ("time",), ("time", "median"))]
    fitting = (table for table in tables if Measurement.get(out, out.options, table).maximum <= out.width)
    return next(fitting, tables[-1])


def _table(steps: Sequence[StepAdvice], currency: str | None, without: Collection[str]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    columns = {name: cells for name, cells in _columns(steps, currency).items() if name not in without}
    for name in columns:
        is_text = name in ("  step", "size", "would do")
        table.add_column(name, header_style="dim", no_wrap=True, justify="left" if is_text else "right")
    for cells in zip(*columns.values(), strict=True):
        table.add_row(*cells)
    return table


def _columns(steps: Sequence[StepAdvice], currency: str | None) -> dict[str, list[str]]:
    columns = {
        "  step": [f"  {escape(on_one_line(each.step))}" for each in steps],
        "size": [escape(each.asked or "?") for each in steps],
        "GiB": [_in_gib(each.asked_memory) for each in steps],
        "runs": [f"{each.runs}" if each.measured == each.runs else f"{each.measured}/{each.runs}" for each in steps],
        "median": [_write_gib(each.median_mib) for each in steps],
        "most": [_write_gib(each.most_mib) for each in steps],
        "OOM": [f"{each.lacks or ''}" for each in steps],
        "time": [_write_time(each.seconds) for each in steps],
        "would do": [_say(each) for each in steps],
    }
    if any(each.costs for each in steps):
        monthly = any(each.runs_a_month for each in steps)
        name = f"{currency or 'cost'} {'a month' if monthly else 'a run'}"
        columns[name] = [_compare_cost(each, monthly=monthly) for each in steps]
    return columns


def _say(each: StepAdvice) -> str:
    if each.advised is None:
        return _SAID[each.verdict]
    arrow = "[red]↑[/]" if each.verdict is Verdict.TOO_SMALL else "[cyan]↓[/]"
    return f"{arrow} [bold]{escape(each.advised)}[/] {_in_gib(each.advised_memory)}{'*' if each.fewer_cores else ''}"


def _compare_cost(each: StepAdvice, *, monthly: bool) -> str:
    times = each.runs_a_month if monthly else 1.0
    if each.costs is None or times is None:
        return ""
    would = f" → {_write_money(each.would_cost * times)}" if each.would_cost is not None else ""
    return f"{_write_money(each.costs * times)}{would}"


def _print_what_to_write(advice: Advice) -> None:
    wanted: dict[str, dict[str, str]] = defaultdict(dict)
    for each in advice.steps:
        if each.advised:
            wanted[each.project][each.step] = each.advised
    if not wanted:
        print_line("No step asks for a size that past runs speak against.")
        return
    out.print("\nIn mlkit.yaml, under [bold]train[/]:")
    for project, steps in wanted.items():
        sizes = ", ".join(f"{step}: {size}" for step, size in steps.items())
        print_line(f"sizes: {{{sizes}}}", head=f"  {on_one_line(project)}  ")
    if (saved := advice.saves_a_month) is not None:
        print_line(
            f"Together that {'saves' if saved >= 0 else 'costs'} {abs(saved):,.2f} {advice.currency or ''} a month."
        )


def _print_notes(advice: Advice) -> None:
    out.print()
    for each in advice.projects:
        if each.read < each.there:
            print_line(f"{each.project}: the newest {each.read:,} of {each.there:,} runs were read (--runs).")
    for note in _list_notes(advice):
        print_line(note)
    _print_damaged([said for each in advice.projects for said in each.damaged])


def _list_notes(advice: Advice) -> Iterator[str]:
    """How far the table can be believed."""
    verdicts = {each.verdict for each in advice.steps}
    if any(each.advised for each in advice.steps):
        yield f"What would do has room for the highest peak and {advice.margin:.0%} more; money is for the same time."
    if any(each.fewer_cores for each in advice.steps):
        yield "* fewer cores: it may take longer, which nobody measured."
    if Verdict.TOO_FEW_RUNS in verdicts:
        yield f"too few runs: a smaller size is advised after {LEAST} that were measured."
    if any(each.measured < each.runs for each in advice.steps):
        yield "1/2 runs: the others left no outcome, or are from before memory was measured."
    if Verdict.TOO_LITTLE_EVERYWHERE in verdicts:
        yield "no size has enough: declare a larger one in platform.yaml, and let the largest one grow to it."
    if advice.steps and not any(each.costs for each in advice.steps):
        yield "No pool has a price: pools.NAME.price_per_hour in platform.yaml says what it would save."


def _print_damaged(damaged: list[str]) -> None:
    for said in damaged[:_MOST_SHOWN]:
        out.print("[yellow]![/]", end=" ")
        print_line(said)
    if len(damaged) > _MOST_SHOWN:
        print_line(f"and {len(damaged) - _MOST_SHOWN:,} more that are damaged; --json names them all.")


def _in_gib(memory: str | None) -> str:
    return f"{to_gib(memory).normalize():f}" if memory else ""


def _write_gib(mebibytes: float | None) -> str:
    return "?" if mebibytes is None else f"{mebibytes / _GIB:.2g}" if mebibytes < _GIB else f"{mebibytes / _GIB:.1f}"


def _write_time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _write_money(amount: float) -> str:
    return f"{amount:,.2f}" if amount >= 0.1 else f"{amount:.2g}"
