"""Who hears of a project in one environment."""

from __future__ import annotations

from airflow_mlkit.plan.pipeline_plan import PlannedChannel
from airflow_mlkit.spec.platform import PlatformSpec


def plan_channels(platform: PlatformSpec, environment: str, owner: str) -> tuple[PlannedChannel, ...]:
    """The channels that speak in an environment, with those whom they tell of a project of this owner."""
    return tuple(
        PlannedChannel(
            key=f"notify[{number}]",
            via=channel.via,
            connection=channel.connection,
            events=channel.events,
            to=channel.recipients(owner),
        )
        for number, channel in enumerate(platform.notify)
        if channel.speaks_in(environment)
    )
