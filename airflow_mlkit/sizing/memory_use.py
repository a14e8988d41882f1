"""How much memory a step used, asking by asking: from the tries and pods of past runs to a few numbers. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from airflow_mlkit.cost.counted_try import CountedPod, CountedTry, Doubt, RunTries
from airflow_mlkit.rundir.records import SizeRecord

OUT_OF_MEMORY = "out_of_memory"
"""The cause of a pod's end (`airflow_mlkit.pods.verdict.Cause`)."""


@dataclass(frozen=True)
class Asking:
    """One time that a run asked for a step: its tries and pods, from the first to the one that did it.

    Attributes:
        tries: at least one, oldest first.
        lacked_on: the names of the sizes that were too small.
    """

    run: str
    tries: tuple[CountedTry, ...]
    lacked_on: tuple[str, ...] = ()

    @property
    def started(self) -> datetime:
        """When its first try began."""
        return self.tries[0].started

    @property
    def asked(self) -> SizeRecord | None:
        """The size that it asked for first; None from before sizes were kept."""
        return self.tries[0].size

    @property
    def peak(self) -> float | None:
        """The most memory that one of its tries says it used, in MiB; None where none does."""
        return max((one.peak_memory_mib for one in self.tries if one.peak_memory_mib is not None), default=None)

    @property
    def work_seconds(self) -> float:
        """How long the last try took, the one that did the work where one did."""
        return self.tries[-1].seconds


@dataclass(frozen=True)
class MemoryUse:
    """What a step of a project used.

    Attributes:
        askings: newest last.
    """

    project: str
    step: str
    askings: tuple[Asking, ...]

    @property
    def asked(self) -> SizeRecord | None:
        """The size that it asks for now: that of the newest asking which says it."""
        return next((each.asked for each in reversed(self.askings) if each.asked), None)

    @property
    def peaks(self) -> list[float]:
        """The peak of each asking that was measured, in MiB."""
        return [each.peak for each in self.askings if each.peak is not None]

    @property
    def median_peak(self) -> float | None:
        """In MiB; None where nothing was measured."""
        return median(self.peaks) if self.peaks else None

    @property
    def most(self) -> float | None:
        """The highest peak, in MiB; None where nothing was measured."""
        return max(self.peaks, default=None)

    @property
    def lacks(self) -> int:
        """How often a try was killed for lack of memory."""
        return sum(len(each.lacked_on) for each in self.askings)

    @property
    def lacked_on(self) -> frozenset[str]:
        """The names of the sizes that were too small at least once."""
        return frozenset(name for each in self.askings for name in each.lacked_on)


def find_memory_use(runs: Iterable[RunTries]) -> list[MemoryUse]:
    """What each step of each project used, in the order in which a run walks through them.

    Args:
        runs: each once.
    """
    askings: dict[tuple[str, str], list[Asking]] = defaultdict(list)
    for run in runs:
        for (step, generation), tries in _group(run.tries).items():
            pods = [pod for pod in run.pods if (pod.step, pod.generation) == (step, generation)]
            askings[run.project, step].append(Asking(run.folder, tuple(tries), _find_lacks(tries, pods)))
    uses = [
        MemoryUse(project, step, tuple(sorted(found, key=lambda each: each.started)))
        for (project, step), found in askings.items()
    ]
    return sorted(uses, key=_in_order)


def _group(tries: Sequence[CountedTry]) -> Mapping[tuple[str, int], list[CountedTry]]:
    """The tries of each asking. One that was left alive by a clock gone wrong tells nothing."""
    grouped: dict[tuple[str, int], list[CountedTry]] = defaultdict(list)
    for one in sorted(tries, key=lambda each: each.number):
        if one.doubt is not Doubt.CLOCK:
            grouped[one.step, one.generation].append(one)
    return grouped


def _find_lacks(tries: Sequence[CountedTry], pods: Sequence[CountedPod]) -> tuple[str, ...]:
    """The size of each pod or process that lacked memory; a pod and its try are one."""
    of_pods = [pod.size for pod in pods if pod.cause == OUT_OF_MEMORY]
    told = {pod.pod for pod in pods}
    of_tries = [one.size.name for one in tries if one.lacked_memory and one.size and one.pod not in told]
    return (*of_pods, *of_tries)


_STEPS = ("extract", "validate", "split", "train", "evaluate", "gate", "promote", "predict")


def _in_order(use: MemoryUse) -> tuple[str, int, str]:
    return use.project, _STEPS.index(use.step) if use.step in _STEPS else len(_STEPS), use.step
