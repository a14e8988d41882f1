"""Whether a challenger may replace the champion: decided purely, and written down as a gate report.

Public names resolve on first use: reading a report needs neither numpy nor scipy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_mlkit.gates.comparison import Comparison
    from airflow_mlkit.gates.decision import Decision
    from airflow_mlkit.gates.paired_comparison import compare
    from airflow_mlkit.gates.report import GateReport

__all__ = ["Comparison", "Decision", "GateReport", "compare"]

_HOMES = {
    "Comparison": "airflow_mlkit.gates.comparison",
    "Decision": "airflow_mlkit.gates.decision",
    "GateReport": "airflow_mlkit.gates.report",
    "compare": "airflow_mlkit.gates.paired_comparison",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
