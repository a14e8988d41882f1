"""Which models use a column, a source, or belong to an owner: across all projects of a registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from airflow_mlkit.exceptions import MLKitError
from airflow_mlkit.registry.address import resolved
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.finding import Finding
from airflow_mlkit.registry.mlflow_client import connect, refusals_of
from airflow_mlkit.registry.model_registry import LOG_TAG, ModelRegistry
from airflow_mlkit.registry.version_facts import VersionFacts
from airflow_mlkit.rundir.records import Record

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

_MODELS_A_PAGE, _VERSIONS_A_PAGE = 1_000, 10_000
"""What MLflow is asked for at once; it gives no more than 1,000 models."""

_TOGETHER = 16
"""Champion logs and versions that are asked for at once: each answer of a bucket or a server takes its time."""

Standing = Literal["champion", "former champion", "never champion"]


class ModelNode(Record):
    """One version of a model, with what is known of where it comes from.

    Attributes:
        promoted_at: when it became the champion last; None where it never did.
        champions: the address of the champion log.
        facts: what the version tells of itself.
        tells_columns: whether it says which columns it uses; one from before that was written down does not.
    """

    model_name: str
    model_version: str
    standing: Standing
    promoted_at: datetime | None
    promoted_by: str | None
    champions: str
    run_dir: str
    facts: VersionFacts
    tells_columns: bool

    @property
    def title(self) -> str:
        """Such as `churn version 3`."""
        return f"{self.model_name} version {self.model_version}"

    @property
    def source(self) -> str:
        """Where its rows come from, for people. A path in a project's folder is another file in another project."""
        declared = self.facts.source
        text = describe_source(declared)
        is_own = "sql" in declared or ("path" in declared and not declared["path"].startswith("/"))
        return f"{text} (of {self.model_name})" if is_own and "://" not in declared.get("path", "") else text

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that it uses, each once."""
        facts = self.facts
        label = (facts.label,) if facts.label else ()
        others = (name for names in facts.roles.values() for name in names)
        return tuple(dict.fromkeys([*facts.features, *facts.model_features, *label, *others]))


class RegistryLineage(Record):
    """The models of a registry that are the kit's.

    Attributes:
        names: of all the kit's models in the registry, also of those that were not looked at.
        foreign: how many registered models are not.
        unpromoted: the kit's models that have no champion yet.
        findings: what could not be read; the other models are there all the same.
    """

    models: tuple[ModelNode, ...]
    names: tuple[str, ...] = ()
    foreign: int = 0
    unpromoted: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def select(self, keep: Callable[[ModelNode], bool]) -> RegistryLineage:
        """The same with some of the models only."""
        return self.model_copy(update={"models": tuple(model for model in self.models if keep(model))})


def read_registry(uri: str, *, only: str | None = None, all_versions: bool = False) -> RegistryLineage:
    """What every project of a registry says of its champion.

    Args:
        uri: MLflow's.
        only: the name of the only model that is asked for.
        all_versions: also of the versions that are not the champion.

    Raises:
        RegistryError: when MLflow refuses.
    """
    with refusals_of(uri):
        client = connect(uri)
        registered = list(_pages(client.search_registered_models, _MODELS_A_PAGE))
        own = [model for model in registered if LOG_TAG in model.tags]
        wanted = [model for model in own if only in (None, model.name)]
        everything = _pages(client.search_model_versions, _VERSIONS_A_PAGE) if all_versions and only is None else ()
        versions = _sort_by_model(everything)
    readers = [_ModelReader(client, uri, model, all_versions, versions.get(model.name)) for model in wanted]
    with ThreadPoolExecutor(_TOGETHER) as pool:
        read = list(pool.map(_ModelReader.read, readers))
    return RegistryLineage(
        models=tuple(sorted((node for nodes, _ in read for node in nodes), key=_by_name)),
        names=tuple(sorted(model.name for model in own)),
        foreign=len(registered) - len(own),
        unpromoted=tuple(
            sorted(
                model.name for model, (nodes, findings) in zip(wanted, read, strict=True) if not nodes and not findings
            )
        ),
        findings=tuple(finding for _, findings in read for finding in findings),
    )


def describe_source(declared: dict[str, str]) -> str:
    """A source as people name it.

    >>> describe_source({"sql": "queries/payments.sql", "connection": "warehouse", "query_hash": "12"})
    'queries/payments.sql over warehouse'
    """
    query = declared.get("sql") or declared.get("bigquery")
    if query:
        return f"{query} over {declared.get('connection') or declared.get('project') or 'bigquery'}"
    return declared.get("path", "")


def is_source(node: ModelNode, wanted: str) -> bool:
    """Whether a model's source is called so: its path, its query's file or its connection, whole, in part or a glob."""
    named = [value for key, value in node.facts.source.items() if key in ("path", "sql", "bigquery", "connection")]
    return any(wanted in value or fnmatchcase(value, wanted) for value in named)


def is_owned_by(node: ModelNode, owner: str) -> bool:
    """Whether a model belongs to somebody, however they write their capitals."""
    return (node.facts.owner or "").casefold() == owner.strip().casefold()


def _by_name(node: ModelNode) -> tuple[str, int]:
    return node.model_name, -int(node.model_version)


def _pages(search: Callable[..., Iterable[RegisteredModel] | Iterable[ModelVersion]], size: int) -> Iterator[Any]:
    token = None
    while True:
        page: Any = search(max_results=size, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _sort_by_model(versions: Iterable[ModelVersion]) -> dict[str, list[ModelVersion]]:
    found: dict[str, list[ModelVersion]] = {}
    for version in versions:
        found.setdefault(version.name, []).append(version)
    return found


@dataclass(frozen=True)
class _ModelReader:
    """Reads one registered model: its champion, or all its versions; `versions` are those that are known already."""

    client: MlflowClient
    uri: str
    model: RegisteredModel
    all_versions: bool
    versions: list[ModelVersion] | None

    def read(self) -> tuple[list[ModelNode], list[Finding]]:
        """The versions, and what could not be read."""
        name = self.model.name
        try:
            registry = ModelRegistry(self.uri, name, ChampionLog(log_of(self.uri, self.model.tags[LOG_TAG])))
            registry.client = self.client
            return self._describe_versions(registry), []
        except MLKitError as error:
            return [], [Finding(kind="damaged", what=f"{name}: {error.message}", hint=error.hint or "")]

    def _describe_versions(self, registry: ModelRegistry) -> list[ModelNode]:
        if self.all_versions:
            entries = registry.log.entries()
            return [_describe(registry, version, entries) for version in self.versions or registry.versions()]
        head = registry.log.head()
        return [_describe(registry, registry.version(head.model_version), [head])] if head else []


def log_of(uri: str, address: str) -> str:
    """Where a champion log lies, from the address that the registered model carries."""
    return resolved(
        address, uri.removeprefix("sqlite:///").rpartition("/")[0] if uri.startswith("sqlite:///") else "://"
    )


def _describe(registry: ModelRegistry, version: ModelVersion, entries: list[ChampionEntry]) -> ModelNode:
    number = str(version.version)
    own = [entry for entry in entries if entry.model_version == number]
    newest = own[-1] if own else None
    is_head = newest is not None and newest.n == entries[-1].n
    facts = VersionFacts.from_tags(version.tags)
    if VersionFacts.list_in_file(version.tags):
        facts = registry.facts(version)
    return ModelNode(
        model_name=registry.model_name,
        model_version=number,
        standing="champion" if is_head else "former champion" if newest else "never champion",
        promoted_at=newest.promoted_at if newest else None,
        promoted_by=newest.promoted_by if newest else None,
        champions=registry.log.uri,
        run_dir=resolved(newest.run_dir, registry.log.uri) if newest else facts.run_dir or "",
        facts=facts,
        tells_columns=bool(facts.features),
    )
