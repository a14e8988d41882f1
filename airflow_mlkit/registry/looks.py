"""How many models have asked one holdout whether they may be promoted.

Asked often enough, every holdout says yes by chance (Dwork et al. 2015, "The reusable holdout"). So each look leaves a
file, and the gate asks for more confidence with each further one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from upath import UPath

from airflow_mlkit.rundir import create_only, open_place
from airflow_mlkit.rundir.records import Record


class Look(Record):
    """One model's look at a holdout; looking again is the same look."""

    model_id: str
    run_id: str
    looked_at: datetime


class LookLog:
    """The looks at the holdouts of one model's champion log, in its folder `looks`: a folder a holdout, a file a model.

    Args:
        champions: the champion log's folder, local, `gs://` or `s3://`.
    """

    def __init__(self, champions: UPath | Path | str) -> None:
        self.root = open_place(champions) / "looks"

    def look(self, holdout_hash: str, model_id: str, run_id: str) -> int:
        """Note a model's look. Returns how many models have looked at this holdout, this one among them.

        Raises:
            RunDirectoryError: when it cannot be written; without a count nothing can be promoted.
        """
        folder = self.root / holdout_hash
        look = Look(model_id=model_id, run_id=run_id, looked_at=datetime.now(UTC))
        create_only(folder / f"{model_id}.json", look.to_bytes())
        return len([name for name in folder.fs.ls(folder.path, detail=False) if str(name).endswith(".json")])
