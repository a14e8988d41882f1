"""Checkpoints of a training: where it goes on when it was killed, preempted or evicted, or lost its node."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_mlkit.exceptions import StepTerminated
from airflow_mlkit.rundir import CheckpointFolder, hash_value

if TYPE_CHECKING:
    from airflow_mlkit.workflows.xgboost_checkpoint import XGBoostCheckpoint

log = logging.getLogger("airflow_mlkit")

EVERY_SECONDS = 60.0
"""How often a checkpoint is kept: what a kill costs at most."""

LARGEST_SHARE = 0.05
"""The part of the time that may go into keeping checkpoints: one that takes longer to write is kept more seldom."""


class Checkpoint:
    """Where a training goes on. Each workflow has one as `self.checkpoint`; outside of a step it keeps nothing.

    A checkpoint is used only by the training that it was kept by: same rows, parameters, code, seed, threads and
    library versions. Any other is passed over, and the log says so. It is removed when the step has published.

    For XGBoost, `fit` does everything:

    >>> self.checkpoint.fit(model, rows[self.feature_columns], rows[self.label])             # doctest: +SKIP

    Anything else that is trained round by round keeps bytes of its own making:

    >>> content = self.checkpoint.load()                                                     # doctest: +SKIP
    >>> model = restore(content) if content else Net()                                       # doctest: +SKIP
    >>> while not model.is_trained:                                                          # doctest: +SKIP
    ...     model.train_one_round()
    ...     if self.checkpoint.is_due:
    ...         self.checkpoint.save(model.to_bytes())
    """

    def __init__(self, folder: CheckpointFolder | None = None, fits: str = "") -> None:
        """Keep checkpoints in a folder.

        Args:
            folder: of the step's generation; None keeps nothing.
            fits: the hash of all that the training depends on.
        """
        self._folder, self._fits = folder, fits
        self._pause, self._since = EVERY_SECONDS, time.monotonic()
        self._trainings = 0
        self._has_warned = False
        self.continued: datetime | None = None

    def load(self) -> bytes | None:
        """What was saved by an earlier try of this very training; None where it begins.

        The content is checked against its hash: half a checkpoint, or a damaged one, is as none.
        """
        return self.read("own", "")

    def save(self, content: bytes) -> None:
        """Keep everything that is needed to go on, in place of what was kept before; nothing is pickled by the kit.

        A place that refuses it does not end the training: it is said once, in the log.
        """
        self.write("own", "", content)

    @property
    def is_due(self) -> bool:
        """Whether it is time for another one: a minute has passed, or twenty times what the last one took to write."""
        return self._folder is not None and time.monotonic() - self._since >= self._pause

    def fit(self, model: Any, features: Any, label: Any, **options: Any) -> Any:
        """Fit an estimator; one of XGBoost's, alone or last in a Pipeline, goes on from its last checkpoint.

        The model is the same as without an interruption, and the one that `model.fit` gives. Where rows or columns are
        drawn at random (`subsample`, `colsample_*`, `dart`), each round draws by a seed of its own, so that it can
        begin anywhere: another model than by `model.fit`, as by another seed.

        Args:
            model: an estimator. One that XGBoost does not fit round by round (a random forest, `gblinear`, anything of
                another library) is fitted as by itself.
            features: its first argument.
            label: its second argument.
            options: of its `fit`.

        Returns:
            What the estimator's `fit` returns.
        """
        from airflow_mlkit.workflows.xgboost_checkpoint import with_callback

        with with_callback(model, self.callback):
            return model.fit(features, label, **options)

    def callback(self) -> XGBoostCheckpoint:
        """For one call of `xgboost.train(..., callbacks=[self.checkpoint.callback()])`: the same as `fit`."""
        from airflow_mlkit.workflows.xgboost_checkpoint import XGBoostCheckpoint

        self._trainings += 1
        return XGBoostCheckpoint(self, f"xgboost-{self._trainings}")

    def read(self, name: str, fits: str) -> bytes | None:
        """A named checkpoint's content, where it is one of this training.

        Args:
            name: of one of the trainings in a workflow.
            fits: the hash of what it depends on besides.
        """
        try:
            found = self._folder.read(name) if self._folder else None
        except StepTerminated:
            raise
        except Exception as error:  # noqa: BLE001  # each kind of bucket has errors of its own; training begins anew
            log.warning("The checkpoint %s cannot be read, and training begins anew: %s", name, error)
            return None
        return None if found is None else self._open(name, found, fits)

    def write(self, name: str, fits: str, content: bytes) -> None:
        """Keep a named checkpoint; see `save`."""
        if self._folder is None:
            return
        began = time.monotonic()
        try:
            self._folder.write(name, _pack(content, self._whole(fits)))
        except StepTerminated:
            raise
        except Exception as error:  # noqa: BLE001  # the training is worth more than its checkpoint
            self._warn_once(error)
        self._since = time.monotonic()
        self._pause = max(EVERY_SECONDS, (self._since - began) / LARGEST_SHARE)

    def _open(self, name: str, found: bytes, fits: str) -> bytes | None:
        head, _, content = found.partition(b"\n")
        try:
            said = json.loads(head)
            is_whole = said["sha256"] == hashlib.sha256(content).hexdigest()
            saved, made_for = datetime.fromisoformat(said["saved"]), said["fits"]
        except (ValueError, KeyError, TypeError):
            is_whole = False
        if not is_whole:
            log.warning("The checkpoint %s is damaged, and is not used: training begins anew.", name)
            return None
        if made_for != self._whole(fits):
            log.warning(
                "The checkpoint %s is one of other data, parameters, code or libraries, and is not used: "
                "training begins anew.",
                name,
            )
            return None
        self.continued = saved
        log.info("Training goes on from the checkpoint of %s UTC.", f"{saved.astimezone(UTC):%Y-%m-%d %H:%M:%S}")
        return content

    def _whole(self, fits: str) -> str:
        return hash_value([self._fits, fits])

    def _warn_once(self, error: Exception) -> None:
        if not self._has_warned:
            log.warning("No checkpoint can be kept; training goes on, and would begin anew: %s", error)
        self._has_warned = True


def _pack(content: bytes, fits: str) -> bytes:
    """A line of JSON, then the content."""
    head = {"sha256": hashlib.sha256(content).hexdigest(), "fits": fits, "saved": datetime.now(UTC).isoformat()}
    return json.dumps(head).encode() + b"\n" + content
