"""A size as it is written down: with what its pool's nodes offer and cost at this moment."""

from __future__ import annotations

from airflow_mlkit.rundir.records import SizeRecord
from airflow_mlkit.spec.platform import PlatformSpec
from airflow_mlkit.spec.size import Size


def record_size(platform: PlatformSpec, name: str, size: Size, backend: str) -> SizeRecord:
    """A size of a platform as a record.

    Args:
        platform: whose pools have the prices.
        name: of the size.
        size: what it asks for.
        backend: where the steps run: `local`, `kubernetes` or `gke`.
    """
    pool = platform.pools[size.pool]
    return SizeRecord.model_validate(
        {
            **size.model_dump(include={"cpu", "memory", "gpu", "pool"}),
            **pool.model_dump(include={"node", "price_per_hour"}),
            "name": name,
            "backend": backend,
            "currency": platform.currency,
        }
    )
