"""What a promotion rule decides while time passes: `python benchmarks/promotion_over_time.py [--retrains 1000]`.

Two worlds with a known truth. In the first, labels come late: fraud that nobody has reported yet looks honest. In the
second, what is risky changes from retrain to retrain, and the holdout stays or rolls. Prints the last two tables of
docs/explanation/promotion.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from airflow_mlkit.evaluation.metrics import measure
from airflow_mlkit.gates import Comparison, Decision, compare
from airflow_mlkit.gates.paired_comparison import ABSOLUTE_MARGIN, CONFIDENCE, correct_for_looks

Floats = NDArray[np.floating[Any]]

SHARED = 0.7
"""Of two models' errors: retrains of one workflow err on the same rows."""


@dataclass(frozen=True)
class Payments:
    """Payments of which a few are fraud, half of it reported soon and half late.

    Attributes:
        rows: of a holdout of `days` days.
        soon: days until fraud is reported on average, where it is reported soon; `late` where late.
        seen_soon: how far the champion's scores of that fraud lie above those of honest payments; `seen_late` likewise.
    """

    rows: int = 16_000
    days: int = 30
    fraud: float = 0.06
    soon: float = 5
    late: float = 30
    seen_soon: float = 1.5
    seen_late: float = 1.5

    def draw(self, challenger: tuple[float, float], youngest: int, rng: np.random.Generator) -> tuple[Floats, ...]:
        """The labels as they are known when the youngest payment is so many days old, and both models' scores."""
        is_fraud = rng.random(self.rows) < self.fraud
        is_late = rng.random(self.rows) < 0.5
        age = youngest + self.days * rng.random(self.rows)
        reported = rng.exponential(np.where(is_late, self.late, self.soon)) < age
        common, *own = rng.normal(size=(3, self.rows))
        scores = [
            is_fraud * np.where(is_late, late, soon) + SHARED**0.5 * common + (1 - SHARED) ** 0.5 * error
            for (soon, late), error in zip(((self.seen_soon, self.seen_late), challenger), own, strict=True)
        ]
        return (is_fraud & reported).astype(np.int64), *scores

    def challenger(self, better_by: float, better_at_soon: float) -> tuple[float, float]:
        """How far a model sees both kinds that is truly better by so much, and in the fraud reported soon by that."""
        soon = self.seen_soon + better_at_soon
        wanted = _area(self.seen_soon) + _area(self.seen_late) + 2 * better_by - _area(soon)
        return soon, float(brentq(lambda late: _area(late) - wanted, 0, 5))


def _area(shift: float) -> float:
    """The area under the ROC curve of scores that lie so much higher, both normal with variance 1."""
    return float(norm.cdf(shift / 2**0.5))


LATE_WORLDS = {
    "better at fraud reported soon, truly worse by the margin": (-1, 0.25),
    "as good, better at fraud reported soon": (0, 0.25),
    "better at fraud reported late, truly better by two margins": (2, -0.25),
}
MATURES_AFTER = 90


def late_labels(retrains: int) -> Iterator[str]:
    """A line for each kind of challenger: how often it is promoted on the newest rows, and on the newest matured."""
    world = Payments()
    yield f"| challenger | newest {world.days} days | newest {world.days} days older than {MATURES_AFTER} |"
    yield "| --- | ---: | ---: |"
    for name, (margins, better_at_soon) in LATE_WORLDS.items():
        challenger = world.challenger(margins * ABSOLUTE_MARGIN, better_at_soon)
        shares = [_share_promoted(world, challenger, youngest, retrains) for youngest in (0, MATURES_AFTER)]
        yield f"| {name} | " + " | ".join(f"{share:.1%}" for share in shares) + " |"


def _share_promoted(world: Payments, challenger: tuple[float, float], youngest: int, retrains: int) -> float:
    found = (
        compare(*world.draw(challenger, youngest, np.random.default_rng(seed)), metric="roc_auc")
        for seed in range(retrains)
    )
    return sum(each.decision is Decision.PROMOTE for each in found) / retrains


