"""Why a challenger cannot follow a champion, whatever its metrics are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from airflow_mlkit.data.moment import to_utc
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.freeze import FreezeEntry


def find_objections(model_id: str, as_of: datetime | None, champion: ChampionEntry | None) -> tuple[str, ...]:
    """What speaks against a challenger as the next champion, as sentences without a full stop.

    Args:
        model_id: the challenger's.
        as_of: the challenger's; without a date on either side nobody can tell which is older.
        champion: who would be replaced; None where there is no champion yet.
    """
    if champion is None:
        return ()
    objections = []
    if champion.model_id == model_id:
        objections.append(f"the same model as the champion (version {champion.model_version})")
    if as_of and champion.as_of and to_utc(as_of) < to_utc(champion.as_of):
        objections.append(
            f"its as_of {to_utc(as_of):%Y-%m-%d %H:%M} is older than the champion's, "
            f"{to_utc(champion.as_of):%Y-%m-%d %H:%M} (version {champion.model_version})"
        )
    return tuple(objections)


def object_to_undone(model_id: str, entries: Sequence[ChampionEntry]) -> tuple[str, ...]:
    """What a person's rollback says against the very same model: it does not come back by itself."""
    found = find_undoing(model_id, entries)
    if found is None:
        return ()
    what = "rolled back from" if found.action == "rollback" else "replaced"
    when = f"{to_utc(found.promoted_at):%Y-%m-%d}"
    return (f"the same model was {what} on {when} by {found.promoted_by}: {on_one_line(found.reason)}",)


def object_to_freeze(freeze: FreezeEntry | None) -> tuple[str, ...]:
    """What a freeze says against every challenger."""
    if freeze is None or freeze.until is None:
        return ()
    until = f"{to_utc(freeze.until):%Y-%m-%d %H:%M}"
    return (f"promotion is frozen until {until} UTC by {freeze.by}: {on_one_line(freeze.reason)}",)


def find_undoing(model_id: str, entries: Sequence[ChampionEntry]) -> ChampionEntry | None:
    """The entry by which a person took a model back; None where nobody did, or where it was made champion again since.

    A rollback takes back every champion since the one that it restores.

    Args:
        model_id: of the model that may have been taken back.
        entries: of the champion log, from the first one on.
    """
    undone: dict[str, ChampionEntry] = {}
    for position, entry in enumerate(entries):
        if entry.by_person:
            since = position - 1 if entry.restores is None else entry.restores
            undone |= {past.model_id: entry for past in entries[max(since, 0) : position]}
        undone.pop(entry.model_id, None)
    return undone.get(model_id)


def on_one_line(text: str) -> str:
    """A person's text inside a sentence: without line breaks, and without the full stop at its end."""
    return " ".join(text.split()).rstrip(".")
