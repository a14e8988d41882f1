"""Whether a project's image is the one of its files. Asked while a Dag file is parsed: nothing heavy here."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_mlkit.image.contents import hash_contents
from airflow_mlkit.image.record import ImageRecord, Kind, read_image_record
from airflow_mlkit.project import IMAGE_FILE, Project

_NAMED = 3

AGAIN = "build it again: mlkit image build"


def needed_kinds(project: Project) -> tuple[Kind, ...]:
    """The kinds of images that the sizes of a project's steps need."""
    dags = [dag for dag in (project.plan.retrain, project.plan.predict) if dag]
    gpus = {step.size.resources.gpu > 0 for dag in dags for step in dag.steps}
    return (*(("cpu",) if False in gpus else ()), *(("gpu",) if True in gpus else ()))


def find_stale(project: Project) -> str | None:
    """What is wrong with the project's own image, with what to do, in a sentence; None when it fits, or there is none.

    Raises:
        ProjectError: when image.json cannot be used.
    """
    record = read_image_record(project.folder)
    return None if record is None else _compare(project, record)


def _compare(project: Project, record: ImageRecord) -> str | None:
    if record.project != project.spec.name:
        return f"{IMAGE_FILE} is the one of the project {record.project!r}; {AGAIN}."
    kinds = [kind for kind in needed_kinds(project) if kind in record.images]
    files = hash_contents(project)
    changed = {kind: record.images[kind].changed(files) for kind in kinds}
    kind = next((kind for kind in kinds if changed[kind]), None)
    if kind is None:
        return None
    verb = "is" if len(changed[kind]) == 1 else "are"
    return f"The {kind} image is older than the project: {_name(changed[kind])} {verb} not as in it; {AGAIN}."


def _name(files: Sequence[str]) -> str:
    rest = len(files) - _NAMED
    return ", ".join(files[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
