"""`mlkit clean`: lets go of old run directories and snapshots, as `retention` in mlkit.yaml says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_mlkit.cli.console import out

if TYPE_CHECKING:
    from airflow_mlkit.local.retention import Removal

_UNIT = 1024


def register(app: typer.Typer) -> None:
    """Add `mlkit clean`."""
    app.command("clean")(clean)


def clean(
    project: Annotated[Path, typer.Option(help="The project's folder.")] = Path(),
    environment: Annotated[str | None, typer.Option(help="A name from platform.yaml.")] = None,
    platform: Annotated[Path | None, typer.Option(help="The platform.yaml.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
) -> None:
    """Remove old runs and snapshots.

    `retention` in mlkit.yaml says how old. The runs of the champion, of its anchor and of the champion before it, a run
    in progress, and the champion log always stay; so does what a removed run has cost.
    """
    from airflow_mlkit.local.retention import find_removals
    from airflow_mlkit.project import load_project

    loaded = load_project(project, environment=environment, platform=platform)
    if loaded.spec.retention.runs is None and loaded.spec.retention.snapshots is None:
        out.print(
            "mlkit.yaml declares no retention, so everything stays. Write retention: {runs: 90d, snapshots: 30d}."
        )
        return
    removals = find_removals(loaded, datetime.now(UTC))
    for removal in removals:
        if not dry_run:
            removal.carry_out(loaded)
        out.print(_describe(removal, dry_run), markup=False)
    total = sum(removal.size for removal in removals)
    what = "would be freed" if dry_run else "freed"
    out.print(
        f"{format_size(total)} {what}." if removals else f"Nothing in {loaded.runs} is old enough to go.", markup=False
    )


def _describe(removal: Removal, dry_run: bool) -> str:
    verb = "would remove" if dry_run else "removed"
    what = "run" if removal.kind == "run" else f"snapshot ({len(removal.files)} files) of"
    return f"{verb} {what} {removal.run} ({format_size(removal.size)})"


def format_size(size: float) -> str:
    """Bytes for people.

    >>> format_size(1536)
    '1.5 KiB'
    """
    for unit in ("bytes", "KiB", "MiB"):
        if size < _UNIT:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= _UNIT
    return f"{size:.1f} GiB"
