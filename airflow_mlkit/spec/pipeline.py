"""What a team declares: mlkit.yaml as frozen pydantic models."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from airflow_mlkit.spec.costs import AnswerCosts, Costs
from airflow_mlkit.spec.data import DataSpec, HashHoldout, Key, Source
from airflow_mlkit.spec.declared import chosen_by_key, chosen_by_value, problem_at
from airflow_mlkit.spec.metrics import ALL_METRICS, metrics_of, rule_of
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.sanity import SanitySpec
from airflow_mlkit.spec.slices import RangeSlices, SliceChoice, column_of
from airflow_mlkit.spec.values import (
    ClassPath,
    ColumnName,
    Confidence,
    Cron,
    Declared,
    Duration,
    Fraction,
    Location,
    Name,
    NotNegative,
    Number,
    Params,
    Prose,
    Scalar,
    StepName,
    Text,
    Whole,
)


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
    size: Name | None = Field(
        None, description="The size of every step, by its name in platform.yaml; the platform's own when not given."
    )
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

    slices: tuple[SliceChoice, ...] = Field(
        (), description="Columns, or ranges of one; a challenger that is surely worse in a slice is held back."
    )
    groups: ColumnName | None = Field(None, description="Rows with the same value in it belong to one entity.")
    threshold: Fraction = Field(0.5, description="From which score on a binary row counts as positive.")
    costs: Costs | None = Field(None, description="What a wrong answer costs, for the metric value.")
    quantile: Fraction | None = Field(None, description="Which quantile is predicted, for the metric quantile_loss.")

    @field_validator("slices")
    @classmethod
    def _no_column_twice(cls, slices: tuple[SliceChoice, ...]) -> tuple[SliceChoice, ...]:
        columns = [column_of(chosen) for chosen in slices]
        if twice := [place for place, name in enumerate(columns) if name in columns[:place]]:
            raise problem_at(*(((place,), f"{columns[place]!r} is cut twice; keep one") for place in twice))
        return slices

    @property
    def slice_columns(self) -> tuple[str, ...]:
        """The columns that slices are cut from."""
        return tuple(column_of(chosen) for chosen in self.slices)


class _MetricOfGate(Declared):
    metric: str = Field(
        description="A metric that is defined for the problem.", json_schema_extra={"enum": list(ALL_METRICS)}
    )

    @field_validator("metric")
    @classmethod
    def _known(cls, metric: str) -> str:
        rule_of(metric)
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
    """The challenger must be better than the champion on the same holdout rows, and surely not much worse."""

    against: Literal["champion"] = Field(description="The model that is in use now.")
    margin: NotNegative | None = Field(
        None,
        description="How much worse it may be at worst, in the metric's unit. 0.01 when not given; for losses and "
        "errors 2 % of the champion's.",
    )
    confidence: Confidence | None = Field(None, description="How sure that must be; 0.99 when not given.")


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
    ask: tuple[Text, ...] = Field(min_length=1, description="Users of Airflow who may answer, by their names there.")
    within: Duration = Field(description="How long is waited: less than between two retrains. Then it is held back.")


Promotion = Annotated[
    AutomaticPromotion | PersonalPromotion,
    chosen_by_value("approval", default="none", none=AutomaticPromotion, person=PersonalPromotion),
]


class PredictOutput(Declared):
    """Where scores go: parquet, partitioned by date. `key` names the columns that tell rows apart."""

    path: Location = Field(description="A folder; local, gs:// or s3://. From the project's folder.")
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
    sanity: SanitySpec = Field(SanitySpec(), description="Checks that run without being asked for, and their limits.")
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
            if not isinstance(gate, RowsGate) and kind not in rule_of(gate.metric).kinds
        ]
        if problems:
            raise problem_at(*problems)
        return self

    @model_validator(mode="after")
    def _priced_metrics_have_a_price(self) -> Self:
        wanted = {"value": "costs", "quantile_loss": "quantile"}
        problems = [
            (("gates", index, "metric"), f"{gate.metric} needs evaluate.{wanted[gate.metric]}; write what it is")
            for index, gate in enumerate(self.gates)
            if not isinstance(gate, RowsGate)
            and gate.metric in wanted
            and getattr(self.evaluate, wanted[gate.metric]) is None
        ]
        if problems:
            raise problem_at(*problems)
        return self

    @model_validator(mode="after")
    def _prices_fit_the_problem(self) -> Self:
        kind, costs = self.problem.kind, self.evaluate.costs
        if costs is not None and kind == "regression":
            raise problem_at((("evaluate", "costs"), "belongs to problems with classes; take it out"))
        if isinstance(costs, AnswerCosts) and kind != "binary":
            raise problem_at((("evaluate", "costs"), "of many classes are a matrix: write matrix: [[0, 5, 5], ...]"))
        if self.evaluate.quantile is not None and kind != "regression":
            raise problem_at((("evaluate", "quantile"), "belongs to a regression; take it out"))
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
    def _ranges_fit_the_types(self) -> Self:
        types = dict(self.data.types)
        if self.data.date_column:
            types.setdefault(self.data.date_column, "date")
        problems = [
            (("evaluate", "slices", place, "ranges"), _tell_other_type(chosen, types[chosen.column]))
            for place, chosen in enumerate(self.evaluate.slices)
            if isinstance(chosen, RangeSlices) and not chosen.fits(types.get(chosen.column))
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


def _tell_other_type(chosen: RangeSlices, word: str) -> str:
    given = "dates" if chosen.is_of_dates else "numbers"
    wanted = {"date": "write dates, such as [2026-01-01]", "number": "write numbers", "integer": "write numbers"}
    return f"are {given}, and {chosen.column} is a {word} column; {wanted.get(word, 'write the column alone')}"


def _listed(kind: str) -> str:
    return ", ".join(metrics_of(kind))


def _used_columns(spec: PipelineSpec) -> list[str]:
    data, evaluate = spec.data, spec.evaluate
    single = [data.label, data.date_column, evaluate.groups]
    holdout = data.holdout.key_columns if isinstance(data.holdout, HashHoldout) else ()
    scored = spec.predict.output.key_columns if spec.predict else ()
    filtered = [each.feature for each in data.filters]
    priced = evaluate.costs.columns if evaluate.costs else ()
    named = [*data.features, *single, *evaluate.slice_columns, *priced, *holdout, *scored, *filtered]
    return list(dict.fromkeys(name for name in named if name is not None))
