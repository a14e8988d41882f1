"""How much memory this process has used at its peak."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

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
