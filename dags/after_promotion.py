"""A Dag that follows a model: it runs once for every version that is promoted, and knows which one that was.

This file needs no airflow-mlkit; any team may follow another team's model.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, dag, task

MODEL = Asset.ref(uri="x-mlkit://models/card-payments")


@dag(schedule=[MODEL], catchup=False, tags=["example"])
def after_promotion() -> None:
    """Tells who needs to know."""

    @task
    def announce(*, triggering_asset_events: Any) -> list[str]:
        """Name the versions that were promoted; a later clearing of the task names the same ones."""
        events = [event for found in triggering_asset_events.values() for event in found]
        versions = [f"version {event.extra.get('model_version')}" for event in events]
        for version in versions:
            print(f"card-payments: {version} is the champion now")  # noqa: T201  # the task's log
        return versions

    announce()


after_promotion()
