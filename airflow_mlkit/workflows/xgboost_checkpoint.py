"""Boosting that goes on where it was stopped, and gives the same trees as if it had not been.

A training that goes on plays its first rounds back: `update` does nothing, and `eval_set` says what it said then. So
early stopping, the curve of the evaluation and a user's own callbacks see what they saw the first time.

What is drawn at random is the difficulty: XGBoost draws from generators that live as long as the booster, and their
state is saved nowhere. So a booster that draws gets new ones in each round, seeded by the training's seed and the
round. `load_config` makes the tree updaters anew, and the generator for columns with them; the seed parameter seeds the
one for rows (src/common/random.h, src/gbm/gbtree.cc and src/learner.cc of XGBoost 3).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import xgboost
from sklearn.pipeline import Pipeline
from xgboost.callback import TrainingCallback

from airflow_mlkit.exceptions import StepTerminated
from airflow_mlkit.rundir import hash_value

if TYPE_CHECKING:
    from airflow_mlkit.workflows.checkpoint import Checkpoint

_DRAWN = ("subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode")
"""The parameters that are 1 where nothing is drawn."""


@contextmanager
def with_callback(model: Any, make: Callable[[], XGBoostCheckpoint]) -> Iterator[None]:
    """Give XGBoost's estimator a callback inside the block; nothing of it stays in the model. Others get none."""
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    is_forest = isinstance(last, (xgboost.XGBRFClassifier, xgboost.XGBRFRegressor))  # one round, without callbacks
    if is_forest or not isinstance(last, xgboost.XGBModel):
        yield
        return
    own = last.callbacks
    last.callbacks = [*(own or []), make()]
    try:
        yield
    finally:
        last.callbacks = own


class XGBoostCheckpoint(TrainingCallback):  # type: ignore[misc]  # XGBoost has no types
    """Keeps checkpoints of one call of `xgboost.train`, and goes on from the last one."""

    def __init__(self, checkpoint: Checkpoint, name: str) -> None:
        super().__init__()
        self._checkpoint, self._name = checkpoint, name

    def before_training(self, model: Any) -> Any:
        """Take a booster over; one that is not built round by round, and `xgboost.cv`, stay as they are."""
        if isinstance(model, xgboost.Booster) and _Config(model).grows:
            progress = _Progress(self._checkpoint, self._name, model)
            # the booster knows its rows already, and a copy would not
            model.__class__ = _CheckpointedBooster
            model.progress = progress
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002  # XGBoost's signature
        """Keep a checkpoint when it is time; never ends the training."""
        if isinstance(model, _CheckpointedBooster) and self._checkpoint.is_due:
            model.progress.save(model)
        return False

    def after_training(self, model: Any) -> Any:
        """Give the booster back as XGBoost's own."""
        if isinstance(model, _CheckpointedBooster):
            progress = model.__dict__.pop("progress")
            model.__class__ = xgboost.Booster
            model.set_param({"seed": progress.config.seed})
        return model


class _CheckpointedBooster(xgboost.Booster):  # type: ignore[misc]  # as above
    """A booster that plays back the rounds that an earlier try has trained, and then trains the others."""

    progress: _Progress

    def update(self, dtrain: xgboost.DMatrix, iteration: int, fobj: Any = None) -> None:
        progress = self.progress
        if iteration == 0:
            progress.begin(self, dtrain)
        if iteration < progress.played:
            return
        progress.draw_anew(self, iteration)
        with progress.kept_on_sigterm(self):
            super().update(dtrain, iteration, fobj)

    def eval_set(self, evals: Any, iteration: int = 0, feval: Any = None, output_margin: bool = True) -> str:
        scores = self.progress.scores
        if iteration < len(scores):
            return scores[iteration]
        with self.progress.kept_on_sigterm(self):
            said: str = super().eval_set(evals, iteration, feval, output_margin)
        scores.append(said)
        return said


class _Progress:
    """How far a training is.

    Attributes:
        scores: what was said of the evaluation sets, by round.
        played: how many rounds were trained by an earlier try.
    """

    def __init__(self, checkpoint: Checkpoint, name: str, booster: xgboost.Booster) -> None:
        self.config = _Config(booster)
        self.scores: list[str] = []
        self.played = 0
        self._checkpoint, self._name, self._fits = checkpoint, name, ""
        self._rounds_before = booster.num_boosted_rounds()  # of a model that the user goes on with

    def begin(self, booster: xgboost.Booster, rows: xgboost.DMatrix) -> None:
        """Load what an earlier try has kept of this training, now that its rows are known."""
        self._fits = _identify(self.config, booster, rows)
        found = self._checkpoint.read(self._name, self._fits)
        if found is None:
            return
        head, _, trees = found.partition(b"\n")
        self.scores = json.loads(head)
        booster.load_model(bytearray(trees))
        booster.load_config(self.config.text)  # a model is loaded with the parameters of none
        self.played = booster.num_boosted_rounds() - self._rounds_before

    def save(self, booster: xgboost.Booster) -> None:
        """Keep the booster and the scores of its rounds."""
        if self._fits:
            content = json.dumps(self.scores).encode() + b"\n" + bytes(booster.save_raw("ubj"))
            self._checkpoint.write(self._name, self._fits, content)

    def draw_anew(self, booster: xgboost.Booster, iteration: int) -> None:
        """Let a round draw by a seed of its own, whatever the rounds before have drawn."""
        if self.config.draws:
            booster.load_config(booster.save_config())
            digest = hashlib.sha256(f"{self.config.seed}/{iteration}".encode()).digest()
            booster.set_param({"seed": int.from_bytes(digest[:4], "big") >> 1})

    @contextmanager
    def kept_on_sigterm(self, booster: xgboost.Booster) -> Iterator[None]:
        """A step that is told to end, as on preemption, keeps the round that it has just finished."""
        try:
            yield
        except StepTerminated:
            self.save(booster)
            raise


class _Config:
    """What matters here of how a booster trains.

    Attributes:
        text: all of it.
        seed: what it was asked to draw by.
        grows: whether each round adds trees; `gblinear` and `process_type: update` change what is there.
        draws: whether a round draws rows, columns or trees.
    """

    def __init__(self, booster: xgboost.Booster) -> None:
        self.text = booster.save_config()
        learner = json.loads(self.text)["learner"]
        booster_config = learner["gradient_booster"]
        trees = booster_config.get("gbtree", booster_config)  # dart holds a gbtree
        trained = trees.get("tree_train_param", {})
        self.seed = int(learner["generic_param"]["seed"])
        self.grows = trees.get("gbtree_train_param", {}).get("process_type") == "default"
        self.draws = booster_config["name"] == "dart" or any(float(trained.get(name, 1)) != 1 for name in _DRAWN)


def _identify(config: _Config, booster: xgboost.Booster, rows: xgboost.DMatrix) -> str:
    """The hash of what a training depends on: its parameters, what it begins with, its rows.

    Of the rows their labels and weights are enough to tell the trainings of one workflow apart: all of them come from
    the same published split by the same code, which the step's own hash holds.
    """
    digest = hashlib.sha256(bytes(booster.save_raw("ubj")))
    digest.update(rows.get_label().tobytes())
    digest.update(rows.get_weight().tobytes())
    return hash_value([config.text, rows.num_row(), rows.num_col(), rows.feature_names, digest.hexdigest()])
