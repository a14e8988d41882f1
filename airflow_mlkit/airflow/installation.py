"""Which settings an installation of Airflow lacks whose steps are pods, and what that costs. Pure: it reads nothing.

What is still at stake, though the kit asks Kubernetes' API by itself and with patience (docs/adr/0020): the way between
a task and **Airflow's own** API server. The process beside each task reports to it every few seconds
(`airflow.sdk.execution_time.supervisor`), and stops the task after `max_failed_heartbeats` reports that did not
arrive; each is tried `execution_api_retries` times, after waits between a minimum and twice the former maximum
(tenacity's wait_random_exponential). A task that is stopped removes its pod: nobody can tell it from a person's stop.
`[workers] api_retries` is another one: the provider's, for Kubernetes' API, and does nothing for steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from airflow_mlkit.spec.environment import PodEnvironment
from airflow_mlkit.spec.platform import PlatformSpec

LEAST_PATIENCE_SECONDS = 120.0
"""How long Airflow's API server may be away for: an upgrade, or a node that is gone, takes a minute or two."""

LEAST_QUEUE_SECONDS = 3600.0
"""How long a step may have to wait for a worker's slot."""


class Installation(NamedTuple):
    """What an installation of Airflow has set, in Airflow's own words; times in seconds."""

    executor: str = "LocalExecutor"
    execution_api_retries: int = 5
    execution_api_retry_wait_min: float = 1.0
    execution_api_retry_wait_max: float = 90.0
    max_failed_heartbeats: int = 3
    task_instance_heartbeat_timeout: float = 300.0
    task_queued_timeout: float = 600.0
    parallelism: int = 32
    worker_concurrency: int = 16
    task_publish_max_retries: int = 0
    remote_logging: bool = False
    default_task_execution_timeout: float | None = None

    @property
    def patience(self) -> float:
        """For how long a running task lives on while Airflow's API server is away, on average.

        The scheduler gives it up after the heartbeat timeout, whatever its worker does.
        """
        waits = (
            max(self.execution_api_retry_wait_min, min(2.0**number, self.execution_api_retry_wait_max))
            for number in range(self.execution_api_retries - 1)
        )
        report = sum((self.execution_api_retry_wait_min + most) / 2 for most in waits)
        return min(report * self.max_failed_heartbeats, self.task_instance_heartbeat_timeout)


class Gap(NamedTuple):
    """A setting that is missing: what to set, as an environment variable; what is now; and what it costs."""

    write: str
    now: str
    costs: str

    def __str__(self) -> str:
        return f"{self.costs} Set {self.write} (now {self.now})."


def find_gaps(installation: Installation, platform: PlatformSpec, environment: str) -> list[Gap]:
    """The settings that an installation lacks; none where the steps of its environment are processes.

    Args:
        installation: what it has set.
        platform: its platform.yaml.
        environment: the one of it in which it runs pipelines.
    """
    place = platform.environments.get(environment)
    if place is None or place.backend == "local":
        return []
    return [*_find_impatience(installation), *_find_queue(installation, place), *_find_limits(installation, platform)]


def _find_impatience(installation: Installation) -> Iterator[Gap]:
    if installation.patience >= LEAST_PATIENCE_SECONDS:
        return
    if installation.task_instance_heartbeat_timeout < LEAST_PATIENCE_SECONDS:
        write, now = (
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT=300",
            installation.task_instance_heartbeat_timeout,
        )
    else:
        write, now = "AIRFLOW__WORKERS__EXECUTION_API_RETRIES=10", installation.execution_api_retries
    yield Gap(
        write,
        f"{now:g}",
        f"When Airflow's API server is away for more than about {installation.patience:.0f} s (an upgrade, a lost "
        "node), each task that waits for a pod in a worker is stopped and its pod removed: its work is lost.",
    )


def _find_queue(installation: Installation, place: PodEnvironment) -> Iterator[Gap]:
    holds_slots = not place.deferrable and "CeleryExecutor" in installation.executor
    if not holds_slots or installation.parallelism <= installation.worker_concurrency:
        return
    if installation.task_queued_timeout < LEAST_QUEUE_SECONDS:
        yield Gap(
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT=86400",
            f"{installation.task_queued_timeout:g}",
            "A step holds a slot of a worker for as long as its pod runs. One that waits for a slot longer than "
            f"{installation.task_queued_timeout:.0f} s is taken back, and fails after the third time.",
        )


def _find_limits(installation: Installation, platform: PlatformSpec) -> Iterator[Gap]:
    if "KubernetesExecutor" in installation.executor:
        yield from _find_lost_tasks(installation)
    limit = installation.default_task_execution_timeout
    longest = max((size.time_limit.total_seconds() for size in platform.sizes.values() if size.time_limit), default=0.0)
    if limit and limit < longest:
        yield Gap(
            "AIRFLOW__CORE__DEFAULT_TASK_EXECUTION_TIMEOUT=",
            f"{limit:g}",
            f"Airflow ends every step after {limit:.0f} s, and sizes of platform.yaml allow {longest:.0f} s.",
        )


def _find_lost_tasks(installation: Installation) -> Iterator[Gap]:
    if installation.task_publish_max_retries == 0:
        yield Gap(
            "AIRFLOW__KUBERNETES_EXECUTOR__TASK_PUBLISH_MAX_RETRIES=-1",
            "0",
            "A task that is to start while Kubernetes' API server is away, or the quota of Airflow's namespace is "
            "full, fails at once.",
        )
    if not installation.remote_logging:
        yield Gap(
            "AIRFLOW__LOGGING__REMOTE_LOGGING=True and REMOTE_BASE_LOG_FOLDER",
            "False",
            "The log of a task goes with its pod, unless [logging] base_log_folder is a volume that all share. What a "
            "step wrote is in the run directory.",
        )
