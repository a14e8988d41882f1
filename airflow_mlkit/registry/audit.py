"""The audit of a champion log: is it whole, do the gate reports fit it, and does MLflow say the same?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from airflow_mlkit.data.moment import to_utc
from airflow_mlkit.exceptions import MLKitError
from airflow_mlkit.project import Project
from airflow_mlkit.registry.address import resolved
from airflow_mlkit.registry.catalogue import find_gate_reports
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.finding import Finding
from airflow_mlkit.registry.freeze import FreezeEntry
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.registry.projection import compare_mlflow
from airflow_mlkit.rundir import RunDirectory, store_errors
from airflow_mlkit.rundir.records import Record


class AuditedEntry(Record):
    """One entry of the champion log: who replaced which version by which, when and why."""

    n: int
    when: datetime
    who: str
    action: str
    by_person: bool
    from_version: str | None
    to_version: str
    why: str
    anchor: int


class Audit(Record):
    """What the champion log of a model says, and how far it can be believed."""

    model_name: str
    log: str
    champion: str | None
    anchor: str | None
    freeze: FreezeEntry | None
    entries: tuple[AuditedEntry, ...]
    freezes: tuple[FreezeEntry, ...]
    gate_reports: int
    findings: tuple[Finding, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing has to be mended or healed."""
        return all(finding.kind == "noted" for finding in self.findings)


def audit(project: Project) -> Audit:
    """Check everything that the champion log of a project's model rests on. Nothing is written.

    Damage is never raised: each is a finding, and what can be read beside it is read.
    """
    champions = ChampionLog(project.champions)
    entries, damages = champions.examine()
    freezes, more = champions.freezes.examine()
    reports = [_check_report(champions, entry) for entry in entries]
    by_number = {entry.n: entry for entry in entries}
    head = entries[-1] if entries else None
    anchor = by_number.get(head.anchor_number) if head else None
    newest = freezes[-1] if freezes else None
    return Audit(
        model_name=project.spec.name,
        log=champions.uri,
        champion=head.model_version if head else None,
        anchor=anchor.model_version if anchor else None,
        freeze=newest if newest and newest.holds(datetime.now(UTC)) else None,
        entries=tuple(_describe(entry, by_number.get(entry.n - 1)) for entry in entries),
        freezes=tuple(freezes),
        gate_reports=sum(found is True for found in reports),
        findings=(
            *(_damage(error) for error in (*damages, *more)),
            *(found for found in reports if isinstance(found, Finding)),
            *_note_clocks(entries),
            *compare_mlflow(ModelRegistry(project.mlflow, project.spec.name, champions), entries, anchor),
        ),
    )


def _damage(error: MLKitError) -> Finding:
    return Finding(kind="damaged", what=error.message, hint=error.hint or "")


def _describe(entry: ChampionEntry, before: ChampionEntry | None) -> AuditedEntry:
    return AuditedEntry(
        n=entry.n,
        when=entry.promoted_at,
        who=entry.promoted_by,
        action=entry.action,
        by_person=entry.by_person,
        from_version=before.model_version if before else None,
        to_version=entry.model_version,
        why=entry.reason,
        anchor=entry.anchor_number,
    )


def _check_report(champions: ChampionLog, entry: ChampionEntry) -> Finding | bool:
    """Whether the gate report of an entry is still there and has its hash; a finding where another is in its place."""
    run = RunDirectory(resolved(entry.run_dir, champions.uri))
    unreadable: tuple[type[Exception], ...] = (MLKitError, *store_errors())
    try:
        hashes = [hashlib.sha256(content).hexdigest() for content in find_gate_reports(run)] if run.exists else []
    except unreadable as error:
        return Finding(kind="noted", what=f"the gate report of entry {entry.n} cannot be read: {error}")
    if not hashes or entry.gate_report in hashes:
        return bool(hashes)
    return Finding(
        kind="damaged",
        what=f"no gate report in {run.root} is the one that entry {entry.n} was written with: it was changed, or its "
        "writer was killed before it was kept.",
        hint="Who is the champion is not in doubt, only why. Ask who may write to the run directory.",
    )


def _note_clocks(entries: Sequence[ChampionEntry]) -> Iterator[Finding]:
    for before, after in pairwise(entries):
        if to_utc(after.promoted_at) < to_utc(before.promoted_at):
            yield Finding(
                kind="noted",
                what=f"entry {after.n} says that it was written before entry {before.n}: a clock was wrong. The "
                "numbers tell the order.",
            )
