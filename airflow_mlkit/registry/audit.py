"""The audit of a champion log: is it whole, do the gate reports fit it, and does MLflow say the same?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from airflow_mlkit.data.moment import to_utc
from airflow_mlkit.exceptions import MLKitError, RegistryError
from airflow_mlkit.project import Project
from airflow_mlkit.registry.address import resolved
from airflow_mlkit.registry.catalogue import find_gate_reports
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.freeze import FreezeEntry
from airflow_mlkit.registry.mlflow_client import refusals_of
from airflow_mlkit.registry.model_registry import (
    ANCHOR_ALIAS,
    CHAMPION_ALIAS,
    ENTRY_HASH_TAG,
    ENTRY_TAG,
    LOG_TAG,
    ModelRegistry,
)
from airflow_mlkit.rundir import RunDirectory
from airflow_mlkit.rundir.records import Record

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_HEAL = "The next promotion sets it right, and so does mlkit audit --heal."


class Finding(Record):
    """One thing that the audit found.

    `damaged` has to be mended by somebody; `moved` is a projection in MLflow that no longer follows the log, which
    heals; `noted` is no trouble, but good to know. `what` names the file or the alias, `hint` says what to do.
    """

    kind: Literal["damaged", "moved", "noted"]
    what: str
    hint: str = ""


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
    now, newest = datetime.now(UTC), freezes[-1] if freezes else None
    return Audit(
        model_name=project.spec.name,
        log=champions.uri,
        champion=head.model_version if head else None,
        anchor=anchor.model_version if anchor else None,
        freeze=newest if newest and newest.until and to_utc(newest.until) > now else None,
        entries=tuple(_describe(entry, by_number.get(entry.n - 1)) for entry in entries),
        freezes=tuple(freezes),
        gate_reports=sum(found is True for found in reports),
        findings=(
            *(_damage(error) for error in (*damages, *more)),
            *(found for found in reports if isinstance(found, Finding)),
            *_note_clocks(entries),
            *_ask_mlflow(project, champions, entries, anchor),
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
    try:
        hashes = [hashlib.sha256(content).hexdigest() for content in find_gate_reports(run)] if run.exists else []
    except (MLKitError, OSError) as error:
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


def _ask_mlflow(
    project: Project, champions: ChampionLog, entries: Sequence[ChampionEntry], anchor: ChampionEntry | None
) -> list[Finding]:
    registry = ModelRegistry(project.mlflow, project.spec.name, champions)
    try:
        versions = {str(version.version): version for version in registry.versions()}
        with refusals_of(registry.uri):
            found = registry.client.search_registered_models(f"name = '{registry.model_name}'")
    except RegistryError as error:
        return [Finding(kind="damaged", what=f"MLflow could not be asked. {error.message}", hint=error.hint or "")]
    lost = list(_find_lost_entries(champions, entries, versions))
    if not entries or not found:
        return [*lost, *_find_lost_versions(entries, anchor, versions)]
    aliases = {name: str(version) for name, version in found[0].aliases.items()}
    head = entries[-1]
    return [
        *lost,
        *_compare_log(registry, found[0].tags.get(LOG_TAG)),
        *_find_lost_versions(entries, anchor, versions),
        *([] if lost else _compare_head(champions, head, versions.get(head.model_version))),
        *_compare_alias(CHAMPION_ALIAS, aliases, head, versions),
        *(_compare_alias(ANCHOR_ALIAS, aliases, anchor, versions) if anchor else ()),
    ]


def _find_lost_entries(
    champions: ChampionLog, entries: Sequence[ChampionEntry], versions: Mapping[str, ModelVersion]
) -> Iterator[Finding]:
    numbers = [version.tags.get(ENTRY_TAG, "") for version in versions.values()]
    recorded = max((int(number) for number in numbers if number.isdigit()), default=0)
    newest = entries[-1].n if entries else 0
    if recorded > newest:
        yield Finding(
            kind="damaged",
            what=f"{champions.file(recorded)} is missing: MLflow knows of champion {recorded}, and the log ends with "
            f"{newest}.",
            hint="Bring the files back from a backup. Nothing is promoted until they are there.",
        )


def _compare_log(registry: ModelRegistry, carried: str | None) -> Iterator[Finding]:
    if carried != registry.log_address:
        yield Finding(
            kind="damaged",
            what=f"the registered model {registry.model_name} in MLflow follows "
            f"{f'the champion log {carried}' if carried else 'no champion log'}, and this is {registry.log_address}.",
            hint=f"Do two projects have one name? If the log was moved, set the tag {LOG_TAG} to this address.",
        )


def _find_lost_versions(
    entries: Sequence[ChampionEntry], anchor: ChampionEntry | None, versions: Mapping[str, ModelVersion]
) -> Iterator[Finding]:
    named = dict.fromkeys(entry.model_version for entry in entries)
    for version in named:
        if version in versions:
            continue
        if version == entries[-1].model_version:
            yield Finding(
                kind="damaged",
                what=f"version {version}, the champion, is not in MLflow: somebody deleted it there.",
                hint="Scoring goes on for as long as its files are there. Retrain with mlkit run, or mlkit rollback "
                "--to another version.",
            )
        else:
            title = "the anchor" if anchor and version == anchor.model_version else "a former champion"
            yield Finding(
                kind="noted",
                what=f"version {version}, {title}, is not in MLflow any more: it cannot be rolled back to.",
            )


def _compare_head(champions: ChampionLog, head: ChampionEntry, version: ModelVersion | None) -> Iterator[Finding]:
    """The newest entry has no successor that vouches for it; MLflow kept its hash."""
    tags = version.tags if version else {}
    kept = tags.get(ENTRY_HASH_TAG) if tags.get(ENTRY_TAG) == str(head.n) else None
    if kept and kept != champions.hash_of(head.n):
        yield Finding(
            kind="damaged",
            what=f"{champions.file(head.n)} was changed: MLflow keeps another hash of it.",
            hint="Bring the file back from a backup, and ask who may write there.",
        )


def _compare_alias(
    alias: str, aliases: Mapping[str, str], entry: ChampionEntry, versions: Mapping[str, ModelVersion]
) -> Iterator[Finding]:
    if entry.model_version not in versions or aliases.get(alias) == entry.model_version:
        return
    points = f"points to version {aliases[alias]}" if alias in aliases else "is not set"
    yield Finding(
        kind="moved",
        what=f"the alias {alias} in MLflow {points}, and the log says version {entry.model_version}: it was moved by "
        "hand, or a promotion was killed before MLflow was told.",
        hint=_HEAL,
    )
