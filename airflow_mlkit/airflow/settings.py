"""The `[mlkit]` section of airflow.cfg, and what of the rest matters to steps. Nothing else reads them."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from airflow.configuration import conf

from airflow_mlkit.airflow.installation import Gap, Installation, find_gaps
from airflow_mlkit.airflow.provider_info import SECTION
from airflow_mlkit.project import DEFAULT_ENVIRONMENT
from airflow_mlkit.spec import PlatformSpec


class Settings(NamedTuple):
    """What an installation of Airflow decides.

    `python` stands in for projects which have no Python of their own; None is the one that Airflow runs on.
    """

    environment: str = DEFAULT_ENVIRONMENT
    platform: str | None = None
    python: str | None = None


def read_settings() -> Settings:
    """The `[mlkit]` options. `MLKIT_ENVIRONMENT` goes before `environment`, as it does on the command line."""
    environment = os.environ.get("MLKIT_ENVIRONMENT") or _option("environment") or DEFAULT_ENVIRONMENT
    return Settings(environment, _option("platform"), _option("python"))


def read_installation() -> Installation:
    """What of Airflow's own options decides over steps that are pods."""
    default = Installation()
    limit = conf.get("core", "default_task_execution_timeout", fallback="")
    return Installation(
        executor=conf.get("core", "executor"),
        execution_api_retries=_number("workers", "execution_api_retries", default),
        execution_api_retry_wait_min=_number("workers", "execution_api_retry_wait_min", default),
        execution_api_retry_wait_max=_number("workers", "execution_api_retry_wait_max", default),
        max_failed_heartbeats=_number("workers", "max_failed_heartbeats", default),
        task_instance_heartbeat_timeout=_number("scheduler", "task_instance_heartbeat_timeout", default),
        task_queued_timeout=_number("scheduler", "task_queued_timeout", default),
        parallelism=_number("core", "parallelism", default),
        worker_concurrency=_number("celery", "worker_concurrency", default),
        task_publish_max_retries=_number("kubernetes_executor", "task_publish_max_retries", default),
        remote_logging=conf.getboolean("logging", "remote_logging", fallback=False),
        default_task_execution_timeout=float(limit) if limit else None,
    )


def find_missing_settings(platform: PlatformSpec) -> list[Gap]:
    """What this installation has not set and should, for the environment in which it runs pipelines."""
    return find_gaps(read_installation(), platform, read_settings().environment)


def find_api_server() -> str:
    """The address of Airflow's API server as its workers know it, else as people do."""
    address = conf.get("core", "execution_api_server_url", fallback="") or conf.get("api", "base_url", fallback="")
    return str(address).rstrip("/").removesuffix("/execution") or "http://localhost:8080"


def _number(section: str, name: str, default: Installation) -> Any:
    """An option as the type that the default has, which counts where this version of Airflow knows no such option."""
    known = getattr(default, name)
    return type(known)(float(conf.get(section, name, fallback=known)))


def _option(name: str) -> str | None:
    value = conf.get(SECTION, name, fallback=None)
    return value or None