TURN, SPREAD, ROWS = 0.02, 0.05, 4_000
"""By how much what is risky turns from one retrain to the next, how far training misses it, and a holdout's rows."""


def draw_rows(angle: float, rows: int, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
    """Two features of each row, and a label that hangs on one direction of them."""
    features = rng.normal(size=(rows, 2))
    return features, (rng.random(rows) < 1 / (1 + np.exp(1 - 2 * score(features, angle)))).astype(np.int64)


def score(features: Floats, angle: float) -> Floats:
    """The scores of a model that learned a direction."""
    found: Floats = features @ np.array([np.cos(angle), np.sin(angle)])
    return found


@cache
def _areas() -> tuple[Floats, Floats]:
    angles = np.linspace(0, np.pi / 2, 24)
    features, labels = draw_rows(0.0, 1_000_000, np.random.default_rng(0))
    return angles, np.array([measure("binary", labels, score(features, angle)).values["roc_auc"] for angle in angles])


def true_area(model: float, world: float) -> float:
    """The area under the ROC curve of a model on endless rows of a moment."""
    return float(np.interp(abs(model - world), *_areas()))


@dataclass
class Line:
    """Champions that follow each other, and how often a fresh model that was truly better came in."""

    champion: float
    anchor: float
    since_anchor: int = 0
    better: int = 0
    promoted: int = 0

    def meet(self, challenger: float, world: float, found: Comparison, *, strictly: bool) -> None:
        """Let a rule decide about a challenger at a moment."""
        is_better = true_area(challenger, world) > true_area(self.champion, world)
        promoted = found.estimate > 0 if strictly and found.estimate is not None else found.decision is Decision.PROMOTE
        self.better += is_better
        self.promoted += is_better and promoted
        if promoted:
            self.champion, self.since_anchor = challenger, self.since_anchor + 1
            if found.moves_anchor:
                self.anchor, self.since_anchor = challenger, 0


def follow(retrains: int, seed: int, *, rolls: bool, strictly: bool) -> Line:
    """A first champion and so many retrains, a step of time apart, judged on the newest rows or on the first ones."""
    rng = np.random.default_rng(seed)
    line = Line(champion=rng.normal(0, SPREAD), anchor=0.0)
    line.anchor = line.champion
    features, labels = draw_rows(0.0, ROWS, rng)
    for look in range(1, retrains + 1):
        world, challenger = look * TURN, rng.normal(look * TURN, SPREAD)
        if rolls:
            features, labels = draw_rows(world, ROWS, rng)
        found = compare(
            labels,
            score(features, line.champion),
            score(features, challenger),
            metric="roc_auc",
            anchor_scores=score(features, line.anchor) if line.since_anchor else None,
            since_anchor=line.since_anchor,
            confidence=CONFIDENCE if rolls else correct_for_looks(CONFIDENCE, look),
        )
        line.meet(challenger, world, found, strictly=strictly)
    return line


def drift(lines: int, retrains: int = 50) -> Iterator[str]:
    """A line for each rule and holdout."""
    yield f"| rule (roc_auc, {ROWS:,} rows, {retrains} retrains) | holdout | truly better, promoted | lost at the end |"
    yield "| --- | --- | ---: | ---: |"
    for rule, strictly in (("the kit", False), ("strictly better", True)):
        for holdout, rolls in (("rolls", True), ("never renewed", False)):
            found = [follow(retrains, seed, rolls=rolls, strictly=strictly) for seed in range(lines)]
            promoted = sum(line.promoted for line in found) / sum(line.better for line in found)
            end = retrains * TURN
            lost = np.mean([true_area(end, end) - true_area(line.champion, end) for line in found])
            yield f"| {rule} | {holdout} | {promoted:.1%} | {lost:.3f} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--retrains", type=int, default=1000)
    parser.add_argument("--lines", type=int, default=40)
    options = parser.parse_args()
    for table in (late_labels(options.retrains), drift(options.lines)):
        for text in table:
            print(text, flush=True)
        print(flush=True)


if __name__ == "__main__":
    main()
