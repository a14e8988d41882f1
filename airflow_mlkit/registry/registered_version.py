"""Any version of any registered model in MLflow, found by its address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_mlkit.exceptions import UserError
from airflow_mlkit.registry.mlflow_client import refusals_of
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.spec.nearest import did_you_mean

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_ADDRESS = re.compile(r"models:/(?P<name>[^/@\x00-\x1f]{1,250})(/(?P<version>[1-9]\d{0,8})|@(?P<alias>[\w.-]{1,250}))")
_NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class FoundVersion:
    """A version as MLflow knows it: by its number, whatever alias it was found by."""

    name: str
    version: str
    registered: datetime

    @property
    def address(self) -> str:
        """`models:/churn/3`."""
        return f"models:/{self.name}/{self.version}"


def find_version(registry: ModelRegistry, address: str) -> FoundVersion:
    """The version at an address, `models:/<name>/<version>` or `models:/<name>@<alias>`.

    Raises:
        UserError: when the address is none, or MLflow has no such version.
        RegistryError: when MLflow refuses.
    """
    from mlflow.exceptions import MlflowException

    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise UserError(
            f"{address} is no address of a registered model.",
            hint="Write models:/churn/3, or models:/churn@champion. A model that is only logged is registered with "
            "mlflow.register_model.",
        )
    name, number, alias = match["name"], match["version"], match["alias"]
    with refusals_of(registry.uri):
        client = registry.client
        try:
            found = client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, number)
        except MlflowException as error:
            if error.error_code not in _NOT_THERE:
                raise
            raise _not_there(client, name, f"alias {alias!r}" if alias else f"version {number}") from None
    _refuse_unready(found)
    registered = datetime.fromtimestamp(int(found.creation_timestamp) / 1000, UTC)
    return FoundVersion(name, str(found.version), registered)


def fetch_version(registry: ModelRegistry, found: FoundVersion, folder: Path) -> Path:
    """Copy a version's files to this machine.

    Raises:
        RegistryError: when they are gone, or MLflow refuses.
    """
    from mlflow.artifacts import download_artifacts

    with refusals_of(registry.uri):
        source = registry.client.get_model_version_download_uri(found.name, found.version)
        return Path(
            download_artifacts(source, dst_path=str(folder), tracking_uri=registry.uri, registry_uri=registry.uri)
        )


def _not_there(client: MlflowClient, name: str, what: str) -> UserError:
    known = client.search_model_versions(max_results=100)
    if versions := sorted(int(found.version) for found in known if found.name == name):
        shown = ", ".join(map(str, versions))
        return UserError(f"MLflow has no {what} of {name}.", hint=f"It has the versions {shown}.")
    names = [found.name for found in client.search_registered_models(max_results=100)]
    return UserError(f"MLflow has no {what} of a registered model {name!r}{did_you_mean(name, names)}")


def _refuse_unready(found: ModelVersion) -> None:
    if str(found.status) != "READY":
        raise UserError(
            f"models:/{found.name}/{found.version} is not ready in MLflow ({found.status}).",
            hint="Wait until its registration has ended, or register it again.",
        )
