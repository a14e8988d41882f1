"""The sanity checks of a run's challenger: from what the steps before the gate have published to their results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray
from upath import UPath

from airflow_mlkit.data.part_sample import draw_rows, sample_name
from airflow_mlkit.data.split_record import Part as PartName
from airflow_mlkit.data.split_record import SplitRecord
from airflow_mlkit.exceptions import RunDirectoryError
from airflow_mlkit.gates.sanity.judge import Scored, judge_sanity
from airflow_mlkit.gates.sanity.result import SanityResult, name_columns
from airflow_mlkit.gates.sanity.split_parts import Part, SplitParts
from airflow_mlkit.registry.address import resolved
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.rundir import RunDirectory
from airflow_mlkit.spec.sanity import SanitySpec
from airflow_mlkit.steps.context import StepContext
from airflow_mlkit.steps.holdout_rows import read_holdout_rows
from airflow_mlkit.workflows.manifest import MANIFEST_FILE, ModelManifest

log = logging.getLogger("airflow_mlkit.gate")


def check_sanity(
    context: StepContext,
    record: SplitRecord,
    labels: NDArray[Any],
    scores: NDArray[Any],
    champion: ChampionEntry | None,
) -> tuple[SanityResult, ...]:
    """What the sanity checks find in a run's data and in its challenger's scores.

    Args:
        context: of a step that comes after evaluate.
        record: of the run's split.
        labels: of the whole holdout, encoded, shape (n,).
        scores: the challenger's, shape (n,), or (n, k) with a column for each class.
        champion: whose rows are compared with; None where there is none yet.
    """
    training, validation, holdout = (
        _read_part(context, record, part) for part in ("training", "validation", "holdout")
    )
    scored = Scored(
        kind=record.kind,
        labels=labels,
        scores=scores,
        parts=SplitParts(record.features, training, validation, holdout, _count_entities(context, record)),
        scores_of_parts=scores[draw_rows(len(scores))],
        rows=record.rows.training + record.rows.validation,
        champion_rows=_count_champion_rows(context, champion),
        quantile=context.spec.evaluate.quantile,
    )
    _warn_of_strangers(context.spec.sanity, record)
    results = judge_sanity(context.spec.sanity, scored)
    for result in results:
        log.log(logging.INFO if result.passed else logging.WARNING, "%s", _describe(result))
    return results


def _describe(result: SanityResult) -> str:
    return f"{'passed' if result.passed else 'FAILED'}: {result.check}: {result.reason}"


@dataclass(frozen=True)
class _Columns(Mapping[str, NDArray[Any]]):
    """Columns of an Arrow table as plain arrays, each read when it is asked for."""

    table: pa.Table

    def __getitem__(self, name: str) -> NDArray[Any]:
        column = self.table[name]
        if not pa.types.is_dictionary(column.type):
            return column.to_numpy()  # type: ignore[no-any-return]
        codes = [chunk.indices.fill_null(-1) for chunk in column.chunks]
        return pa.chunked_array(codes, pa.int32()).to_numpy()  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        return iter(self.table.column_names)

    def __len__(self) -> int:
        return int(self.table.num_columns)


def _read_part(context: StepContext, record: SplitRecord, part: PartName) -> Part:
    split = context.input("split")
    name = sample_name(part) if sample_name(part) in split.record.files else f"{part}.arrow"
    columns = _Columns(pa.ipc.open_file(pa.memory_map(str(split.file(name)))).read_all())
    return Part(columns[record.label], columns)


def _count_entities(context: StepContext, record: SplitRecord) -> int:
    """How many entities the holdout's rows belong to; each row is one where nothing is declared."""
    groups = context.spec.evaluate.groups
    names = [groups] if groups else list(record.sampling.key)
    if not names:
        return record.rows.holdout
    keys = read_holdout_rows(context, names)
    return int(keys.group_by(names).aggregate([]).num_rows)


def _count_champion_rows(context: StepContext, champion: ChampionEntry | None) -> int | None:
    """What the champion's `model.json` says that it was trained on; None where nobody can tell."""
    if champion is None:
        return None
    base = ChampionLog(context.project.champions).uri
    places: tuple[Callable[[], UPath], ...] = (
        lambda: UPath(resolved(champion.artifact, base)),
        # what lies behind an MLflow server cannot be opened as a file
        lambda: RunDirectory(resolved(champion.run_dir, base)).published("train").uri("model"),
    )
    for find_folder in places:
        try:
            manifest = ModelManifest.model_validate_json((find_folder() / MANIFEST_FILE).read_bytes())
        except (OSError, ValueError, RunDirectoryError) as error:
            log.info("version %s does not say what it was trained on: %s", champion.model_version, error)
            continue
        if manifest.model_id == champion.model_id and manifest.rows:
            return sum(manifest.rows.values())
    return None


def _warn_of_strangers(spec: SanitySpec, record: SplitRecord) -> None:
    """Say which columns are ignored that are not there: somebody meant another one."""
    for name in ("feature_drift", "feature_presence", "leak"):
        strangers = sorted(set(getattr(getattr(spec, name), "ignore", ())) - set(record.feature_names))
        if strangers:
            log.warning("sanity.%s.ignore: features() returned no column %s", name, name_columns(strangers))
