"""How a version of a model looks in a terminal: what it is, what it was made from, and who let it through."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_mlkit.cli.console import out, print_hanging

if TYPE_CHECKING:
    from airflow_mlkit.cost.report import Cost
    from airflow_mlkit.registry.catalogue import VersionDetails
    from airflow_mlkit.registry.champion_entry import ChampionEntry
    from airflow_mlkit.registry.version_facts import GateFact, VersionFacts

MAX_NAMES = 12
"""Of a long list so many are shown; --json prints all."""

_NAME, _METRIC = 13, 24
"""Characters of a name: a hash behind it ends where a terminal of 80 columns does."""

Rows = Iterator[tuple[str, str]]


def print_version(found: VersionDetails) -> None:
    """All that is known of a version, in sections."""
    facts = found.facts
    print_plain(f"{found.model_name} version {found.model_version}: {found.status}")
    if not facts.model_id:
        print_plain("  It was not made by mlkit: MLflow knows its files and nothing of where they come from.")
    _print_section("", _align(_describe_model(found)))
    _print_section("data", _align(_describe_data(facts)))
    _print_section("code and libraries", _align(_describe_code(facts)))
    metrics = ((name, f"{value:.6g}") for name, value in found.metrics.items() if value is not None)
    _print_section("metrics", _align(metrics, _METRIC))
    _print_section("gates", [("", text) for text in found.gates or map(_describe_gate, facts.gates)])
    _print_section("champion log", map(_describe_entry, found.entries))


def name_some(names: tuple[str, ...]) -> str:
    """A list of names; of a long one the beginning, how many more there are, and what prints them."""
    shown = ", ".join(names[:MAX_NAMES])
    return f"{shown} and {len(names) - MAX_NAMES:,} more (--json)" if len(names) > MAX_NAMES else shown


def describe_cost(cost: Cost) -> str:
    """What a version has cost on one line, such as `0.05 EUR: 0.43 CPU hours, 0.86 GiB hours in 7 tries`."""
    money = " and ".join(f"{amount:.3g} {currency}".rstrip() for currency, amount in cost.money.items())
    gpu = f", {cost.gpu_hours:.3g} GPU hours" if cost.gpu_hours else ""
    hours = f"{cost.cpu_hours:.3g} CPU hours, {cost.gib_hours:.3g} GiB hours{gpu} in {cost.tries:,} tries"
    return f"{money}: {hours}" if money else hours


def print_plain(text: str) -> None:
    """A line as it is: nothing in it is markup."""
    out.print(text, markup=False)


def _describe_model(found: VersionDetails) -> Rows:
    facts = found.facts
    yield "model id", found.model_id
    yield "as of", str(found.as_of or "")
    yield "pattern", facts.pattern or ""
    yield "owner", facts.owner or ""
    yield "triggered by", facts.triggered_by or ""
    yield "approved by", facts.approved_by or ""
    yield "cost", describe_cost(facts.cost) if facts.cost else ""
    yield "adopted from", facts.adopted_from or ""
    yield "run", " in ".join(filter(None, (facts.run_id, facts.environment)))
    yield "run dir", found.run_dir
    yield "files", found.artifact


def _describe_data(facts: VersionFacts) -> Rows:
    yield "source", _pairs(facts.source)
    yield "snapshot", facts.data_hash or ""
    yield "holdout", facts.holdout_hash or ""
    yield "features", name_some(facts.features)
    yield "model gets", name_some(facts.model_features)
    yield "label", facts.label or ""


def _describe_code(facts: VersionFacts) -> Rows:
    dirty = {True: "", False: ", and files that were changed since", None: ""}[facts.git_clean]
    yield "commit", f"{facts.git_commit}{dirty}" if facts.git_commit else ""
    yield "image", facts.image or ""
    yield "code", facts.code_hash or ""
    yield "spec", facts.spec_hash or ""
    yield "run changed", _pairs(facts.parameters.model_dump(mode="json", exclude_defaults=True))
    yield "params", _pairs(facts.params)
    yield "seed, threads", ", ".join(str(one) for one in (facts.seed, facts.threads) if one is not None)
    yield (
        "adopted with" if facts.adopted_from else "libraries",
        ", ".join(f"{name} {number}" for name, number in facts.libraries.items()),
    )
    yield "trained on", ", ".join(filter(None, (facts.platform, facts.device)))


def _describe_gate(gate: GateFact) -> str:
    numbers = (("", gate.value), ("champion ", gate.champion), ("limit ", gate.limit))
    told = ", ".join(f"{name}{value:.6g}" for name, value in numbers if value is not None)
    return f"{'passed' if gate.passed else 'FAILED'}: {gate.gate} ({told})"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {_text(value)}" for name, value in values.items())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _describe_entry(entry: ChampionEntry) -> tuple[str, str]:
    head = f"{entry.n}  {entry.promoted_at:%Y-%m-%d %H:%M}  "
    return head, f"{entry.action} by {entry.promoted_by}: {entry.reason}"


def _align(rows: Iterable[tuple[str, str]], width: int = _NAME) -> Rows:
    return ((f"{name:<{width}} ", value) for name, value in rows if value)


def _print_section(title: str, rows: Iterable[tuple[str, str]]) -> None:
    told = list(rows)
    if told and title:
        print_plain(title)
    for head, text in told:
        print_hanging(text, head=f"  {head}")
