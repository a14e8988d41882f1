"""How much memory this process has used at its peak, and whether the kernel found it too much."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_OOM_KILLS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
"""Where a container's kernel counts the processes that it killed: cgroup 2, cgroup 1."""

_KIB_PER_MIB = 1024


def peak_memory_mib() -> float:
    """The high-water mark of this process's resident memory, in MiB.

    Linux: VmHWM of /proc/self/status, which starts anew at exec; `ru_maxrss` is inherited over fork and exec, so that a
    small child of a large parent would report the parent's (getrusage(2), proc_pid_status(5)).
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return round(int(line.split()[1]) / _KIB_PER_MIB, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / _KIB_PER_MIB ** (2 if sys.platform == "darwin" else 1), 1)


def count_oom_kills() -> int:
    """How many processes of this container were killed for lack of memory; 0 where nothing counts them.

    A child may be killed while the container lives on
    (https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files, memory.events).
    """
    for place in map(Path, _OOM_KILLS):
        if place.exists():
            counts = dict(line.split() for line in place.read_text().splitlines())
            return int(counts.get("oom_kill", 0))
    return 0
