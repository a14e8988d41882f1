"""One try of a step as it is counted, and the tries of one run."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from airflow_mlkit.rundir.records import Record, SizeRecord


class Doubt(StrEnum):
    """Why the time of a try is not simply from its beginning to its end."""

    NO_OUTCOME = "no_outcome"
    DAMAGED = "damaged"
    CLOCK = "clock"


class CountedTry(Record):
    """One try of a step: when it began, for how long it is counted, and what it asked for.

    Attributes:
        seconds: what is counted.
        size: None where the try was made before sizes were kept.
        peak_memory_mib: what it used at its peak; None where it left no outcome, or nobody measured it.
        lacked_memory: whether it, or a process of its own, was killed for lack of it.
        pod: the one it ran in, on Kubernetes; None where it left no outcome.
        doubt: None where the try wrote when it began and when it ended.
    """

    step: str
    generation: int
    number: int
    started: datetime
    seconds: float = Field(ge=0, allow_inf_nan=False)
    size: SizeRecord | None = None
    peak_memory_mib: float | None = None
    lacked_memory: bool = False
    pod: str | None = None
    doubt: Doubt | None = None

    @property
    def place(self) -> str:
        """Where it lies in its run, such as `train/1/2`: the step, the generation and the try."""
        return f"{self.step}/{self.generation}/{self.number}"


class CountedPod(Record):
    """What became of a pod of a step; it may have been killed before its try could say so.

    Attributes:
        size: the name of its size.
        cause: a word, as `airflow_mlkit.pods.verdict.Cause` has it.
    """

    step: str
    generation: int
    pod: str
    size: str
    cause: str


class RunTries(Record):
    """What is counted of one run.

    Attributes:
        folder: the name of the run's directory.
        project: whose run it is.
        dag: `retrain`, `predict` or `adopt`.
        pods: what became of its pods, where they were asked for.
    """

    folder: str
    run_id: str
    project: str
    dag: str
    tries: tuple[CountedTry, ...]
    pods: tuple[CountedPod, ...] = ()


def time_tries(tries: list[CountedTry]) -> tuple[CountedTry, ...]:
    """The tries of a run in their order, none counted beyond the beginning of the next one of its generation.

    A try that left no sign of life is counted until then.

    Args:
        tries: those with a doubt are counted until their last sign of life, 0 where there is none.
    """
    ordered = sorted(tries, key=lambda one: (one.step, one.generation, one.number))
    followers = [*ordered[1:], None][: len(ordered)]
    timed = [_until_the_next(one, follower) for one, follower in zip(ordered, followers, strict=True)]
    return tuple(sorted(timed, key=lambda one: (one.started, one.step, one.number)))


def _until_the_next(one: CountedTry, follower: CountedTry | None) -> CountedTry:
    is_retried = follower and (follower.step, follower.generation) == (one.step, one.generation)
    if follower is None or not is_retried or one.doubt in (None, Doubt.CLOCK):
        return one
    most = max(0.0, (follower.started - one.started) / timedelta(seconds=1))
    return one.model_copy(update={"seconds": min(one.seconds or most, most)})
