"""The section `sanity` of mlkit.yaml: checks of data and scores that run without being asked for.

The limits are generous: a check is there for what is broken, not for what could be better. What each measures, and why
its limit is where it is, stands in docs/reference/sanity-checks.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from airflow_mlkit.spec.declared import shorten
from airflow_mlkit.spec.metrics import ProblemKind
from airflow_mlkit.spec.values import ColumnName, Declared, NotNegative, Whole

SanityName = Literal[
    "distinct_scores", "calibration", "label_drift", "feature_drift", "feature_presence", "leak", "row_count"
]
"""The checks, in the order in which they are told."""

OFF: Literal["off"] = "off"

_Ignored = Annotated[
    tuple[ColumnName, ...], Field(description="Columns of features() that this check does not look at.")
]


def _limit_or_off(example: str) -> WrapValidator:
    def validate(given: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        if given == OFF or isinstance(given, Mapping | Declared):
            return handler(given)
        raise PydanticCustomError(
            "mlkit", f"{shorten(given)} is neither off nor a limit; write off, {{{example}}}, or leave the key out"
        )

    return WrapValidator(validate)


class DistinctScoresCheck(Declared):
    """The scores must differ from row to row."""

    at_least: Whole = Field(2, ge=2, description="With fewer different scores in the holdout a model is held back.")


class CalibrationCheck(Declared):
    """Scores must mean what they say: of the rows scored 0.7, about 70 % turn out positive."""

    at_most: NotNegative | None = Field(
        None, description="Of the expected calibration error; of the mean error in standard deviations for a number."
    )

    def limit(self, kind: ProblemKind) -> float:
        """The declared limit, or the kind of problem's own."""
        return _CALIBRATION[kind] if self.at_most is None else self.at_most


class LabelDriftCheck(Declared):
    """The label must be spread in the holdout about as it was in training."""

    at_most: NotNegative = Field(0.5, description="Of the population stability index of the label.")


class FeatureDriftCheck(Declared):
    """Each feature must be spread in the holdout about as it was in training."""

    at_most: NotNegative = Field(1.0, description="Of the population stability index of each feature.")
    ignore: _Ignored = ()


class FeaturePresenceCheck(Declared):
    """A feature that had values in training must have them in the holdout, and the other way round."""

    at_least: Annotated[NotNegative, Field(le=1)] = Field(
        0.1, description="Of the share of rows with a value, in the holdout beside training."
    )
    ignore: _Ignored = ()


class LeakCheck(Declared):
    """No single feature may tell the label as well as the whole model does, and all but perfectly."""

    at_most: Annotated[NotNegative, Field(le=1)] | None = Field(
        None, description="Of what one feature alone reaches: ROC AUC, balanced accuracy or rank correlation."
    )
    ignore: _Ignored = ()

    def limit(self, kind: ProblemKind) -> float:
        """The declared limit, or the kind of problem's own."""
        return _LEAK[kind] if self.at_most is None else self.at_most


class RowCountCheck(Declared):
    """The training rows must not have collapsed since the champion was trained."""

    at_least: NotNegative = Field(0.5, description="Of the rows that the champion was trained on.")


class SanitySpec(Declared):
    """Checks that are on unless they are switched off, each with its limit."""

    distinct_scores: Annotated[DistinctScoresCheck | Literal["off"], _limit_or_off("at_least: 2")] = Field(
        DistinctScoresCheck(), description="A model that gives every row the same score has learned nothing."
    )
    calibration: Annotated[CalibrationCheck | Literal["off"], _limit_or_off("at_most: 0.1")] = Field(
        CalibrationCheck(), description="Scores must mean what they say."
    )
    label_drift: Annotated[LabelDriftCheck | Literal["off"], _limit_or_off("at_most: 0.25")] = Field(
        LabelDriftCheck(), description="The label of the holdout must be like that of training."
    )
    feature_drift: Annotated[FeatureDriftCheck | Literal["off"], _limit_or_off("at_most: 0.25")] = Field(
        FeatureDriftCheck(), description="The features of the holdout must be like those of training."
    )
    feature_presence: Annotated[FeaturePresenceCheck | Literal["off"], _limit_or_off("at_least: 0.5")] = Field(
        FeaturePresenceCheck(), description="A feature must not have gone missing."
    )
    leak: Annotated[LeakCheck | Literal["off"], _limit_or_off("at_most: 0.95")] = Field(
        LeakCheck(), description="No single feature may give the label away."
    )
    row_count: Annotated[RowCountCheck | Literal["off"], _limit_or_off("at_least: 0.8")] = Field(
        RowCountCheck(), description="The training rows must not have collapsed since the champion."
    )

    @property
    def switched_off(self) -> tuple[str, ...]:
        """The checks that do not run."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) == OFF)


_CALIBRATION: dict[ProblemKind, float] = {"binary": 0.25, "multiclass": 0.4, "regression": 0.5}
_LEAK: dict[ProblemKind, float] = {"binary": 0.995, "multiclass": 0.995, "regression": 0.999}
