"""Which rows a model was made with, and whether rows of another run's holdout may be among them."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from airflow_mlkit.data.moment import to_utc
from airflow_mlkit.data.split_record import SamplingRecord, SplitRecord
from airflow_mlkit.rundir.records import Record

_MINUTE = "%Y-%m-%d %H:%M"
_SEEN = ("training", "validation")


class TrainedRows(Record):
    """What a model's manifest keeps of the split that it was made with.

    `seen` are the content hashes of the parts that it learned from, `newest` the date of their newest row where there
    are dates.
    """

    seen: tuple[str, ...]
    newest: datetime | None = None
    sampling: SamplingRecord

    @classmethod
    def of(cls, split: SplitRecord) -> Self:
        """The rows of a run's model."""
        newest = [split.dates[part][1] for part in _SEEN if part in split.dates]
        return cls(
            seen=tuple(split.content_hashes[part] for part in _SEEN if part in split.content_hashes),
            newest=max(newest, default=None),
            sampling=split.sampling,
        )

    def why_not_unseen(self, split: SplitRecord) -> str | None:
        """Why it cannot be proven that none of a run's holdout rows was learned from; None where it can.

        It is proven by any of these: the model learned from the very rows that this run trains on; by the dates: it
        learned from rows that are all older than the holdout; by the hash: the same key and salt held out at least the
        same share.
        """
        if self.seen == TrainedRows.of(split).seen or self._held_out_as_much(split.sampling):
            return None
        oldest = split.dates["holdout"][0] if "holdout" in split.dates else None
        if self.newest is None or oldest is None:
            return "its holdout was cut in another way, so that it may have learned from rows of this one"
        newest, oldest = to_utc(self.newest), to_utc(oldest)
        if newest < oldest:
            return None
        return f"it learned from rows up to {newest:{_MINUTE}}, and the holdout begins at {oldest:{_MINUTE}}"

    def _held_out_as_much(self, now: SamplingRecord) -> bool:
        then = self.sampling
        if (then.sampling, now.sampling) != ("hash", "hash") or (then.key, then.salt) != (now.key, now.salt):
            return False
        return (now.fraction or 0) <= (then.fraction or 0)
