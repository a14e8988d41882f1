"""What a model uses a column for."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_mlkit.registry.lineage import ModelNode
from airflow_mlkit.rundir.records import Record

FEATURE, MADE, INPUT, LABEL = "feature", "made feature", "input of features()", "label"


class ColumnUse(Record):
    """One model that uses a column.

    Attributes:
        roles: what for: `feature`, `made feature` (features() makes it), `input of features()` (the model does not get
            it), `label`, `date`, `holdout key`, `filter`, `group`, `slice`, `cost` or `score key`.
        sentence: the same for people.
    """

    model: ModelNode
    column: str
    roles: tuple[str, ...]
    sentence: str


_ROLES = {
    FEATURE: "looks at it",
    MADE: "looks at it; its features() makes it",
    INPUT: "gives it to features()",
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
        ColumnUse(model=model, column=column, roles=roles, sentence=_tell(model, roles))
        for model, roles in found
        if roles
    ]


def _find_roles(model: ModelNode, column: str) -> tuple[str, ...]:
    facts = model.facts
    own = {
        FEATURE: [name for name in facts.features if name in facts.seen],
        INPUT: [name for name in facts.features if name not in facts.seen],
        MADE: [name for name in facts.seen if name not in facts.features],
        LABEL: (facts.label,),
        **facts.roles,
    }
    return tuple(role for role, columns in own.items() if column in columns)


def _tell(model: ModelNode, roles: tuple[str, ...]) -> str:
    said = " and ".join(_ROLES.get(role, f"uses it as {role}") for role in roles)
    return f"{model.title} {said}.{_tell_features(model, roles)}"


def _tell_features(model: ModelNode, roles: tuple[str, ...]) -> str:
    """What features() does with the column, as far as the registry knows: what it is given and what it returns."""
    facts = model.facts
    if MADE in roles:
        return f" It is made of {_listed(facts.features)}; from which of them is not recorded."
    hidden = " The model does not see it." if INPUT in roles else ""
    made = [name for name in facts.seen if name not in facts.features]
    if not made or not {FEATURE, INPUT}.intersection(roles):
        return hidden
    return (
        f"{hidden} features() makes {_listed(made)} of {_listed(facts.features)}; from which of them is not recorded."
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
