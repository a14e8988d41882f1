"""OpenLineage's facets, filled in. The only module that imports OpenLineage's client when it is imported itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import define
from openlineage.client.facet_v2 import (
    BaseFacet,
    DatasetFacet,
    InputDatasetFacet,
    JobFacet,
    OutputDatasetFacet,
    RunFacet,
    column_lineage_dataset,
    data_quality_assertions_dataset,
    dataset_type_dataset,
    dataset_version_dataset,
    datasource_dataset,
    documentation_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    ownership_dataset,
    schema_dataset,
    source_code_location_job,
    symlinks_dataset,
)

from airflow_mlkit.__about__ import __version__
from airflow_mlkit.airflow.lineage.names import DatasetName
from airflow_mlkit.airflow.lineage.source_code import SourceCode
from airflow_mlkit.project import Project

PRODUCER = f"https://github.com/airflow-mlkit/airflow-mlkit/tree/v{__version__}"
RUN_FACET_SCHEMA = (
    f"https://raw.githubusercontent.com/airflow-mlkit/airflow-mlkit/v{__version__}"
    "/airflow_mlkit/airflow/lineage/MLKitRunFacet.json#/$defs/MLKitRunFacet"
)

Origin = tuple[DatasetName, str]
"""A dataset and a column of it."""

COPIED = ("DIRECT", "IDENTITY", "")
COMPUTED = ("DIRECT", "TRANSFORMATION", "")
ROWS_CHOSEN = ("INDIRECT", "FILTER", "which rows there are")


def transformed(kind: str, subtype: str | None, description: str) -> tuple[str, str | None, str]:
    """How a column depends on another one, in OpenLineage's words."""
    return kind, subtype, description


@define
class MLKitRunFacet(RunFacet):
    """What a step says of itself that OpenLineage has no facet for."""

    project: str
    step: str
    environment: str
    runDirectory: str  # noqa: N815  # as OpenLineage writes names
    outcome: str | None = None
    reason: str | None = None
    generation: int | None = None
    tryNumber: int | None = None  # noqa: N815
    seconds: float | None = None
    peakMemoryMiB: float | None = None  # noqa: N815
    specHash: str | None = None  # noqa: N815
    decision: str | None = None
    modelId: str | None = None  # noqa: N815
    modelVersion: str | None = None  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return RUN_FACET_SCHEMA


def _made(facet: type[BaseFacet], **values: Any) -> Any:
    return facet(producer=PRODUCER, **values)


def schema(fields: Mapping[str, str | None]) -> dict[str, DatasetFacet]:
    """The columns with their types."""
    listed = [
        schema_dataset.SchemaDatasetFacetFields(name=name, type=kind, ordinal_position=position)
        for position, (name, kind) in enumerate(fields.items(), start=1)
    ]
    return {"schema": _made(schema_dataset.SchemaDatasetFacet, fields=listed)} if listed else {}


def data_source(dataset: DatasetName) -> dict[str, DatasetFacet]:
    """Where a dataset lies that the kit only reads."""
    uri = dataset.uri if dataset.namespace != "file" else dataset.uri.replace(" ", "%20")
    return {"dataSource": _made(datasource_dataset.DatasourceDatasetFacet, name=dataset.namespace, uri=uri)}


def version(text: str | None) -> dict[str, DatasetFacet]:
    """Which of its versions a dataset is."""
    return {"version": _made(dataset_version_dataset.DatasetVersionDatasetFacet, datasetVersion=text)} if text else {}


def kind(name: str, subtype: str | None = None) -> dict[str, DatasetFacet]:
    """What kind of dataset it is."""
    return {"datasetType": _made(dataset_type_dataset.DatasetTypeDatasetFacet, datasetType=name, subType=subtype)}


def belongs_to(project: Project, text: str) -> dict[str, DatasetFacet]:
    """Whose dataset it is, and what it is."""
    owner = ownership_dataset.Owner(name=project.spec.owner, type="OWNER")
    said = ": ".join(part for part in (text, project.spec.description) if part)
    return {
        "ownership": _made(ownership_dataset.OwnershipDatasetFacet, owners=[owner]),
        "documentation": _made(documentation_dataset.DocumentationDatasetFacet, description=said),
    }


def lies_at(place: DatasetName | None) -> dict[str, DatasetFacet]:
    """Where the files of this version of a dataset lie."""
    if place is None:
        return {}
    same = symlinks_dataset.Identifier(namespace=place.namespace, name=place.name, type="LOCATION")
    return {"symlinks": _made(symlinks_dataset.SymlinksDatasetFacet, identifiers=[same])}


def column_lineage(
    columns: Mapping[str, Sequence[tuple[Origin, tuple[str, str | None, str]]]],
    whole: Iterable[tuple[Origin, tuple[str, str | None, str]]] = (),
) -> dict[str, DatasetFacet]:
    """From which columns of the inputs each column is made.

    Args:
        columns: for each column its origins, and how it depends on each.
        whole: the columns of the inputs that every column depends on, such as those of a filter.
    """
    fields = {
        name: column_lineage_dataset.Fields(inputFields=[_origin(*each) for each in origins])
        for name, origins in columns.items()
        if origins
    }
    dataset = [_origin(*each) for each in whole]
    if not fields and not dataset:
        return {}
    return {"columnLineage": _made(column_lineage_dataset.ColumnLineageDatasetFacet, fields=fields, dataset=dataset)}


def _origin(origin: Origin, how: tuple[str, str | None, str]) -> column_lineage_dataset.InputField:
    dataset, column = origin
    step = column_lineage_dataset.Transformation(type=how[0], subtype=how[1], description=how[2] or None, masking=False)
    return column_lineage_dataset.InputField(dataset.namespace, dataset.name, column, [step])


def rows_read(rows: int | None) -> dict[str, InputDatasetFacet]:
    """How many rows were read."""
    if rows is None:
        return {}
    return {"inputStatistics": _made(input_statistics_input_dataset.InputStatisticsInputDatasetFacet, rowCount=rows)}


def rows_written(rows: int | None, size: int | None = None) -> dict[str, OutputDatasetFacet]:
    """How many rows were written, in how many bytes."""
    if rows is None:
        return {}
    made = _made(output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet, rowCount=rows, size=size)
    return {"outputStatistics": made}


def assertions(results: Sequence[Mapping[str, Any]]) -> dict[str, InputDatasetFacet]:
    """What became of each expectation of the suite, from Great Expectations' result."""
    listed = [_assertion(item) for item in results]
    facet = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet
    return {"dataQualityAssertions": _made(facet, assertions=listed)} if listed else {}


def _assertion(item: Mapping[str, Any]) -> data_quality_assertions_dataset.Assertion:
    config = item["expectation_config"]
    stops = (config.get("severity") or "critical") == "critical"
    column = config["kwargs"].get("column")
    return data_quality_assertions_dataset.Assertion(
        assertion=config["type"],
        success=bool(item["success"]),
        column=str(column) if column is not None else None,
        severity="error" if stops else "warn",
    )


def source_location(code: SourceCode | None) -> dict[str, JobFacet]:
    """The code that the step ran."""
    if code is None:
        return {}
    facet = source_code_location_job.SourceCodeLocationJobFacet
    where = {"url": code.url, "repoUrl": code.repository, "path": code.path, "version": code.commit}
    return {"sourceCodeLocation": _made(facet, type="git", **where)}
