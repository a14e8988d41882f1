"""`mlkit audit`: who became the champion, when and why, and whether that can be believed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_mlkit.cli.console import on_one_line, out, print_line
from airflow_mlkit.cli.freeze import describe_freeze
from airflow_mlkit.cli.options import EnvironmentOption, JsonOption, PlatformOption, ProjectOption
from airflow_mlkit.exceptions import RegistryError

if TYPE_CHECKING:
    from rich.table import Table

    from airflow_mlkit.registry.audit import Audit, AuditedEntry

_MARKS = {"damaged": "[red]✗[/]", "moved": "[yellow]✗[/]", "noted": "[dim]![/]"}


def register(app: typer.Typer) -> None:
    """Add `mlkit audit`."""
    app.command("audit")(show_audit)


def show_audit(
    heal: Annotated[bool, typer.Option("--heal", help="Set MLflow's aliases as the champion log says.")] = False,
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who became the champion and why, and check it.

    Checks each entry of the champion log against the one after it, the gate reports where their runs are still there,
    and MLflow's aliases and versions. Ends with 0 when all is whole, else with 1.
    """
    from airflow_mlkit.project import load_project
    from airflow_mlkit.registry.audit import audit
    from airflow_mlkit.registry.model_registry import ModelRegistry

    loaded = load_project(project, environment=environment, platform=platform)
    if heal:
        ModelRegistry.of(loaded).follow()
    found = audit(loaded)
    if as_json:
        out.print_json(found.model_dump_json())
    else:
        _print_audit(found)
    raise typer.Exit(0 if found.is_whole else RegistryError.exit_code)


def _print_audit(found: Audit) -> None:
    if found.entries:
        out.print(_table(found))
    else:
        print_line(f"There is no champion of {found.model_name} yet.")
    if found.freeze:
        print_line(describe_freeze(found.freeze))
    for finding in found.findings:
        out.print(_MARKS[finding.kind], end=" ")
        print_line(finding.what)
        if finding.hint:
            print_line(finding.hint, head="  ")
    if found.is_whole and found.entries:
        entries, reports = _count(len(found.entries), "entry", "entries"), _count(found.gate_reports, "gate report")
        out.print("[green]✓[/]", end=" ")
        print_line(f"{entries} and {reports} are as they were written; MLflow says the same.")


def _table(found: Audit) -> Table:
    from rich.table import Table

    marks = {"champion": found.champion, "anchor": found.anchor}
    said = ", ".join(f"version {version} is the {name}" for name, version in marks.items() if version)
    table = Table(title=f"{found.model_name}: {said}", title_justify="left", title_style="bold", box=None)
    for title in ("n", "when (UTC)", "who", "action", "from", "to", "why"):
        table.add_column(title, header_style="dim", no_wrap=title != "why", overflow="fold")
    for entry in found.entries:
        table.add_row(*_row(entry))
    return table


def _row(entry: AuditedEntry) -> tuple[str, ...]:
    from rich.markup import escape

    from airflow_mlkit.data.moment import to_utc

    texts = (
        str(entry.n),
        f"{to_utc(entry.when):%Y-%m-%d %H:%M}",
        entry.who,
        entry.action,
        entry.from_version or "",
        entry.to_version,
        entry.why,
    )
    return tuple(escape(on_one_line(text)) for text in texts)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
