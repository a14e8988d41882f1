"""What a team declares: mlkit.yaml as frozen pydantic models."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from airflow_mlkit.spec.metrics import METRICS, metrics_of
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.values import ColumnName, ColumnType, Declared, Duration, Fraction, Name, Scalar, StepName, Text


def _tag_by_key(*keys: str) -> Any:
    """A discriminator that looks which of the keys is there; the first one stands in for none."""

    def tag(value: Any) -> str:
        given = value if isinstance(value, dict) else getattr(value, "__dict__", {})
        return next((key for key in keys if key in given), keys[0])

    return Discriminator(tag)


class PathSource(Declared):
    """Files: one csv or parquet file, a folder or a glob of them; local, `gs://` or `s3://`."""

    path: Text
    format: Literal["csv", "parquet"] | None = Field(None, description="Only where the file's name does not say it.")
    delimiter: Text | None = Field(None, description="Of a csv; found out when it is not given.")
    encoding: Text | None = Field(None, description="Of a csv; found out when it is not given.")
    columns: tuple[ColumnName, ...] | None = Field(None, description="Names for a csv that has no header row.")


class SqlSource(Declared):
    """A query file, run over a connection. `:as_of` in it is bound to the run's as_of."""

    sql: Text = Field(description="Path of the query file, inside the project.")
    connection: Name = Field(description="An Airflow connection's id, or AIRFLOW_CONN_<ID> in the environment.")


class BigQuerySource(Declared):
    """A query file for BigQuery. Its place is kept here; no step reads it yet."""

    bigquery: Text = Field(description="Path of the query file, inside the project.")
    project: Text | None = None
    location: Text | None = None


Source = Annotated[
    Annotated[PathSource, Tag("path")] | Annotated[SqlSource, Tag("sql")] | Annotated[BigQuerySource, Tag("bigquery")],
    _tag_by_key("path", "sql", "bigquery"),
]


class ValueFilter(Declared):
    """Keeps the rows whose column compares with one value. A missing value compares with nothing."""

    feature: ColumnName
    predicate: Literal["Eq", "NotEq", "Gt", "GtEq", "Lt", "LtEq"]
    value: Scalar | date


class ListFilter(Declared):
    """Keeps the rows whose column is in a list, or is not."""

    feature: ColumnName
    predicate: Literal["IsIn", "NotIn"]
    values: tuple[Scalar | date, ...] = Field(min_length=1)


class NullFilter(Declared):
    """Keeps the rows whose column is missing, or is there."""

    feature: ColumnName
    predicate: Literal["IsNull", "NotNull"]


Filter = Annotated[ValueFilter | ListFilter | NullFilter, Discriminator("predicate")]


class DateRangeHoldout(Declared):
    """Holds out the newest matured rows: a fixed range of dates, or the `last` stretch, which rolls.

    `start` is inside the range, `end` is not.
    """

    sampling: Literal["date_range"]
    start: date | None = None
    end: date | None = None
    last: Duration | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        fixed = self.start is not None and self.end is not None
        if fixed == (self.last is not None) or (self.last and (self.start or self.end)):
            raise ValueError("give either start and end, or last (such as last: 30d)")
        if self.start and self.end and self.start >= self.end:
            raise ValueError(f"start {self.start} is not before end {self.end}")
        return self


class HashHoldout(Declared):
    """Holds out a share of the entities, decided for ever by the hash of a key.

    Without a key, all declared source columns together are the key, so that duplicates stay together.
    """

    sampling: Literal["hash"]
    key: ColumnName | tuple[ColumnName, ...] | None = None
    fraction: Fraction = 0.2
    salt: str = ""

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns of the key; empty when none is declared."""
        return (self.key,) if isinstance(self.key, str) else self.key or ()


Holdout = Annotated[DateRangeHoldout | HashHoldout, Discriminator("sampling")]


class DataSpec(Declared):
    """Where the rows come from, which columns are used, and which rows are held out."""

    source: Source
    date_column: ColumnName | None = None
    features: tuple[ColumnName, ...] = Field(min_length=1)
    label: ColumnName
    types: dict[ColumnName, ColumnType] = Field(
        default_factory=dict, description="What a column must hold; others are taken as the source gives them."
    )
    label_matures_after: Duration | None = None
    fresh_within: Duration | None = None
    filters: tuple[Filter, ...] = ()
    holdout: Holdout

    @field_validator("features")
    @classmethod
    def _no_feature_twice(cls, features: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in features if features.count(name) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}")
        return features

    @model_validator(mode="after")
    def _label_is_no_feature(self) -> Self:
        if self.label in self.features:
            raise ValueError(f"the label {self.label!r} is also listed under features; take it out there")
        return self

    @model_validator(mode="after")
    def _dates_need_a_column(self) -> Self:
        wanting = [key for key in ("label_matures_after", "fresh_within") if getattr(self, key) is not None]
        if self.holdout.sampling == "date_range":
            wanting.append("holdout.sampling: date_range")
        if wanting and self.date_column is None:
            raise ValueError(f"{wanting[0]} needs data.date_column; name the column that holds each row's date")
        return self


class ValidateSpec(Declared):
    """Which Great Expectations suite the raw rows must meet before anything is trained."""

    suite: Text


class BinaryProblem(Declared):
    """Two classes. `positive` is the label's value that the scores are the probability of."""

    kind: Literal["binary"]
    positive: Scalar


class MulticlassProblem(Declared):
    """Three classes or more."""

    kind: Literal["multiclass"]


