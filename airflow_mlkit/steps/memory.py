"""How much memory a step needed at its peak, its children included, and whether the kernel found it too much."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from airflow_mlkit.rundir.tries import POD_VARIABLE

_OOM_KILLS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
"""Where a container's kernel counts the processes that it killed: cgroup 2, cgroup 1."""

_NEEDED = {
    Path("/sys/fs/cgroup/memory.stat"): ("anon", "shmem", "kernel"),
    Path("/sys/fs/cgroup/memory/memory.stat"): ("total_rss", "total_shmem"),
}
"""What a container cannot give back: cgroup 2, cgroup 1. Both are readable in a pod without any right."""

_GIVEN_BACK = "slab_reclaimable"
"""The part of cgroup 2's `kernel` that can be given back."""

POD_SECONDS, LOCAL_SECONDS = 0.5, 2.0
"""How often: in a pod one small file is read, elsewhere all processes of the machine are looked through."""

_KIB_PER_MIB = 1024
_BYTES_PER_MIB = 1 << 20


class PeakMemory:
    """The most that was needed at once, sampled while a step is at work.

    What counts is what would have the step killed were there less: memory that holds data, of every process of the
    container. The cache of files does not, for the kernel takes it back when there is too little. So neither
    `memory.peak` nor `memory.max_usage_in_bytes` is the answer, nor the resident memory of a process that maps files.
    Measured in a pod on cgroup 1, in MiB: while a child holds 300, this says 307 and the process's own resident memory
    11; after a file of 500 was read and mapped, this still says 307, max_usage 527 and the process's own peak 512.

    Outside of a pod the process and its descendants are added up; what forked processes share counts in each.
    A peak between two samples is caught where it is the process's own: the kernel keeps its highest resident memory
    (VmHWM of /proc/self/status), of which the mapped files are taken off.
    """

    def __init__(self) -> None:
        self._needed = 0.0
        self._mapped = 0.0

    @property
    def mib(self) -> float:
        """The peak up to now."""
        self.sample()
        own = _read_own_status()
        kept = own.get("VmHWM", 0.0) - max(self._mapped, own.get("RssFile", 0.0))
        return round(max(self._needed, kept), 1)

    def sample(self) -> None:
        """Look how much is needed now."""
        found = _needed_by_container() if POD_VARIABLE in os.environ else None
        self._needed = max(self._needed, _needed_by_processes() if found is None else found)
        self._mapped = max(self._mapped, _read_own_status().get("RssFile", 0.0))


@contextmanager
def watch_memory() -> Iterator[PeakMemory]:
    """Sample the memory of this process's step inside the block."""
    peak, ended = PeakMemory(), threading.Event()
    pause = POD_SECONDS if POD_VARIABLE in os.environ else LOCAL_SECONDS

    def watch() -> None:
        while not ended.wait(pause):
            with suppress(OSError, psutil.Error):  # a look that failed is followed by another
                peak.sample()

    thread = threading.Thread(target=watch, name="mlkit-memory", daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def count_oom_kills() -> int:
    """How many processes of this container were killed for lack of memory; 0 where nothing counts them.

    A child may be killed while the container lives on
    (https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files, memory.events).
    """
    for place in map(Path, _OOM_KILLS):
        if place.exists():
            return int(_read_counts(place).get("oom_kill", 0))
    return 0


def _needed_by_container() -> float | None:
    """In MiB; None where the kernel does not tell."""
    for place, names in _NEEDED.items():
        if place.exists():
            counts = _read_counts(place)
            held = sum(counts.get(name, 0) for name in names) - (counts.get(_GIVEN_BACK, 0) if "kernel" in names else 0)
            return max(0, held) / _BYTES_PER_MIB
    return None


def _needed_by_processes() -> float:
    """Of this process and its descendants, in MiB."""
    own = psutil.Process()
    return sum(_held_by(process) for process in [own, *own.children(recursive=True)]) / _BYTES_PER_MIB


def _held_by(process: psutil.Process) -> int:
    """Resident memory that is no file's, in bytes; 0 for one that has just ended."""
    try:
        found = process.memory_info()
    except psutil.Error:
        return 0
    # macOS does not tell the files apart; Linux counts memory that processes share with them, which is rare
    return max(0, int(found.rss) - int(getattr(found, "shared", 0)))


def _read_own_status() -> dict[str, float]:
    """The memory lines of /proc/self/status in MiB; nothing where the system has none."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    pairs = (line.split(":", 1) for line in lines if line.endswith(" kB"))
    return {name: int(value.split()[0]) / _KIB_PER_MIB for name, value in pairs}


def _read_counts(place: Path) -> Mapping[str, int]:
    """A file of names and numbers, as cgroups have them."""
    return {name: int(value) for name, value in (line.split() for line in place.read_text().splitlines())}
