"""Where projects run: on this machine, or as pods of a cluster."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from airflow_mlkit.spec.declared import chosen_by_value, problem_at, shorten
from airflow_mlkit.spec.pod_words import Annotations, Folder, Labels, ObjectName, Variables, find_overlap
from airflow_mlkit.spec.values import ConnectionId, Declared, Name, PositiveDuration, Text, has_user, parse_duration


class Images(Declared):
    """An image for each kind of size: with graphics cards and without."""

    cpu: Text | None = Field(None, description="For sizes without a graphics card.")
    gpu: Text | None = Field(None, description="For sizes with one; the cpu one when not given.")

    def of(self, gpus: int) -> str | None:
        """The image for a size with so many graphics cards."""
        return (self.gpu or self.cpu) if gpus else self.cpu


def _one_for_both(given: Any) -> Any:
    return {"cpu": given} if isinstance(given, str) else given


ImagesByKind = Annotated[Images, BeforeValidator(_one_for_both, json_schema_input_type=Images | str)]
"""`cpu` and `gpu`, or one image for both."""


class Volume(Declared):
    """A volume that all steps, and Airflow's workers, see at the same path. `runs` lies on it then."""

    claim: ObjectName = Field(description="The PersistentVolumeClaim; ReadWriteMany where steps run on several nodes.")
    path: Folder = Field(description="Where it is mounted, such as /mlkit.")


class _Environment(Declared):
    runs: Text = Field(description="Where run directories lie: a folder, gs:// or s3://.")
    mlflow: Text = Field(description="MLflow's tracking and registry URI.")
    champions: Text | None = Field(
        None, description="Where champion logs lie; a folder beside the runs when not given."
    )


class LocalEnvironment(_Environment):
    """Steps are processes on this machine."""

    backend: Literal["local"] = Field(description="Steps are processes on this machine.")


class _PodEnvironment(_Environment):
    namespace: Name = Field(description="Where the pods start.")
    images: ImagesByKind = Field(Images(), description="Of the steps, for projects without an image of their own.")
    registry: Text | None = Field(None, description="Where the images of projects are pushed to.")
    service_account: ObjectName | None = Field(
        None, description="Of the pods, for workload identity. They get no token of Kubernetes."
    )
    priority_class: ObjectName | None = Field(None, description="Of the pods.")
    env_from_secrets: tuple[ObjectName, ...] = Field((), description="Secrets whose keys are the steps' environment.")
    files_from_secrets: dict[ObjectName, Folder] = Field(
        default_factory=dict, description="Secrets whose keys are files, and the folders in which they are."
    )
    env: Variables = Field(default_factory=dict, description="Environment variables of the steps; no secrets.")
    labels: Labels = Field(default_factory=dict, description="Further labels of the pods, such as a cost centre.")
    annotations: Annotations = Field(default_factory=dict, description="Annotations of the pods.")
    image_pull_secrets: tuple[ObjectName, ...] = Field((), description="Secrets with which images are pulled.")
    volume: Volume | None = Field(None, description="A shared volume on which runs lie, where no bucket is.")
    node_wait: PositiveDuration = Field(
        parse_duration("15m"), description="How long a pod may wait for a node; scaling up takes minutes."
    )

    deferrable: bool = Field(
        False, description="Whether a pod that runs for longer is waited for by Airflow's triggerer, not by a worker."
    )

    interruptions: int = Field(
        5,
        ge=0,
        le=1000,
        description="How often a step starts again that was preempted, evicted or deleted, or lost its node.",
    )
    start_ahead: bool = Field(
        True, description="Whether a step's pod starts and loads while the task of the step before it ends."
    )

    @model_validator(mode="after")
    def _places_are_open_and_outlive_the_pods(self) -> Self:
        places = {"runs": self.runs, "champions": self.champions, "mlflow": self.mlflow}
        problems = [
            ((key,), said) for key, place in places.items() if place and (said := self._find_problem(key, place))
        ]
        if problems:
            raise problem_at(*problems)
        return self

    @model_validator(mode="after")
    def _folders_are_apart(self) -> Self:
        folders = [*self.files_from_secrets.values(), *([self.volume.path] if self.volume else [])]
        if inner := find_overlap(folders):
            said = f"{inner} is mounted twice, or inside of another one; write folders that are apart"
            raise problem_at((("files_from_secrets",), said))
        return self

    def _find_problem(self, key: str, place: str) -> str | None:
        """What is wrong with a place. Every pod has it in its environment, for all to see who may read pods."""
        if has_user(place):
            return (
                "has a user name or a password in it, which whoever may read pods would see; take it out, and name a "
                f"Secret with {_KEYS.get(key, 'the keys of the bucket')} in env_from_secrets"
            )
        return None if self._outlives(place) else f"{shorten(place)} would be on a pod's own disk; write {_HINTS[key]}"

    def _outlives(self, place: str) -> bool:
        scheme, separator, path = place.rpartition("://")
        if separator and scheme not in ("file", "sqlite"):
            return True
        return self.volume is not None and f"/{path.lstrip('/')}".startswith(f"{self.volume.path}/")


_KEYS = {"mlflow": "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"}

_HINTS = {
    "runs": "gs://, s3://, or a folder inside the volume",
    "champions": "gs://, s3://, or a folder inside the volume",
    "mlflow": "the address of an MLflow server",
}


class KubernetesEnvironment(_PodEnvironment):
    """Steps are pods of a Kubernetes cluster."""

    backend: Literal["kubernetes"] = Field(description="Steps are pods of a Kubernetes cluster.")
    connection: ConnectionId = Field("kubernetes_default", description="Airflow's connection to the cluster.")


class GkeEnvironment(_PodEnvironment):
    """Steps are pods of a Google Kubernetes Engine cluster."""

    backend: Literal["gke"] = Field(description="Steps are pods of a Google Kubernetes Engine cluster.")
    project: Text = Field(description="The Google Cloud project of the cluster.")
    location: Text = Field(description="The cluster's region or zone, such as europe-west1.")
    cluster: Text = Field(description="The cluster's name.")
    connection: ConnectionId = Field("google_cloud_default", description="Airflow's connection to Google Cloud.")
    endpoint: Literal["public", "internal", "dns"] = Field(
        "public", description="Which address of the cluster is used."
    )


PodEnvironment = KubernetesEnvironment | GkeEnvironment
"""An environment whose steps are pods."""

Environment = Annotated[
    LocalEnvironment | KubernetesEnvironment | GkeEnvironment,
    chosen_by_value("backend", local=LocalEnvironment, kubernetes=KubernetesEnvironment, gke=GkeEnvironment),
]
