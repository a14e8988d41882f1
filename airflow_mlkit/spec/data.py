"""The section `data` of mlkit.yaml: where rows come from, which columns are used, which rows are held out."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from airflow_mlkit.spec.declared import chosen_by_key, chosen_by_value, one_or_many, problem_at
from airflow_mlkit.spec.values import (
    ColumnName,
    ColumnType,
    ConnectionId,
    Declared,
    Duration,
    Fraction,
    Location,
    Prose,
    Text,
    Value,
)

Key = Annotated[ColumnName | tuple[ColumnName, ...], one_or_many(ColumnName)]
"""A column, or several that are a key together."""


class PathSource(Declared):
    """Files: one csv or parquet file, a folder or a glob of them; local, `gs://` or `s3://`."""

    path: Location = Field(description="A file, a folder or a glob; local, gs:// or s3://. From the project's folder.")
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
