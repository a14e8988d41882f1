"""What a promotion rule decides when the truth is known: `python benchmarks/promotion.py [--retrains 1000]`.

A world draws holdouts and the scores of a champion and a challenger whose true difference is set: worse by the margin,
equal, better by two margins. The kit's rule decides on each holdout, and so do the rules of its peers. Two more tables:
how often the interval holds the truth, with and without entities, and what 200 retrains, each a little worse, lose.
Prints the tables of docs/explanation/promotion.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.special import expit
from scipy.stats import norm

from airflow_mlkit.gates import Decision, compare
from airflow_mlkit.gates.linear import ScoredHoldout, linearize
from airflow_mlkit.gates.paired_comparison import default_margin
from airflow_mlkit.spec.metrics import rule_of

Floats = NDArray[np.floating[Any]]

CLASSES = ("roc_auc", "average_precision", "log_loss", "brier_score", "accuracy", "f1")
NUMBERS = ("rmse", "mae", "median_absolute_error", "quantile_loss")
SHARED = 0.7
"""Of the two models' errors: retrains of one workflow err on the same rows."""


@dataclass(frozen=True)
class World:
    """Draws rows, and scores whose noise says how good a model is.

    Attributes:
        metric: that is compared.
        rows: of a holdout.
        per_entity: rows of one entity, which share a part of their label and of the models' errors.
        is_uneven: whether entities have very different numbers of rows, lognormal with a sigma of 1.
    """

    metric: str
    rows: int
    per_entity: int = 1
    is_uneven: bool = False

    def draw(self, noises: tuple[float, ...], rng: np.random.Generator) -> tuple[Floats, list[Floats]]:
        """Labels of a new holdout, and the scores of models with these noises."""
        signal = self._normal(rng, 0.6)
        common = self._normal(rng, 0.6)
        errors = [SHARED**0.5 * common + (1 - SHARED) ** 0.5 * self._normal(rng, 0.6) for _ in noises]
        seen = [signal + noise * error for noise, error in zip(noises, errors, strict=True)]
        if self.metric in NUMBERS:
            return signal + self._normal(rng, 0.0), seen
        positive = (rng.random(self.rows) < expit(1.5 * signal - 1.5)).astype(np.int64)
        return positive, [expit(1.5 * score - 1.5) for score in seen]

    def _normal(self, rng: np.random.Generator, of_entity: float) -> Floats:
        if self.per_entity == 1:
            return rng.normal(size=self.rows)
        groups = entities_of(self)
        shared = rng.normal(size=groups[-1] + 1)[groups]
        return of_entity**0.5 * shared + (1 - of_entity) ** 0.5 * rng.normal(size=self.rows)

    @property
    def groups(self) -> NDArray[np.int64] | None:
        """The entity of each row."""
        return None if self.per_entity == 1 else entities_of(self)


