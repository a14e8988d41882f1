"""One thing that an audit found."""

from __future__ import annotations

from typing import Literal

from airflow_mlkit.rundir.records import Record


class Finding(Record):
    """One thing that the audit found.

    `damaged` has to be mended by somebody; `moved` is a projection in MLflow that no longer follows the log, which
    heals; `noted` is no trouble, but good to know. `what` names the file or the alias, `hint` says what to do.
    """

    kind: Literal["damaged", "moved", "noted"]
    what: str
    hint: str = ""
