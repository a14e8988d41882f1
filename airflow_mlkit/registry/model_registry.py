"""MLflow's model registry as the projection of a champion log."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from airflow_mlkit.exceptions import RegistryError
from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.project import Project
from airflow_mlkit.registry.address import portable
from airflow_mlkit.registry.challenger import Challenger
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.mlflow_client import artifact_root, connect, refusals_of
from airflow_mlkit.registry.tracking_run import MODEL_FOLDER, log_tracking_run
from airflow_mlkit.registry.version_facts import VERSION_FILE, VersionFacts

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION_ALIAS = "champion"
ANCHOR_ALIAS = "anchor"
LOG_TAG = "mlkit.champion_log"
ENTRY_TAG = "mlkit.champion_entry"
ENTRY_HASH_TAG = "mlkit.champion_entry_hash"
"""`<n>:<sha256>`. The newest entry has no successor that vouches for it, so MLflow keeps its hash."""

_ATTEMPTS = 8

_IS_GONE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""How MLflow answers when a version that is named is not there."""

log = logging.getLogger("airflow_mlkit.promotion")


@dataclass(frozen=True)
class RegisteredVersion:
    """A version in the registry: its number there, and where its files lie."""

    version: str
    artifact: str


class ModelRegistry:
    """One registered model in MLflow, which follows one champion log.

    Args:
        uri: MLflow's.
        model_name: the registered model's.
        log: the champion log whose projection it is.
    """

    def __init__(self, uri: str, model_name: str, log: ChampionLog) -> None:
        self.uri, self.model_name, self.log = uri, model_name, log

    @classmethod
    def of(cls, project: Project) -> ModelRegistry:
        """The registered model of a project."""
        return cls(project.mlflow, project.spec.name, ChampionLog(project.champions))

    @cached_property
    def client(self) -> MlflowClient:
        """The connection, made when it is first needed: importing MLflow costs seconds."""
        return connect(self.uri)

    def register(self, challenger: Challenger, report: GateReport) -> RegisteredVersion:
        """Register the challenger as a version, or find the version it already has.

        Args:
            challenger: a trained model with its files.
            report: what its gates said.

        Raises:
            RegistryError: when MLflow refuses, the registered model follows another champion log, or its own log has
                lost entries.
        """
        client = self.client
        with refusals_of(self.uri):
            self._prepare(client)
            found = self._find(client, challenger)
            if found is None:
                facts = VersionFacts.of(challenger, report)
                run = log_tracking_run(client, challenger, facts, artifact_root(self.uri, self.log.uri))
                source = f"{run.info.artifact_uri}/{MODEL_FOLDER}"
                found = client.create_model_version(self.model_name, source, run.info.run_id, tags=facts.to_tags())
            return RegisteredVersion(str(found.version), str(found.source))

    def confirm(self, number: str) -> ModelVersion:
        """See that a version can become the champion as far as MLflow is concerned.

        Raises:
            RegistryError: when MLflow refuses or does not know the version, the registered model follows another
                champion log, or its own log has lost entries.
        """
        found = next((version for version in self.versions() if str(version.version) == number), None)
        if found is None:
            raise RegistryError(
                f"MLflow has no version {number} of {self.model_name}: it was deleted there, or never registered.",
                hint="mlkit audit shows which versions there are. Where its run is still there, mlkit promote --run "
                "registers it again.",
            )
        with refusals_of(self.uri):
            self._prepare(self.client)
        return found

    def follow(self) -> ChampionEntry:
        """Set the aliases `champion` and `anchor` as the head of the log says, until it is still the head afterwards.

        Raises:
            RegistryError: when MLflow refuses, or the log has no entry or has lost its newest.
        """
        self._refuse_lost_entries()
        client, head = self.client, self._head()
        while True:
            with refusals_of(self.uri):
                self._point_to(client, head)
            newer = self._head()
            if newer.n == head.n:
                return head
            head = newer

    def version(self, number: str) -> ModelVersion:
        """What MLflow knows of a version.

        Raises:
            RegistryError: when there is no such version, or MLflow refuses.
        """
        with refusals_of(self.uri):
            return self.client.get_model_version(self.model_name, number)

    def facts(self, version: ModelVersion) -> VersionFacts:
        """Everything that a version tells of itself: what its tags hold, and what its `version.json` says beyond it.

        Raises:
            RegistryError: when MLflow refuses.
        """
        told = VersionFacts.from_tags(version.tags)
        content = self.document(version, VERSION_FILE)
        try:
            return told if content is None else VersionFacts.model_validate_json(content)
        except ValidationError as error:
            raise RegistryError(
                f"{VERSION_FILE} of {self.model_name} version {version.version} is damaged: "
                f"{error.errors()[0]['msg']}.",
                hint="It lies among the artifacts of the version's run in MLflow: bring it back from a backup.",
            ) from None

    def document(self, version: ModelVersion, name: str) -> bytes | None:
        """A file that was kept beside a version's model; None where there is none.

        Raises:
            RegistryError: when MLflow refuses.
        """
        if not version.run_id:
            return None
        with refusals_of(self.uri), tempfile.TemporaryDirectory(prefix="mlkit-version-") as scratch:
            if name not in {file.path for file in self.client.list_artifacts(version.run_id)}:
                return None
            return Path(self.client.download_artifacts(version.run_id, name, scratch)).read_bytes()

    def versions(self) -> list[ModelVersion]:
        """Every version that was registered, newest first; none where the model is not known yet.

        Raises:
            RegistryError: when MLflow refuses.
        """
        with refusals_of(self.uri):
            found = self.client.search_model_versions(f"name = '{self.model_name}'")
        return sorted(found, key=lambda version: int(version.version), reverse=True)

    @property
    def log_address(self) -> str:
        """The log's address as the registered model carries it.

        Relative to the database where both are folders here, so that a project can be moved.
        """
        if self.uri.startswith("sqlite:///"):
            return portable(self.log.uri, self.uri.removeprefix("sqlite:///").rpartition("/")[0])
        return portable(self.log.uri, "://")

    def _prepare(self, client: MlflowClient) -> None:
        self._claim(client)
        self._refuse_lost_entries()

    def _claim(self, client: MlflowClient) -> None:
        """Make the registered model with the log's address in a tag, or see that it carries this one."""
        from mlflow.exceptions import MlflowException

        try:
            client.create_registered_model(self.model_name, tags={LOG_TAG: self.log_address})
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            self._refuse_another_log(client.get_registered_model(self.model_name).tags.get(LOG_TAG))

    def _refuse_another_log(self, carried: str | None) -> None:
        if carried == self.log_address:
            return
        followed = f"the champion log {carried}" if carried else "no champion log"
        raise RegistryError(
            f"The registered model {self.model_name} follows {followed}, and this project's is {self.log_address}.",
            hint=f"Two projects may have one name: rename one. If the log was moved, set the tag {LOG_TAG} of the "
            f"registered model in MLflow to {self.log_address}.",
        )

    def _refuse_lost_entries(self) -> None:
        """See that MLflow knows of no newer entry than the log's newest.

        The other way round is a promotion that was killed before MLflow was told. MLflow is asked first: an entry that
        is appended meanwhile is no loss.
        """
        numbers = [version.tags.get(ENTRY_TAG, "") for version in self.versions()]
        recorded = max((int(number) for number in numbers if number.isdigit()), default=0)
        head = self.log.head()
        if recorded > (head.n if head else 0):
            raise RegistryError(
                f"{self.log.uri}/{recorded}.json is missing: MLflow knows of champion {recorded} of {self.model_name}.",
                hint="Bring the file back from a backup. If the log is to begin anew, delete the registered model "
                f"{self.model_name} in MLflow first.",
            )

    def _find(self, client: MlflowClient, challenger: Challenger) -> ModelVersion | None:
        query = f"name = '{self.model_name}' and tag.`mlkit.model_id` = '{challenger.model_id}'"
        versions = client.search_model_versions(query)
        return next((found for found in versions if found.tags.get("mlkit.run_id") == challenger.run_id), None)

    def _point_to(self, client: MlflowClient, head: ChampionEntry) -> None:
        _insist(lambda: client.set_registered_model_alias(self.model_name, CHAMPION_ALIAS, head.model_version))
        for tag, value in ((ENTRY_TAG, str(head.n)), (ENTRY_HASH_TAG, f"{head.n}:{self.log.hash_of(head.n)}")):
            _insist(partial(client.set_model_version_tag, self.model_name, head.model_version, tag, value))
        self._point_anchor_to(client, self.log.anchor_of(head).model_version)

    def _point_anchor_to(self, client: MlflowClient, version: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            _insist(lambda: client.set_registered_model_alias(self.model_name, ANCHOR_ALIAS, version))
        except MlflowException as error:
            if error.error_code not in _IS_GONE:
                raise
            # the champion must not hang on an old version that somebody deleted in MLflow: its files count, not its row
            log.warning("%s version %s, the anchor, was deleted in MLflow: no alias", self.model_name, version)
            client.delete_registered_model_alias(self.model_name, ANCHOR_ALIAS)

    def _head(self) -> ChampionEntry:
        head = self.log.head()
        if head is None:
            raise RegistryError(f"{self.log.uri} has no entry; there is no champion of {self.model_name} to point to.")
        return head


def _insist(act: Callable[[], Any]) -> None:
    """Try again what another writer of the same row has crossed: MLflow inserts where it found nothing.

    Two first `set_registered_model_alias` at once: one of them ends with an IntegrityError of the database.
    """
    from mlflow.exceptions import MlflowException

    for attempt in range(_ATTEMPTS):
        try:
            act()
        except MlflowException as error:
            if error.error_code in _IS_GONE or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.05 * 2**attempt)
        else:
            return
