"""What a model uses a column for."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_mlkit.registry.lineage import ModelNode
from airflow_mlkit.rundir.records import Record

FEATURE, MADE, LABEL = "feature", "made feature", "label"


class ColumnUse(Record):
    """One model that uses a column.

    Attributes:
        roles: what for: `feature`, `made feature` (features() makes it), `label`, `date`, `holdout key`, `filter`,
            `group`, `slice`, `cost` or `score key`.
        sentence: the same for people.
    """

    model: ModelNode
    column: str
    roles: tuple[str, ...]
    sentence: str


_ROLES = {
    FEATURE: "looks at it",
    MADE: "looks at it; its features() makes it",
    LABEL: "learns to tell it",
    "date": "dates its rows by it",
    "holdout key": "decides by it which rows are held out",
    "filter": "chooses by it which rows it learns from",
    "group": "takes rows with the same value in it for one entity",
    "slice": "is looked at separately for its values",
    "cost": "counts the cost of wrong answers with it",
    "score key": "keeps it beside the scores",
}


def find_uses(models: Iterable[ModelNode], column: str) -> list[ColumnUse]:
    """The models that use a column, in their order."""
    found = ((model, _find_roles(model, column)) for model in models)
    return [
        ColumnUse(model=model, column=column, roles=roles, sentence=_tell(model, column, roles))
        for model, roles in found
        if roles
    ]


def _find_roles(model: ModelNode, column: str) -> tuple[str, ...]:
    facts = model.facts
    own = {FEATURE: facts.features, LABEL: (facts.label,), **facts.roles}
    roles = [role for role, columns in own.items() if column in columns]
    if column in facts.model_features and column not in facts.features:
        roles.append(MADE)
    return tuple(roles)


def _tell(model: ModelNode, column: str, roles: tuple[str, ...]) -> str:
    said = " and ".join(_ROLES.get(role, f"uses it as {role}") for role in roles)
    return f"{model.title} {said}.{_tell_features(model, column, roles)}"


def _tell_features(model: ModelNode, column: str, roles: tuple[str, ...]) -> str:
    """What features() does with the column, as far as the registry knows: what it is given and what it returns."""
    facts = model.facts
    if MADE in roles:
        return f" It is made of {_listed(facts.features)}; from which of them is not recorded."
    if FEATURE not in roles or not facts.model_features:
        return ""
    made = [name for name in facts.model_features if name not in facts.features]
    kept = "" if column in facts.model_features else " The model does not see it as it is."
    if not made:
        return kept
    return f"{kept} features() makes {_listed(made)} of {_listed(facts.features)}; from which of them is not recorded."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
