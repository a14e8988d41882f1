"""What each step tells OpenLineage: source, snapshot, candidate, model and scores, and how their columns hang together.

extract reads the source and writes the snapshot; validate and split read it; train makes the candidate of it; promote
makes the candidate a version of the model; predict reads the model and a source, and writes scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import InputDataset, OutputDataset

from airflow_mlkit.airflow.lineage import facets
from airflow_mlkit.airflow.lineage.ended_step import EndedStep
from airflow_mlkit.airflow.lineage.facets import COMPUTED, COPIED, ROWS_CHOSEN
from airflow_mlkit.airflow.lineage.names import DatasetName, name_place
from airflow_mlkit.airflow.lineage.source_code import find_source_code
from airflow_mlkit.spec.data import HashHoldout

Datasets = tuple[list[InputDataset], list[OutputDataset]]

LEARNED = facets.transformed("INDIRECT", None, "the label that the model learned to tell")
WEIGHED = facets.transformed("DIRECT", "TRANSFORMATION", "scored by the model")
KEPT_BY_FEATURES = facets.transformed("DIRECT", "TRANSFORMATION", "as features() returned it")
MADE_BY_FEATURES = facets.transformed(
    "DIRECT", "TRANSFORMATION", "made by features() from any of the input columns; from which of them is not known"
)


def tell(step: EndedStep) -> OperatorLineage[Any, Any]:
    """The inputs and outputs of a step that has ended, and its facets."""
    inputs, outputs = _TELLERS[step.name](step)
    return OperatorLineage(
        inputs=inputs,
        outputs=outputs,
        run_facets={"mlkit": _describe_run(step)},
        job_facets=facets.source_location(find_source_code(step.project.folder)),
    )


def _describe_run(step: EndedStep) -> facets.MLKitRunFacet:
    record = step.record
    known: Mapping[str, Any] = record.summary if record else {}
    values = {
        "project": step.project.spec.name,
        "step": step.name,
        "environment": step.project.plan.environment,
        "runDirectory": str(step.run.root),
        "decision": known.get("decision"),
        "modelId": known.get("model_id"),
        "modelVersion": str(known["model_version"]) if known.get("model_version") is not None else None,
    }
    if record:
        values |= {
            "outcome": record.outcome.value,
            "reason": record.reason,
            "generation": record.generation,
            "tryNumber": record.try_number,
            "seconds": record.seconds,
            "peakMemoryMiB": record.peak_memory_mib,
            "specHash": record.spec_hash or None,
        }
    return facets.MLKitRunFacet(producer=facets.PRODUCER, **values)  # type: ignore[arg-type]


def _extract(step: EndedStep) -> Datasets:
    snapshot = step.read("snapshot.json")
    columns: dict[str, str | None] = snapshot.get("columns", {})
    inputs = _source_inputs(step, columns, snapshot.get("rows_read"))
    if not step.is_done or step.record is None:
        return inputs, []
    size = step.record.files["snapshot.parquet"].size
    lineage = facets.column_lineage(
        {name: [(origin, COPIED) for origin in step.source.origins(name)] for name in columns},
        [(origin, ROWS_CHOSEN) for name in _row_choosers(step) for origin in step.source.origins(name)],
    )
    made = OutputDataset(
        step.snapshot.namespace,
        step.snapshot.name,
        facets={
            **_snapshot_facets(step, snapshot),
            **facets.lies_at(step.place("snapshot.parquet")),
            **lineage,
        },
        outputFacets=facets.rows_written(snapshot["rows"], size),
    )
    return inputs, [made]


def _row_choosers(step: EndedStep) -> list[str]:
    """The columns that decide which rows of the source are in the snapshot."""
    data = step.project.spec.data
    dates = [data.date_column] if data.date_column else []
    return list(dict.fromkeys([*(each.feature for each in data.filters), *dates]))


def _source_inputs(step: EndedStep, columns: Mapping[str, str | None], rows: int | None) -> list[InputDataset]:
    datasets = step.source.datasets
    counted = facets.rows_read(rows) if len(datasets) == 1 and step.source.is_copied else {}
    return [
        InputDataset(
            dataset.namespace,
            dataset.name,
            facets={**facets.data_source(dataset), **facets.schema(_columns_of(step, dataset, columns))},
            inputFacets=counted,
        )
        for dataset in datasets
    ]


def _columns_of(step: EndedStep, dataset: DatasetName, columns: Mapping[str, str | None]) -> dict[str, str | None]:
    """The columns of a source's dataset that are read, as far as they are known."""
    return {
        column: columns.get(column)
        for name in columns
        for origin, column in step.source.origins(name)
        if origin == dataset
    }


def _snapshot_facets(step: EndedStep, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **facets.kind("FILE", "SNAPSHOT"),
        **facets.schema(snapshot.get("columns", {})),
        **facets.version(snapshot.get("content_hash")),
        **facets.belongs_to(step.project, f"The rows that {step.project.spec.name} learns from"),
    }


def _snapshot_input(step: EndedStep, **more: Any) -> InputDataset:
    snapshot = step.read("snapshot.json", of="extract")
    place = facets.lies_at(step.place("snapshot.parquet", of="extract"))
    name = step.snapshot
    return InputDataset(name.namespace, name.name, facets={**_snapshot_facets(step, snapshot), **place}, **more)


def _validate(step: EndedStep) -> Datasets:
    results = step.read("validation.json").get("results", ())
    return [_snapshot_input(step, inputFacets=facets.assertions(results))], []


def _split(step: EndedStep) -> Datasets:
    return [_snapshot_input(step)], []


