"""Whether a triggerer is alive where tasks wait for their pods in it: asked of Airflow's API server, which knows."""

from __future__ import annotations

import json
import urllib.request

from airflow_mlkit.spec.platform import PlatformSpec

TIMEOUT_SECONDS = 5.0

_NEEDED = "With `deferrable: true` pods are waited for in the triggerer."


def check_triggerer(platform: PlatformSpec, environment: str, server: str) -> list[str]:
    """What is wrong with the triggerer, a sentence; nothing where it is alive, or not needed.

    Args:
        platform: the platform.yaml.
        environment: the one of it in which Airflow runs pipelines.
        server: the address of Airflow's API server.
    """
    place = platform.environments.get(environment)
    if place is None or place.backend == "local" or not place.deferrable:
        return []
    try:
        with urllib.request.urlopen(f"{server}/api/v2/monitor/health", timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            status = (json.load(answer).get("triggerer") or {}).get("status")
    except (OSError, ValueError, AttributeError) as error:
        return [
            f"{_NEEDED} Whether one is alive is not known: Airflow's API server at {server} does not tell ({error})."
        ]
    if status == "healthy":
        return []
    return [f"{_NEEDED} None is alive, so that such tasks wait for ever. Start one: `airflow triggerer`."]
