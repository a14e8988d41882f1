"""What a person answered who was asked whether a challenger may become the champion."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from airflow_mlkit.rundir.records import Record


class Approval(Record):
    """The answer: who gave it, when, and why; `nobody` where the time was over before anybody answered."""

    answer: Literal["yes", "no", "nobody"]
    at: datetime
    by: str | None = None
    why: str = ""
