"""What a team declares: mlkit.yaml as frozen pydantic models."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from airflow_mlkit.spec.declared import chosen_by_key, chosen_by_value, one_or_many, problem_at
from airflow_mlkit.spec.metrics import METRICS, metrics_of
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.values import (
    ClassPath,
    ColumnName,
    ColumnType,
    Confidence,
    ConnectionId,
    Cron,
    Declared,
    Duration,
    Fraction,
    Name,
    NotNegative,
    Number,
    Params,
    Prose,
    Scalar,
    StepName,
    Text,
    Value,
    Whole,
)

Key = Annotated[ColumnName | tuple[ColumnName, ...], one_or_many(ColumnName)]
"""A column, or several that are a key together."""


class PathSource(Declared):
    """Files: one csv or parquet file, a folder or a glob of them; local, `gs://` or `s3://`."""

    path: Text = Field(description="A file, a folder or a glob; local, gs:// or s3://. From the project's folder.")
    format: Literal["csv", "parquet"] | None = Field(None, description="Only where the file's name does not say it.")
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        None, description="Of a csv: one character, found out when it is not given."
    )
    encoding: Text | None = Field(None, description="Of a csv; found out when it is not given.")
    columns: tuple[ColumnName, ...] | None = Field(
        None, min_length=1, description="Names for a csv that has no header row."
    )


class SqlSource(Declared):
    """A query file, run over a connection. `:as_of` in it is bound to the run's as_of."""

    sql: Text = Field(
        description="The query file, from the project's folder. :as_of in it is bound to the run's as_of."
    )
    connection: ConnectionId = Field(
        description="An Airflow connection's id, or the <ID> of AIRFLOW_CONN_<ID> in the environment."
    )


class BigQuerySource(Declared):
    """A query file for BigQuery. Its place is kept here; no step reads it yet."""

    bigquery: Text = Field(description="The query file, from the project's folder.")
    project: Text | None = Field(None, description="The Google Cloud project that pays for the query.")
    location: Text | None = Field(None, description="Where the data lies, such as EU.")


Source = Annotated[
    PathSource | SqlSource | BigQuerySource,
    chosen_by_key(path=PathSource, sql=SqlSource, bigquery=BigQuerySource),
]


class ValueFilter(Declared):
    """Keeps the rows whose column compares with one value. A missing value compares with nothing."""

    feature: ColumnName = Field(description="The column.")
    predicate: Literal["Eq", "NotEq", "Gt", "GtEq", "Lt", "LtEq"] = Field(description="How it is compared.")
    value: Value = Field(description="What it is compared with.")


class ListFilter(Declared):
    """Keeps the rows whose column is in a list, or is not."""

    feature: ColumnName = Field(description="The column.")
    predicate: Literal["IsIn", "NotIn"] = Field(description="Whether it must be in the list, or must not.")
    values: tuple[Value, ...] = Field(min_length=1, description="The list.")


class NullFilter(Declared):
    """Keeps the rows whose column is missing, or is there."""

    feature: ColumnName = Field(description="The column.")
    predicate: Literal["IsNull", "NotNull"] = Field(description="Whether it must be missing, or must be there.")


Filter = Annotated[
    ValueFilter | ListFilter | NullFilter,
    chosen_by_value(
        "predicate",
        **dict.fromkeys(("Eq", "NotEq", "Gt", "GtEq", "Lt", "LtEq"), ValueFilter),
        **dict.fromkeys(("IsIn", "NotIn"), ListFilter),
        **dict.fromkeys(("IsNull", "NotNull"), NullFilter),
    ),
]


