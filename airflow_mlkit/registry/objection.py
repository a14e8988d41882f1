"""Why a challenger cannot follow a champion, whatever its metrics are."""

from __future__ import annotations

from datetime import datetime

from airflow_mlkit.data.moment import to_utc
from airflow_mlkit.registry.champion_entry import ChampionEntry


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
