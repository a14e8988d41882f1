"""Which image a step runs in. Asked while a Dag file is parsed: nothing heavy here."""

from __future__ import annotations

from airflow_mlkit.exceptions import ProjectError
from airflow_mlkit.image.record import read_image_record
from airflow_mlkit.project import Project
from airflow_mlkit.spec.environment import PodEnvironment


def choose_image(project: Project, gpus: int) -> str:
    """The image of a pod with so many graphics cards: the project's own by its digest, else the environment's.

    Raises:
        ProjectError: when there is none that a cluster can run, or image.json cannot be used.
    """
    kind, name = "gpu" if gpus else "cpu", project.plan.environment
    record = read_image_record(project.folder)
    if record is None:
        place = project.platform.environments[name]
        shared = place.images.of(gpus) if isinstance(place, PodEnvironment) else None
        if shared is None:
            raise ProjectError(
                f"The project has no image to run in, and the environment {name!r} has none for all projects.",
                hint=f"Build one: mlkit image build --environment {name}",
            )
        return shared
    image = record.of(gpus)
    if image is None or image.reference is None:
        lack = "was not built yet" if image is None else "was built and not pushed, so that no cluster can run it"
        raise ProjectError(
            f"The {kind} image of the project {lack}.",
            hint=f"Build it: mlkit image build --kind {kind} --push --environment {name}",
        )
    return image.reference