class DateRangeHoldout(Declared):
    """Holds out the newest matured rows: a fixed range of dates, or the `last` stretch, which rolls."""

    sampling: Literal["date_range"] = Field(description="By date: needs data.date_column.")
    start: date | None = Field(None, description="The first day that is held out.")
    end: date | None = Field(None, description="The first day after the holdout.")
    last: Duration | None = Field(None, description="Instead of start and end: the newest stretch, which rolls.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        fixed = self.start is not None and self.end is not None
        if fixed == (self.last is not None) or (self.last and (self.start or self.end)):
            raise ValueError("give either start and end, or last (such as last: 30d)")
        if self.start and self.end and self.start >= self.end:
            raise problem_at((("start",), f"{self.start} is not before end, {self.end}"))
        if self.last is not None and not self.last:
            raise problem_at((("last",), "holds nothing out; write a longer stretch, such as 30d"))
        return self


class HashHoldout(Declared):
    """Holds out a share of the entities, decided for ever by the hash of a key.

    Without a key, all declared source columns together are the key, so that duplicates stay together.
    """

    sampling: Literal["hash"] = Field(description="By the hash of a key.")
    key: Key | None = Field(
        None, description="The column, or the columns, of the key; all used columns when not given."
    )
    fraction: Fraction = Field(0.2, description="The share of the keys that is held out.")
    salt: Prose = Field("", description="Another salt holds out other keys.")

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns of the key; empty when none is declared."""
        return (self.key,) if isinstance(self.key, str) else self.key or ()


Holdout = Annotated[
    DateRangeHoldout | HashHoldout, chosen_by_value("sampling", date_range=DateRangeHoldout, hash=HashHoldout)
]


class DataSpec(Declared):
    """Where the rows come from, which columns are used, and which rows are held out."""

    source: Source = Field(description="Files (path) or a query (sql with connection).")
    date_column: ColumnName | None = Field(None, description="The column that holds each row's date.")
    features: tuple[ColumnName, ...] = Field(min_length=1, description="The columns that the model may look at.")
    label: ColumnName = Field(description="The column that the model learns to tell.")
    types: dict[ColumnName, ColumnType] = Field(
        default_factory=dict, description="What a column must hold; others are taken as the source gives them."
    )
    label_matures_after: Duration | None = Field(
        None, description="Younger rows are neither trained on nor held out: their label is not settled yet."
    )
    fresh_within: Duration | None = Field(
        None, description="Where the newest row is older than this, the run stops: the data did not arrive."
    )
    filters: tuple[Filter, ...] = Field((), description="Only rows that pass all of them are used.")
    holdout: Holdout = Field(description="Which rows the model is judged on and never learns from.")

    @field_validator("features")
    @classmethod
    def _no_feature_twice(cls, features: tuple[str, ...]) -> tuple[str, ...]:
        twice = [index for index, name in enumerate(features) if name in features[:index]]
        if twice:
            raise problem_at(*(((index,), f"{features[index]!r} stands here twice; keep one") for index in twice))
        return features

    @model_validator(mode="after")
    def _label_is_no_feature(self) -> Self:
        if self.label in self.features:
            place = ("features", self.features.index(self.label))
            raise problem_at(
                (place, f"{self.label!r} is the label; a model that sees it learns nothing. Take it out here")
            )
        return self

    @model_validator(mode="after")
    def _dates_need_a_column(self) -> Self:
        wanting = [key for key in ("label_matures_after", "fresh_within") if getattr(self, key) is not None]
        if self.holdout.sampling == "date_range":
            wanting.append("holdout")
        if wanting and self.date_column is None:
            said = "needs data.date_column; name the column that holds each row's date"
            raise problem_at(*(((key,), said) for key in wanting))
        return self


class ValidateSpec(Declared):
    """Which Great Expectations suite the raw rows must meet before anything is trained."""

    suite: Text = Field(description="The suite's JSON file, from the project's folder.")


class BinaryProblem(Declared):
    """Two classes. `positive` is the label's value that the scores are the probability of."""

    kind: Literal["binary"] = Field(description="Two classes.")
    positive: Annotated[Scalar, Field(union_mode="smart")] = Field(
        description="The label's value that the scores are the probability of."
    )

    @field_validator("positive", mode="before")
    @classmethod
    def _one_value(cls, given: Any) -> Any:
        if not isinstance(given, bool | int | float | str):
            raise ValueError(
                f"{given} is no value of a label; write it as the data has it, in quotes where it is a text"
            )
        return given


class MulticlassProblem(Declared):
    """Three classes or more."""

    kind: Literal["multiclass"] = Field(description="Three classes or more.")


class RegressionProblem(Declared):
    """A number."""

    kind: Literal["regression"] = Field(description="A number.")


Problem = Annotated[
    BinaryProblem | MulticlassProblem | RegressionProblem,
    chosen_by_value("kind", binary=BinaryProblem, multiclass=MulticlassProblem, regression=RegressionProblem),
]


class Schedule(Declared):
    """When a Dag starts: by the clock, when assets were updated, or either of them."""

    cron: Cron | None = Field(None, description='"@weekly" and the like, or five fields such as "0 6 * * 1". In UTC.')
    assets: tuple[Text, ...] = Field((), description="Assets of Airflow; the Dag starts when all of them were updated.")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.cron and not self.assets:
            raise ValueError('give cron (such as cron: "@weekly"), assets, or both')
        return self


class TrainSpec(Declared):
    """How the model is trained, when, and on what size of machine."""

    schedule: Schedule | None = Field(None, description="When it is trained again; by hand only, when not given.")
    workflow: ClassPath = Field(description="Where the workflow class stands, as package.module:ClassName.")
    params: Params = Field(default_factory=dict, description="Handed to the workflow as self.params.")
    size: Name = Field("cpu-small", description="The size of every step, by its name in platform.yaml.")
    sizes: dict[StepName, Name] = Field(default_factory=dict, description="Other sizes for single steps.")
    seed: Whole = Field(0, ge=0, lt=2**32, description="Where random numbers start.")
    threads: Whole = Field(
        2,
        ge=1,
        le=256,
        description="Threads of the training; part of the model's identity, so they do not follow the size.",
    )
    min_examples: Whole = Field(500, ge=1, description="With fewer training rows nothing is trained.")
    trusted_types: tuple[Text, ...] = Field(
        (), description="The project's own classes inside a scikit-learn pipeline, by their full names."
    )


class EvaluateSpec(Declared):
    """What the evaluation looks at beside the whole holdout."""

    slices: tuple[ColumnName, ...] = Field((), description="Columns; the metrics are given for each of their values.")
    groups: ColumnName | None = Field(None, description="Rows with the same value in it belong to one entity.")
    threshold: Fraction = Field(0.5, description="From which score on a binary row counts as positive.")


class _MetricOfGate(Declared):
    metric: str = Field(
        description="A metric that is defined for the problem.", json_schema_extra={"enum": list(METRICS)}
    )

    @field_validator("metric")
    @classmethod
    def _known(cls, metric: str) -> str:
        if metric not in METRICS:
            raise ValueError(f"unknown metric {metric!r}{did_you_mean(metric, METRICS)}")
        return metric


class MetricGate(_MetricOfGate):
    """An absolute limit on one metric of the holdout."""

    at_least: Number | None = Field(None, description="Below it the model is held back.")
    at_most: Number | None = Field(None, description="Above it the model is held back.")

    @model_validator(mode="after")
    def _a_limit(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most, or against: champion")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise problem_at((("at_least",), f"{self.at_least} is above at_most, {self.at_most}; nothing could pass"))
        return self


class ChampionGate(_MetricOfGate):
    """The challenger must be better than the champion on the same holdout rows."""

    against: Literal["champion"] = Field(description="The model that is in use now.")
    margin: NotNegative | None = Field(None, description="By how much it must be better at least.")
    confidence: Confidence | None = Field(None, description="How sure that must be, such as 0.95.")


class RowsGate(Declared):
    """The holdout must have a number of rows."""

    rows: Literal["holdout"] = Field(description="Which rows are counted.")
    at_least: Whole = Field(ge=1, description="With fewer the model is held back.")


Gate = Annotated[
    MetricGate | ChampionGate | RowsGate, chosen_by_key(against=ChampionGate, rows=RowsGate, metric=MetricGate)
]


class AutomaticPromotion(Declared):
    """A challenger that passes its gates becomes the champion at once."""

    approval: Literal["none"] = Field("none", description="Nobody is asked.")


class PersonalPromotion(Declared):
    """A person has the last word."""

    approval: Literal["person"] = Field(description="A person is asked.")
    ask: tuple[Text, ...] = Field(min_length=1, description="Users or roles of Airflow who may answer.")
    within: Duration = Field(description="How long the answer is waited for; afterwards the challenger is held back.")


Promotion = Annotated[
    AutomaticPromotion | PersonalPromotion,
    chosen_by_value("approval", default="none", none=AutomaticPromotion, person=PersonalPromotion),
]


class PredictOutput(Declared):
    """Where scores go: parquet, partitioned by date. `key` names the columns that tell rows apart."""

    path: Text = Field(description="A folder; local, gs:// or s3://. From the project's folder.")
    key: Key | None = Field(
        None, description="The column, or the columns, that tell rows apart; kept beside the scores."
    )

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns of the key; empty when none is declared."""
        return (self.key,) if isinstance(self.key, str) else self.key or ()


class PredictSpec(Declared):
    """Scoring in batches: which rows, when, and where the scores go."""

    schedule: Schedule | None = Field(None, description="When it scores; by hand only, when not given.")
    source: Source = Field(description="The rows to score: files (path) or a query (sql with connection).")
    output: PredictOutput = Field(description="Where the scores go.")


class StepsSpec(Declared):
    """How the project's steps are started."""

    python: Text | None = Field(None, description="The project's own Python; .venv/bin/python when that is there.")


class Retention(Declared):
    """How long run directories and snapshots are kept by `mlkit clean`."""

    runs: Duration | None = Field(None, description="Older run directories are removed; kept for ever when not given.")
    snapshots: Duration | None = Field(None, description="Older snapshots are removed, while the rest of a run stays.")


class PipelineSpec(Declared):
    """One project's mlkit.yaml."""

    apiVersion: Literal["mlkit/v1"] = Field(description="The version of this file's form: mlkit/v1")  # noqa: N815
    name: Name = Field(description="Lower case letters, digits and single hyphens, such as card-fraud.")
    owner: Text = Field(description="Who answers for it: a mail address or a team.")
    description: Prose = Field("", description="What the model does, in a sentence.")
    pattern: Literal["batch", "live"] = Field(description="batch scores on a schedule, live answers requests.")
    data: DataSpec = Field(description="Where the rows come from, which columns are used, which rows are held out.")
    validation: ValidateSpec = Field(
        alias="validate", description="What the data must meet before anything is trained."
    )
    problem: Problem = Field(description="What is told: kind is binary, multiclass or regression.")
    train: TrainSpec = Field(description="How the model is trained, when, and on what size.")
    evaluate: EvaluateSpec = Field(EvaluateSpec(), description="What the evaluation looks at.")
    gates: tuple[Gate, ...] = Field(min_length=1, description="A model that misses one of them is held back.")
    promote: Promotion = Field(AutomaticPromotion(), description="Who has the last word.")
    predict: PredictSpec | None = Field(None, description="Scoring in batches, for pattern: batch.")
    steps: StepsSpec = Field(StepsSpec(), description="How the steps are started.")
    retention: Retention = Field(Retention(), description="How long runs are kept.")

    @model_validator(mode="after")
    def _metrics_fit_the_problem(self) -> Self:
        kind = self.problem.kind
        problems = [
            (
                ("gates", index, "metric"),
                f"{gate.metric} is not defined for a {kind} problem; take one of {_listed(kind)}",
            )
            for index, gate in enumerate(self.gates)
            if not isinstance(gate, RowsGate) and kind not in METRICS[gate.metric].kinds
        ]
        if problems:
            raise problem_at(*problems)
        return self

    @model_validator(mode="after")
    def _types_belong_to_used_columns(self) -> Self:
        used = _used_columns(self)
        problems = [
            (("data", "types", name), f"no column that is used is called {name!r}{did_you_mean(name, used)}")
            for name in self.data.types
            if name not in used
        ]
        if problems:
            raise problem_at(*problems)
        return self

    @model_validator(mode="after")
    def _live_models_do_not_score_in_batches(self) -> Self:
        if self.pattern == "live" and self.predict is not None:
            raise problem_at((("predict",), "belongs to pattern: batch; take it out, or write pattern: batch"))
        return self

    @property
    def package(self) -> str:
        """The top-level Python package (or module) in which the workflow stands."""
        return self.train.workflow.partition(":")[0].partition(".")[0]


def _listed(kind: str) -> str:
    return ", ".join(metrics_of(kind))


def _used_columns(spec: PipelineSpec) -> list[str]:
    data, evaluate = spec.data, spec.evaluate
    single = [data.label, data.date_column, evaluate.groups]
    holdout = data.holdout.key_columns if isinstance(data.holdout, HashHoldout) else ()
    scored = spec.predict.output.key_columns if spec.predict else ()
    filtered = [each.feature for each in data.filters]
    named = [*data.features, *single, *evaluate.slices, *holdout, *scored, *filtered]
    return list(dict.fromkeys(name for name in named if name is not None))
