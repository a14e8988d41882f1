"""Amounts as Kubernetes writes them: memory and cores."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints

from airflow_mlkit.spec.declared import shorten
from airflow_mlkit.spec.values import Number

_MEMORY = r"^[1-9]\d{0,5}(\.\d{1,3})?(k|M|G|T|Ki|Mi|Gi|Ti)$"
_MILLICORES = re.compile(r"([1-9]\d*)m")
_UNITS = {suffix: 1000**power for power, suffix in enumerate("kMGT", start=1)} | {
    f"{suffix}i": 1024**power for power, suffix in enumerate("KMGT", start=1)
}
_GIB = 1024**3


def to_gib(memory: str) -> Decimal:
    """An amount of memory as Kubernetes writes it, in GiB.

    >>> to_gib("512Mi")
    Decimal('0.5')
    """
    number = memory.rstrip("kKMGTi")
    gib: Decimal = Decimal(number) * _UNITS[memory.removeprefix(number)] / _GIB
    return gib


def format_cores(cores: float) -> str:
    """A number of cores as Kubernetes writes it.

    >>> format_cores(0.5), format_cores(2.0)
    ('500m', '2')
    """
    return f"{cores:g}" if cores == int(cores) else f"{round(cores * 1000)}m"


def _check_memory(given: Any) -> Any:
    if not isinstance(given, str) or not re.fullmatch(_MEMORY, given):
        raise ValueError(f"{shorten(given)} is no amount of memory; write it as Kubernetes does, such as 4Gi or 512Mi")
    return given


def _read_cpu(given: Any) -> Any:
    match = _MILLICORES.fullmatch(given) if isinstance(given, str) else None
    return int(match[1]) / 1000 if match else given


Memory = Annotated[str, BeforeValidator(_check_memory), StringConstraints(pattern=_MEMORY)]
"""An amount of memory as Kubernetes writes it, such as `4Gi`."""

Cores = Annotated[Number, BeforeValidator(_read_cpu, json_schema_input_type=float | str)]
"""A number of cores: `0.5`, `2`, or `500m` as Kubernetes writes it."""