def _train(step: EndedStep) -> Datasets:
    inputs = [_snapshot_input(step)]
    if not step.is_done:
        return inputs, []
    manifest = step.read("model/model.json")
    made = OutputDataset(
        step.candidate.namespace,
        step.candidate.name,
        facets={
            **_candidate_facets(step, manifest),
            **facets.lies_at(step.place("model")),
            **_candidate_lineage(step, manifest),
        },
    )
    return inputs, [made]


def _candidate_facets(step: EndedStep, manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **facets.kind("MODEL", "CANDIDATE"),
        **facets.schema(_model_fields(manifest)),
        **facets.version(manifest.get("model_id")),
        **facets.belongs_to(step.project, f"The model that a retrain of {step.project.spec.name} made"),
    }


def _model_fields(manifest: Mapping[str, Any]) -> dict[str, str | None]:
    """The features that the model looks at, and the score that it gives."""
    return {**{each["name"]: each["type"] for each in manifest.get("features", ())}, "score": "number"}


def _candidate_lineage(step: EndedStep, manifest: Mapping[str, Any]) -> dict[str, Any]:
    raw, snapshot = list(manifest["inputs"]), step.snapshot
    features = [each["name"] for each in manifest["features"]]
    columns = {
        name: [((snapshot, name), KEPT_BY_FEATURES)]
        if name in raw
        else [((snapshot, column), MADE_BY_FEATURES) for column in raw]
        for name in features
    }
    columns["score"] = [
        *(((snapshot, column), WEIGHED) for column in raw),
        ((snapshot, manifest["label"]), LEARNED),
    ]
    return facets.column_lineage(columns, [((snapshot, name), ROWS_CHOSEN) for name in _holdout_columns(step)])


def _holdout_columns(step: EndedStep) -> Iterable[str]:
    """The columns that decide which rows are trained on and which are held out."""
    data = step.project.spec.data
    if isinstance(data.holdout, HashHoldout):
        return data.holdout.key_columns
    return [data.date_column] if data.date_column else []


def _candidate_input(step: EndedStep) -> InputDataset:
    manifest = step.read("model/model.json", of="train")
    place = facets.lies_at(step.place("model", of="train"))
    name = step.candidate
    return InputDataset(name.namespace, name.name, facets={**_candidate_facets(step, manifest), **place})


def _judge(step: EndedStep) -> Datasets:
    """What evaluate and gate read: the candidate, and the rows that were held out."""
    return [_candidate_input(step), _snapshot_input(step)], []


def _promote(step: EndedStep) -> Datasets:
    inputs = [_candidate_input(step)]
    if not step.is_done or step.record is None:
        return inputs, []
    manifest = step.read("model/model.json", of="train")
    fields = _model_fields(manifest)
    made = OutputDataset(
        step.model.namespace,
        step.model.name,
        facets={
            **_model_facets(step, str(step.record.summary["model_version"])),
            **facets.schema(fields),
            **facets.column_lineage({name: [((step.candidate, name), COPIED)] for name in fields}),
        },
    )
    return inputs, [made]


def _model_facets(step: EndedStep, version: str) -> dict[str, Any]:
    return {
        **facets.kind("MODEL", "CHAMPION"),
        **facets.version(version),
        **facets.belongs_to(step.project, f"The model {step.project.spec.name}"),
    }


def _predict(step: EndedStep) -> Datasets:
    prediction = step.read("prediction.json")
    raw = list(prediction.get("inputs", ()))
    spec = step.project.spec
    key = list(spec.predict.output.key_columns) if spec.predict else []
    read = {name: spec.data.types.get(name) for name in (*raw, *key)}
    inputs = _source_inputs(step, read, prediction.get("rows"))
    if not step.is_done:
        return inputs, []
    version = str(prediction["champion"]["model_version"])
    champion = InputDataset(step.model.namespace, step.model.name, facets=_model_facets(step, version))
    return [*inputs, champion], [_scores(step, prediction, raw, key)]


def _scores(step: EndedStep, prediction: Mapping[str, Any], raw: list[str], key: list[str]) -> OutputDataset:
    place = name_place(prediction["output"])
    types = step.project.spec.data.types
    scored = [name for name in prediction["columns"] if name in ("score", "predicted") or name.startswith("score_")]
    numbers = [name for name in scored if name != "predicted"]
    of_source = [(origin, WEIGHED) for name in raw for origin in step.source.origins(name)]
    columns = {name: [(origin, COPIED) for origin in step.source.origins(name)] for name in key}
    columns |= {name: [*of_source, ((step.model, "score"), WEIGHED)] for name in scored}
    columns["prediction_id"] = [(origin, COMPUTED) for name in key for origin in step.source.origins(name)]
    return OutputDataset(
        place.namespace,
        place.name,
        facets={
            **facets.kind("FILE", "SCORES"),
            **facets.schema({name: "number" if name in numbers else types.get(name) for name in prediction["columns"]}),
            **facets.version(prediction["date"]),
            **facets.lies_at(name_place(prediction["path"])),
            **facets.belongs_to(step.project, f"The scores of {step.project.spec.name}"),
            **facets.column_lineage(columns),
        },
        outputFacets=facets.rows_written(prediction["rows"]),
    )


_TELLERS: dict[str, Callable[[EndedStep], Datasets]] = {
    "extract": _extract,
    "validate": _validate,
    "split": _split,
    "train": _train,
    "evaluate": _judge,
    "gate": _judge,
    "promote": _promote,
    "predict": _predict,
}
