"""Which rows a model was made with, and whether rows of another run's holdout may be among them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from airflow_mlkit.data.moment import to_utc
from airflow_mlkit.data.split_record import SamplingRecord, SplitRecord
from airflow_mlkit.rundir.records import Record

_MINUTE = "%Y-%m-%d %H:%M"
_BY_HAND = "a person can decide, with mlkit promote --run"
_SEEN = ("training", "validation")


class TrainedRows(Record):
    """What a model's manifest keeps of the split that it was made with.

    `seen` are the content hashes of the parts that it learned from, `newest` the date of their newest row where there
    are dates. `basis` is where that is known from: the split that it was made with; for a model that was adopted, the
    moment when it was registered, before which all its rows must have been there; or the word of who adopted it.
    """

    seen: tuple[str, ...]
    newest: datetime | None = None
    sampling: SamplingRecord
    basis: Literal["split", "registered", "word"] = "split"

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
        learned from rows that are all older than the holdout; by the hash: the same key of the same kind and the same
        salt held out at least the same share.
        """
        if self.seen == TrainedRows.of(split).seen or self._held_out_as_much(split.sampling):
            return None
        oldest = split.dates["holdout"][0] if "holdout" in split.dates else None
        if self.basis == "registered" and (self.newest is None or oldest is None):
            return f"it was adopted, and without dates nobody can tell which rows it has seen; {_BY_HAND}"
        if self.newest is None or oldest is None:
            return "its holdout was cut in another way, so that it may have learned from rows of this one"
        newest, oldest = to_utc(self.newest), to_utc(oldest)
        if newest < oldest:
            return None
        begins = f"the holdout begins at {oldest:{_MINUTE}}"
        if self.basis == "registered":
            return (
                f"it was adopted, and may have learned from every row until it was registered, {newest:{_MINUTE}}, and "
                f"{begins}: it can be compared when all held-out rows are newer; {_BY_HAND}"
            )
        said = ", says who adopted it" if self.basis == "word" else ""
        return f"it learned from rows up to {newest:{_MINUTE}}{said}, and {begins}"

    def _held_out_as_much(self, now: SamplingRecord) -> bool:
        then = self.sampling
        if (then.sampling, now.sampling) != ("hash", "hash"):
            return False
        if (then.key, then.key_kinds, then.salt) != (now.key, now.key_kinds, now.salt):
            return False
        return (now.fraction or 0) <= (then.fraction or 0)
