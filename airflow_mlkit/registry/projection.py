"""MLflow's registered model against the champion log that it should follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_mlkit.exceptions import RegistryError
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.finding import Finding
from airflow_mlkit.registry.missing_version import revive
from airflow_mlkit.registry.mlflow_client import refusals_of
from airflow_mlkit.registry.model_registry import (
    ANCHOR_ALIAS,
    CHAMPION_ALIAS,
    ENTRY_TAG,
    LOG_TAG,
    NEWEST_ENTRY_TAG,
    ModelRegistry,
    newest_entry_told,
)

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_HEAL = "The next promotion sets it right, and so does mlkit audit --heal."


def compare_mlflow(
    registry: ModelRegistry, entries: Sequence[ChampionEntry], anchor: ChampionEntry | None
) -> list[Finding]:
    """What MLflow's registered model says otherwise than its champion log; an MLflow that is away is a finding too.

    Args:
        registry: the registered model with its log.
        entries: of the log, as far as they can be read.
        anchor: that stands with the head.
    """
    try:
        versions = {str(version.version): version for version in registry.versions()}
        with refusals_of(registry.uri):
            found = registry.client.search_registered_models(f"name = '{registry.model_name}'")
    except RegistryError as error:
        return [Finding(kind="damaged", what=f"MLflow could not be asked. {error.message}", hint=error.hint or "")]
    model = found[0] if found else None
    lost = list(_find_lost_entries(registry.log, entries, versions, newest_entry_told(model)))
    if not entries or model is None:
        return [*lost, *_find_lost_versions(entries, anchor, versions)]
    aliases = {name: str(version) for name, version in model.aliases.items()}
    head = entries[-1]
    return [
        *lost,
        *_compare_log(registry, model.tags.get(LOG_TAG)),
        *_find_lost_versions(entries, anchor, versions),
        *([] if lost else _compare_head(registry.log, head, model.tags.get(NEWEST_ENTRY_TAG))),
        *_compare_alias(CHAMPION_ALIAS, aliases, head, versions),
        *(_compare_alias(ANCHOR_ALIAS, aliases, anchor, versions) if anchor else ()),
    ]


def _find_lost_entries(
    champions: ChampionLog, entries: Sequence[ChampionEntry], versions: Mapping[str, ModelVersion], told: int
) -> Iterator[Finding]:
    numbers = [version.tags.get(ENTRY_TAG, "") for version in versions.values()]
    recorded = max([told, *(int(number) for number in numbers if number.isdigit())])
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
    named = {entry.model_version: entry for entry in entries}
    for version, entry in named.items():
        if version in versions:
            continue
        if version == entries[-1].model_version:
            yield Finding(
                kind="damaged",
                what=f"version {version}, the champion, is not in MLflow: somebody deleted it there.",
                hint=f"Scoring goes on for as long as its files are there. {revive(entry)} Else retrain with "
                "mlkit run, or mlkit rollback --to another version.",
            )
        else:
            title = "the anchor" if anchor and version == anchor.model_version else "a former champion"
            yield Finding(
                kind="noted",
                what=f"version {version}, {title}, is not in MLflow any more: it cannot be rolled back to.",
                hint=revive(entry),
            )


def _compare_head(champions: ChampionLog, head: ChampionEntry, told: str | None) -> Iterator[Finding]:
    """The newest entry has no successor that vouches for it; MLflow kept its hash."""
    n, _, kept = (told or "").partition(":")
    # a writer that was killed has left the hash of an older entry, which says nothing about this one
    if n == str(head.n) and kept != champions.hash_of(head.n):
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
