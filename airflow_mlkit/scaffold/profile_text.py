"""A profile as the template writes it down: pieces of YAML, and the reasons that stand beside them."""

from __future__ import annotations

from typing import Any

from airflow_mlkit.data.profile import DataProfile
from airflow_mlkit.scaffold import recommendation
from airflow_mlkit.scaffold.yaml_text import comment, flow, scalar, wrapped

_REFUSED_BY_XGBOOST = set("[]<")
"""Characters that no name of a column may have; features() then gives it others, so that training does not stop."""


def profile_text(profile: DataProfile, *, columns: tuple[str, ...] = (), gpu: bool = False) -> dict[str, Any]:
    """The template's variable `profile`: only texts and lists of texts, because cookiecutter knows nothing else.

    Args:
        profile: what was found.
        columns: the names that were given to a file without a header row.
        gpu: whether to train on one.
    """
    holdout = profile.holdout.holdout.model_dump(exclude_none=True)  # durations as text, dates as dates
    found = {
        "kind": profile.label.kind,
        "columns": wrapped(columns) if columns else [],
        "date_column": scalar(profile.holdout.date_column) if profile.holdout.date_column else "",
        "features": wrapped(profile.features),
        "left_out": _left_out(profile),
        "types": _types(profile),
        "holdout": flow(holdout),
        "holdout_why": comment(profile.holdout.reason, width=200)[0],
        "problem": flow({"kind": profile.label.kind, "positive": profile.label.positive}),
        "problem_why": comment(f"{profile.label.name} {profile.label.reason}", width=200)[0],
        "size": recommendation.size(profile, gpu=gpu),
        "min_examples": str(recommendation.min_examples(profile)),
        "gates": _gates(profile),
        "key": scalar(profile.key) if profile.key else "",
        "refused_names": "yes" if any(set(name) & _REFUSED_BY_XGBOOST for name in profile.features) else "",
    }
    return {name: value for name, value in found.items() if value}


def _left_out(profile: DataProfile) -> list[str]:
    return [line for name, reason in profile.left_out.items() for line in comment(f"{name}: {reason}")]


def _types(profile: DataProfile) -> list[str]:
    """What each used column must hold, as the lines of a flow mapping."""
    used = [*profile.features, *([profile.label.name] if profile.label.kind == "regression" else [])]
    if profile.holdout.date_column:
        used.append(profile.holdout.date_column)
    return wrapped([(name, profile.columns[name].type) for name in used])


def _gates(profile: DataProfile) -> list[dict[str, str]]:
    absolute, why = recommendation.absolute_gate(profile)
    metric = recommendation.MAIN_METRIC[profile.label.kind]
    rows = {"rows": "holdout", "at_least": recommendation.min_holdout_rows(profile)}
    return [
        {"gate": flow(absolute), "why": why},
        {
            "gate": flow({"metric": metric, "against": "champion"}),
            "why": "better than the one in use, on the same rows",
        },
        {"gate": flow(rows), "why": "fewer rows prove nothing"},
    ]