class RegressionProblem(Declared):
    """A number."""

    kind: Literal["regression"]


Problem = Annotated[BinaryProblem | MulticlassProblem | RegressionProblem, Discriminator("kind")]


class Schedule(Declared):
    """When a Dag starts: by the clock, when assets were updated, or either of them."""

    cron: Text | None = None
    assets: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.cron and not self.assets:
            raise ValueError('give cron (such as cron: "@weekly"), assets, or both')
        return self


class TrainSpec(Declared):
    """How the model is trained, when, and on what size of machine."""

    schedule: Schedule | None = None
    workflow: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] = Field(
        description="Where the workflow class stands, as package.module:ClassName."
    )
    params: dict[str, Any] = Field(default_factory=dict, description="Handed to the workflow as self.params.")
    size: Name = "cpu-small"
    sizes: dict[StepName, Name] = Field(default_factory=dict, description="For single steps.")
    seed: int = Field(0, ge=0, lt=2**32)
    threads: int = Field(2, ge=1, le=256, description="Part of the model's identity, so it does not follow the size.")
    min_examples: int = Field(500, ge=1)
    trusted_types: tuple[Text, ...] = Field((), description="Own classes inside a scikit-learn pipeline, by full name.")


class EvaluateSpec(Declared):
    """What the evaluation looks at beside the whole holdout."""

    slices: tuple[ColumnName, ...] = ()
    groups: ColumnName | None = Field(None, description="Rows with the same value belong to one entity.")
    threshold: Fraction = Field(0.5, description="From which score on a binary row counts as positive.")


class MetricGate(Declared):
    """An absolute limit on one metric of the holdout."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _a_limit(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most, or against: champion")
        return self


class ChampionGate(Declared):
    """The challenger must be better than the champion on the same holdout rows."""

    metric: str
    against: Literal["champion"]
    margin: float | None = Field(None, ge=0)
    confidence: float | None = Field(None, gt=0.5, lt=1)


class RowsGate(Declared):
    """The holdout must have a number of rows."""

    rows: Literal["holdout"]
    at_least: int = Field(ge=1)


Gate = Annotated[
    Annotated[MetricGate, Tag("metric")] | Annotated[ChampionGate, Tag("against")] | Annotated[RowsGate, Tag("rows")],
    _tag_by_key("against", "rows", "metric"),
]


class AutomaticPromotion(Declared):
    """A challenger that passes its gates becomes the champion at once."""

    approval: Literal["none"] = "none"


class PersonalPromotion(Declared):
    """A person has the last word."""

    approval: Literal["person"]
    ask: tuple[Text, ...] = Field(min_length=1, description="Users or roles of Airflow who may answer.")
    within: Duration = Field(description="Afterwards the challenger is held back.")


Promotion = Annotated[AutomaticPromotion | PersonalPromotion, Discriminator("approval")]


class PredictOutput(Declared):
    """Where scores go: parquet, partitioned by date. `key` names the columns that tell rows apart."""

    path: Text
    key: ColumnName | tuple[ColumnName, ...] | None = None

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns of the key; empty when none is declared."""
        return (self.key,) if isinstance(self.key, str) else self.key or ()


class PredictSpec(Declared):
    """Scoring in batches: which rows, when, and where the scores go."""

    schedule: Schedule | None = None
    source: Source
    output: PredictOutput


class StepsSpec(Declared):
    """How the project's steps are started."""

    python: Text | None = Field(None, description="The project's own Python; its .venv when that is there.")


class Retention(Declared):
    """How long run directories and snapshots are kept by `mlkit clean`."""

    runs: Duration | None = None
    snapshots: Duration | None = None


class PipelineSpec(Declared):
    """One project's mlkit.yaml."""

    apiVersion: Literal["mlkit/v1"]
    name: Name
    owner: Text
    description: str = ""
    pattern: Literal["batch", "live"]
    data: DataSpec
    validation: ValidateSpec = Field(alias="validate")
    problem: Problem
    train: TrainSpec
    evaluate: EvaluateSpec = EvaluateSpec()
    gates: tuple[Gate, ...] = Field(min_length=1)
    promote: Promotion = AutomaticPromotion()
    predict: PredictSpec | None = None
    steps: StepsSpec = StepsSpec()
    retention: Retention = Retention()

    @field_validator("promote", mode="before")
    @classmethod
    def _no_approval_unless_said(cls, value: Any) -> Any:
        return {"approval": "none"} if value == {} else value

    @model_validator(mode="after")
    def _metrics_fit_the_problem(self) -> Self:
        for gate in self.gates:
            if not isinstance(gate, RowsGate):
                _check_metric(gate.metric, self.problem.kind)
        return self

    @model_validator(mode="after")
    def _live_models_do_not_score_in_batches(self) -> Self:
        if self.pattern == "live" and self.predict is not None:
            raise ValueError("predict belongs to pattern: batch; take it out, or write pattern: batch")
        return self

    @property
    def package(self) -> str:
        """The top-level Python package (or module) in which the workflow stands."""
        return self.train.workflow.partition(":")[0].partition(".")[0]


def _check_metric(name: str, kind: str) -> None:
    if name not in METRICS:
        raise ValueError(f"gates: unknown metric {name!r}{did_you_mean(name, metrics_of(kind))}")
    if kind not in METRICS[name].kinds:
        raise ValueError(f"gates: {name} is not defined for a {kind} problem; take one of {', '.join(metrics_of(kind))}")
