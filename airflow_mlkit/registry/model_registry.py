"""MLflow's model registry as the projection of a champion log."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from airflow_mlkit.exceptions import RegistryError
from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.project import Project
from airflow_mlkit.registry.address import local_path, portable, resolved
from airflow_mlkit.registry.artifacts import can_reach, copy_out
from airflow_mlkit.registry.challenger import Challenger
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.missing_version import missing_version, refuse_no_number
from airflow_mlkit.registry.mlflow_client import artifact_root, connect, refusals_of
from airflow_mlkit.registry.tracking_run import MODEL_FOLDER, log_tracking_run
from airflow_mlkit.registry.version_facts import VERSION_FILE, VersionFacts

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

CHAMPION_ALIAS = "champion"
ANCHOR_ALIAS = "anchor"
LOG_TAG = "mlkit.champion_log"
ENTRY_TAG = "mlkit.champion_entry"
"""Of a version: the number of its newest entry."""

NEWEST_ENTRY_TAG = "mlkit.newest_champion_entry"
"""Of the registered model: `<n>:<sha256>`. The newest entry has no successor that vouches for it, so MLflow does."""

_PAGE = 1000

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
            self._prepare()
            found = self._find(client, challenger)
            if found is None:
                facts = VersionFacts.of(challenger, report)
                run = log_tracking_run(client, challenger, facts, artifact_root(self.uri, self.log.uri))
                source = f"{run.info.artifact_uri}/{MODEL_FOLDER}"
                found = client.create_model_version(self.model_name, source, run.info.run_id, tags=facts.to_tags())
            return RegisteredVersion(str(found.version), str(found.source))

    def claim(self) -> None:
        """Let a registered model that was made by hand follow this log; one that is not there yet is made.

        Raises:
            RegistryError: when it follows another log, or MLflow refuses.
        """
        with refusals_of(self.uri):
            found = self._find_model()
            if found and LOG_TAG not in found.tags:
                self.client.set_registered_model_tag(self.model_name, LOG_TAG, self.log_address)
            self._prepare()

    def confirm(self, number: str) -> ModelVersion:
        """See that a version can become the champion as far as MLflow is concerned.

        Raises:
            UserError: when MLflow does not have the version.
            RegistryError: when MLflow refuses, the registered model follows another champion log, or its own log has
                lost entries.
        """
        refuse_no_number(number)
        found = self.find(number)
        if found is None:
            known = [str(version.version) for version in self.versions()]
            raise missing_version(self.model_name, number, known, self.log)
        with refusals_of(self.uri):
            self._prepare()
        return found

    def follow(self) -> ChampionEntry:
        """Set the aliases `champion` and `anchor` as the head of the log says, until it is still the head afterwards.

        Raises:
            RegistryError: when MLflow refuses, or the log has no entry or has lost its newest.
        """
        while True:
            with refusals_of(self.uri):
                told = self._find_model()
                head = self._read_head(told)
                if head is None:
                    raise RegistryError(f"{self.log.uri} has no entry; there is no champion to point to.")
                self._point_to(head, told)
            newest = self.log.head()
            if newest and newest.n == head.n:
                return head

    def find(self, number: str) -> ModelVersion | None:
        """What MLflow knows of a version; None where it has none of that number.

        Raises:
            RegistryError: when MLflow refuses.
        """
        from mlflow.exceptions import MlflowException

        try:
            found = self.version(number)
        except RegistryError as error:
            if isinstance(error.__cause__, MlflowException) and error.__cause__.error_code in _IS_GONE:
                return None
            raise
        return found if str(found.version) == number else None

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
        with tempfile.TemporaryDirectory(prefix="mlkit-version-") as scratch:
            found = self.fetch(version, name, Path(scratch))
            return found.read_bytes() if found else None

    def fetch(self, version: ModelVersion, name: str, folder: Path) -> Path | None:
        """Copy a file or a folder that was kept beside a version's model; None where there is none.

        Beside a model that the kit did not make nothing is looked for: it may lie anywhere.

        Raises:
            RegistryError: when MLflow refuses.
        """
        if "mlkit.model_id" not in version.tags:
            return None
        source = self._source_of(version)
        if can_reach(source):
            return copy_out(source.rstrip("/").rpartition("/")[0], name, folder)
        with refusals_of(self.uri):
            if not version.run_id or name not in {file.path for file in self.client.list_artifacts(version.run_id)}:
                return None
            return Path(self.client.download_artifacts(version.run_id, name, str(folder)))

    def _source_of(self, version: ModelVersion) -> str:
        """Where a version's model lies: as its champion log tells, which is moved with the project, else as MLflow."""
        number = str(version.version)
        known = [entry.artifact for entry in self.log.entries() if entry.model_version == number]
        return resolved(known[-1], self.log.uri) if known else local_path(str(version.source))

    def versions(self) -> list[ModelVersion]:
        """Every version that was registered, newest first; none where the model is not known yet.

        Raises:
            RegistryError: when MLflow refuses.
        """
        with refusals_of(self.uri):
            found = list(self._list_versions())
        return sorted(found, key=lambda version: int(version.version), reverse=True)

    @property
    def log_address(self) -> str:
        """The log's address as the registered model carries it.

        Relative to the database where both are folders here, so that a project can be moved.
        """
        if self.uri.startswith("sqlite:///"):
            return portable(self.log.uri, self.uri.removeprefix("sqlite:///").rpartition("/")[0])
        return portable(self.log.uri, "://")

    def _list_versions(self) -> Iterator[ModelVersion]:
        page = None
        while page is None or page.token:
            page = self.client.search_model_versions(
                f"name = '{self.model_name}'", max_results=_PAGE, page_token=page.token if page else None
            )
            yield from page

    def _prepare(self) -> None:
        """See that the registered model is there and follows this log, and that the log has all of its entries."""
        model = self._find_model() or self._create_model()
        self._refuse_another_log(model.tags.get(LOG_TAG))
        self._read_head(model)

    def _find_model(self) -> RegisteredModel | None:
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_registered_model(self.model_name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None

    def _create_model(self) -> RegisteredModel:
        from mlflow.exceptions import MlflowException

        try:
            return self.client.create_registered_model(self.model_name, tags={LOG_TAG: self.log_address})
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return self.client.get_registered_model(self.model_name)

    def _refuse_another_log(self, carried: str | None) -> None:
        if carried == self.log_address:
            return
        followed = f"the champion log {carried}" if carried else "no champion log"
        raise RegistryError(
            f"The registered model {self.model_name} follows {followed}, and this project's is {self.log_address}.",
            hint="Two projects may have one name: rename one. mlkit adopt takes over what was registered by hand. "
            f"If the log was moved, set the tag {LOG_TAG} of the "
            f"registered model in MLflow to {self.log_address}.",
        )

    def _read_head(self, model: RegisteredModel | None) -> ChampionEntry | None:
        """The newest entry of the log, and not an older one than MLflow knows of.

        The other way round is a promotion that was killed before MLflow was told. MLflow was asked first: an entry that
        is appended meanwhile is no loss.
        """
        head, recorded = self.log.head(), newest_entry_told(model)
        if recorded > (head.n if head else 0):
            raise RegistryError(
                f"{self.log.uri}/{recorded}.json is missing: MLflow knows of champion {recorded} of {self.model_name}.",
                hint="Bring the file back from a backup. If the log is to begin anew, delete the registered model "
                f"{self.model_name} in MLflow first.",
            )
        return head

    def _find(self, client: MlflowClient, challenger: Challenger) -> ModelVersion | None:
        query = f"name = '{self.model_name}' and tag.`mlkit.model_id` = '{challenger.model_id}'"
        versions = client.search_model_versions(query)
        return next((found for found in versions if found.tags.get("mlkit.run_id") == challenger.run_id), None)

    def _point_to(self, head: ChampionEntry, told: RegisteredModel | None) -> None:
        """Tell MLflow what it does not say yet. The newest entry comes last: it is lost only where all was told."""
        client, name, version = self.client, self.model_name, head.model_version
        aliases = {alias: str(number) for alias, number in told.aliases.items()} if told else {}
        if aliases.get(CHAMPION_ALIAS) != version:
            client.set_registered_model_alias(name, CHAMPION_ALIAS, version)
        client.set_model_version_tag(name, version, ENTRY_TAG, str(head.n))
        anchor = self.log.anchor_of(head).model_version
        if aliases.get(ANCHOR_ALIAS) != anchor:
            self._point_anchor_to(anchor)
        newest = f"{head.n}:{self.log.hash_of(head.n)}"
        if told is None or told.tags.get(NEWEST_ENTRY_TAG) != newest:
            client.set_registered_model_tag(name, NEWEST_ENTRY_TAG, newest)

    def _point_anchor_to(self, version: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.set_registered_model_alias(self.model_name, ANCHOR_ALIAS, version)
        except MlflowException as error:
            if error.error_code not in _IS_GONE:
                raise
            # the champion must not hang on an old version that somebody deleted in MLflow: its files count, not its row
            log.warning("%s version %s, the anchor, was deleted in MLflow: no alias", self.model_name, version)
            self.client.delete_registered_model_alias(self.model_name, ANCHOR_ALIAS)


def newest_entry_told(model: RegisteredModel | None) -> int:
    """The number of the newest entry that MLflow was told of; 0 for none."""
    number = (model.tags.get(NEWEST_ENTRY_TAG, "") if model else "").partition(":")[0]
    return int(number) if number.isdigit() else 0