@cache
def entities_of(world: World) -> NDArray[np.int64]:
    """The entity of each row of a world."""
    entities = np.arange(world.rows // world.per_entity + 1)
    spread = np.random.default_rng(0).normal(size=2 * len(entities)) if world.is_uneven else np.zeros(len(entities))
    sizes = np.maximum(1, np.round(world.per_entity * np.exp(spread - world.is_uneven / 2)).astype(np.int64))
    return np.repeat(np.arange(len(sizes)), sizes)[: world.rows]


THRESHOLD = 0.3
CHAMPION_NOISE = 0.8


@cache
def true_value(metric: str, noise: float) -> float:
    """The metric on endless rows: of numbers by formula, of classes by adding up the densities of their scores."""
    if metric in NUMBERS:
        # label minus score is normal
        spread = (1 + noise**2) ** 0.5
        return spread * {"rmse": 1.0, "mae": (2 / np.pi) ** 0.5, "median_absolute_error": norm.ppf(0.75)}.get(
            metric, (2 * np.pi) ** -0.5
        )
    signal = np.linspace(-8, 8, 801)
    mass = norm.pdf(signal) * (signal[1] - signal[0])
    positive = mass * expit(1.5 * signal - 1.5)
    seen = _score_edges(noise)
    inside = np.diff(norm.cdf((seen[:, None] - signal) / noise), axis=0)
    weights = np.concatenate([inside @ (mass - positive), inside @ positive])
    scores = np.tile(expit(1.5 * (seen[1:] + seen[:-1]) / 2 - 1.5), 2)
    labels = np.repeat([0, 1], len(seen) - 1)
    return linearize(metric, ScoredHoldout(labels, scores, weights, THRESHOLD)).value


def _score_edges(noise: float) -> Floats:
    """Where scores are cut into 4,000 blocks, one of them at the threshold."""
    ends, threshold = 8 * (1 + noise**2) ** 0.5, 1 + np.log(THRESHOLD / (1 - THRESHOLD)) / 1.5
    return np.concatenate([np.linspace(-ends, threshold, 2001), np.linspace(threshold, ends, 2001)[1:]])


@cache
def _noise_by_gain(metric: str) -> Callable[[float], float]:
    noises = np.geomspace(0.2, 20, 48)
    sign = 1 if rule_of(metric).higher_is_better else -1
    gains = sign * np.array([true_value(metric, noise) - true_value(metric, CHAMPION_NOISE) for noise in noises])
    curve = PchipInterpolator(gains[::-1], noises[::-1])
    return lambda gain: float(curve(np.clip(gain, gains[-1], gains[0])))


def noise_for(metric: str, better_by: float) -> float:
    """The noise of a model that is truly better than the champion by so much; no model is worse than chance."""
    return _noise_by_gain(metric)(better_by)


def margin_of(metric: str) -> float:
    """The default margin at the champion of this world."""
    return default_margin(metric, true_value(metric, CHAMPION_NOISE))


Rule = Callable[[World, Floats, list[Floats]], bool]


def kit(world: World, labels: Floats, scores: list[Floats]) -> bool:
    """The kit's rule with its defaults."""
    found = compare(
        labels, *scores, metric=world.metric, margin=margin_of(world.metric), threshold=THRESHOLD, quantile=0.8
    )
    return found.decision is Decision.PROMOTE


def gain(world: World, labels: Floats, scores: list[Floats]) -> float:
    """By how much the challenger looks better."""
    ones = np.ones(len(labels))
    values = [linearize(world.metric, ScoredHoldout(labels, of, ones, THRESHOLD, 0.8)).value for of in scores]
    return (values[1] - values[0]) * (1 if rule_of(world.metric).higher_is_better else -1)


def strict(world: World, labels: Floats, scores: list[Floats]) -> bool:
    """Two numbers, the larger one wins."""
    return gain(world, labels, scores) > 0


def not_worse(world: World, labels: Floats, scores: list[Floats]) -> bool:
    """Two numbers with a margin: not much worse is good enough, as with MLflow's thresholds."""
    return gain(world, labels, scores) > -margin_of(world.metric)


def much_better(world: World, labels: Floats, scores: list[Floats]) -> bool:
    """Two numbers with a least improvement, as with MLflow's `min_absolute_change`."""
    return gain(world, labels, scores) > margin_of(world.metric)


RULES: dict[str, Rule] = {
    "the kit": kit,
    "strictly better": strict,
    "better by the margin": much_better,
    "not worse by the margin": not_worse,
}


def share_promoted(world: World, rule: Rule, better_by: float, retrains: int) -> float:
    """Of so many retrains whose challenger is truly better by so much, the share that a rule promotes."""
    noises = (CHAMPION_NOISE, noise_for(world.metric, better_by))
    generators = (np.random.default_rng(seed) for seed in range(retrains))
    return sum(rule(world, *world.draw(noises, rng)) for rng in generators) / retrains


def decisions(retrains: int, sizes: tuple[int, ...], metrics: Sequence[str]) -> Iterator[str]:
    """A line for each metric and size."""
    yield "| metric | rows | se / margin | worse by the margin | equal | better by two margins |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for metric in metrics:
        margin = margin_of(metric)
        for rows in sizes:
            world = World(metric, rows)
            shares = [share_promoted(world, kit, times * margin, retrains) for times in (-1, 0, 2)]
            yield (
                f"| {metric} | {rows:,} | {_error_of(world) / margin:.2f} | "
                + " | ".join(f"{share:.1%}" for share in shares)
                + " |"
            )


def _error_of(world: World) -> float:
    noises = (CHAMPION_NOISE, noise_for(world.metric, 0))
    gains = [gain(world, *world.draw(noises, np.random.default_rng(seed))) for seed in range(200)]
    return float(np.std(gains))


def peers(retrains: int, rows: int) -> Iterator[str]:
    """A line for each rule."""
    yield f"| rule (roc_auc, {rows:,} rows) | worse by the margin | equal | better by two margins |"
    yield "| --- | ---: | ---: | ---: |"
    world, margin = World("roc_auc", rows), margin_of("roc_auc")
    for name, rule in RULES.items():
        shares = [share_promoted(world, rule, times * margin, retrains) for times in (-1, 0, 2)]
        yield f"| {name} | " + " | ".join(f"{share:.1%}" for share in shares) + " |"
    shares = [_share_on_training_rows(world, times * margin, retrains) for times in (-1, 0, 2)]
    yield (
        "| strictly better, the champion scored on rows it trained on | "
        + " | ".join(f"{x:.1%}" for x in shares)
        + " |"
    )


def _share_on_training_rows(world: World, better_by: float, retrains: int) -> float:
    """The champion knows the holdout: it looks as good there as a model with a third less noise."""
    noises = (CHAMPION_NOISE / 1.5, noise_for(world.metric, better_by))
    generators = (np.random.default_rng(seed) for seed in range(retrains))
    return sum(strict(world, *world.draw(noises, rng)) for rng in generators) / retrains


def coverage(retrains: int, sizes: tuple[int, ...], metrics: Sequence[str]) -> Iterator[str]:
    """A line for each metric and size: how often a 95 % interval holds the truth."""
    yield "| metric | rows | rows alone | 10 rows an entity | uneven entities | uneven, without `groups` |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for metric in metrics:
        for rows in sizes:
            alone, grouped = World(metric, rows), World(metric, rows, per_entity=10)
            uneven = World(metric, rows, per_entity=10, is_uneven=True)
            shares = [_covered(world, retrains) for world in (alone, grouped, uneven)]
            shares.append(_covered(uneven, retrains, blind=True))
            yield f"| {metric} | {rows:,} | " + " | ".join(f"{share:.1%}" for share in shares) + " |"


def _covered(world: World, retrains: int, *, blind: bool = False) -> float:
    metric = world.metric
    noise = noise_for(metric, margin_of(metric))
    truth = margin_of(metric)
    hits = 0
    for seed in range(retrains):
        labels, scores = world.draw((CHAMPION_NOISE, noise), np.random.default_rng(seed))
        groups = None if blind else world.groups
        found = compare(
            labels, *scores, metric=metric, confidence=0.95, groups=groups, threshold=THRESHOLD, quantile=0.8
        )
        assert found.interval, found.reason
        hits += found.interval.low <= truth <= found.interval.high
    return hits / retrains


STEPS = {"a third": 1 / 3, "a tenth": 1 / 10, "a thirtieth": 1 / 30}
"""Of the margin, by which each retrain is truly worse than its champion."""


def decline(sequences: int, rows: int, retrains: int = 200) -> Iterator[str]:
    """What a chain of champions loses when each retrain is truly a little worse than its champion, in margins."""
    yield f"| rule (roc_auc, {rows:,} rows, {retrains} retrains) | each worse by | lost on average | lost at worst |"
    yield "| --- | --- | ---: | ---: |"
    world, margin = World("roc_auc", rows), margin_of("roc_auc")
    for rule in ("the kit", "the kit without an anchor", "strictly better"):
        for name, step in STEPS.items():
            lost = [_follow(world, rule, step * margin, retrains, seed) / margin for seed in range(sequences)]
            yield f"| {rule} | {name} of the margin | {np.mean(lost):.2f} | {max(lost):.2f} |"


def _follow(world: World, rule: str, step: float, retrains: int, seed: int) -> float:
    """How much worse than the first champion the last one is."""
    rng, margin = np.random.default_rng(seed), margin_of(world.metric)
    anchor = champion = 0.0
    since = 0
    for _ in range(retrains):
        challenger = champion - step
        noises = tuple(noise_for(world.metric, gain) for gain in (champion, challenger, anchor))
        labels, (ours, theirs, first) = world.draw(noises, rng)
        if rule == "strictly better":
            champion = challenger if gain(world, labels, [ours, theirs]) > 0 else champion
            continue
        anchored = {"anchor_scores": first, "since_anchor": since} if since and rule == "the kit" else {}
        found = compare(labels, ours, theirs, metric=world.metric, margin=margin, **anchored)
        if found.decision is Decision.PROMOTE:
            champion, since = challenger, since + 1
            anchor, since = (challenger, 0) if found.moves_anchor else (anchor, since)
    return -champion


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--retrains", type=int, default=1000)
    parser.add_argument("--sequences", type=int, default=20)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 4_000, 16_000])
    parser.add_argument("--tables", nargs="+", default=["decisions", "peers", "coverage", "decline"])
    parser.add_argument("--metrics", nargs="+", default=CLASSES + NUMBERS)
    options = parser.parse_args()
    sizes = tuple(options.sizes)
    tables = {
        "decisions": decisions(options.retrains, sizes, options.metrics),
        "peers": peers(options.retrains, 4_000),
        "coverage": coverage(options.retrains, sizes, options.metrics),
        "decline": decline(options.sequences, 4_000),
    }
    for name in options.tables:
        for line in tables[name]:
            print(line, flush=True)
        print(flush=True)


if __name__ == "__main__":
    main()
