"""A project on this machine: its folder, what it declares, and the place it runs in."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from airflow_mlkit.exceptions import ProjectError, SpecError
from airflow_mlkit.plan import PipelinePlan, PlannedStep, build_plan
from airflow_mlkit.rundir.canonical import hash_file, hash_value
from airflow_mlkit.spec import PipelineSpec, PlatformSpec, load_platform, load_spec
from airflow_mlkit.spec.run_parameters import RunParameters, find_unknown

SPEC_FILE = "mlkit.yaml"
PLATFORM_FILE = "platform.yaml"
PLATFORM_VARIABLE = "MLKIT_PLATFORM_JSON"
"""What a pod is handed of platform.yaml, which is not in its image."""

IMAGE_FILE = "image.json"
"""Which image the pods of the project run in."""

DEFAULT_ENVIRONMENT = "laptop"


@dataclass(frozen=True)
class Project:
    """A project's folder with its spec and its plan for one environment."""

    folder: Path
    spec: PipelineSpec
    platform: PlatformSpec
    plan: PipelinePlan
    platform_file: Path | None = None
    """Where `platform` was read, absolute; None for a laptop's defaults."""

    @property
    def runs(self) -> str:
        """Where the runs of this project lie, absolute."""
        return f"{self.absolute(self.plan.runs)}/{self.spec.name}"

    @property
    def champions(self) -> str:
        """Where the champion log of this project's model lies, absolute."""
        return f"{self.absolute(self.plan.champions)}/{self.spec.name}"

    @property
    def mlflow(self) -> str:
        """MLflow's URI; a relative SQLite file is taken from the project's folder."""
        head, slashes, path = self.plan.mlflow.partition("sqlite:///")
        if not slashes or head or path.startswith("/"):
            return self.plan.mlflow
        return f"sqlite:///{self.folder / path}"

    @property
    def python(self) -> str:
        """The Python that the project's steps run with: `steps.python`, its .venv, else this one."""
        if self.spec.steps.python:
            return str(self.folder / self.spec.steps.python)
        own = self.folder / ".venv" / "bin" / "python"
        return str(own) if own.exists() else sys.executable

    @property
    def step_options(self) -> dict[str, str]:
        """The options of `mlkit step` with which a process of its own finds this project in this environment."""
        platform = {"--platform": str(self.platform_file)} if self.platform_file else {}
        return {"--project": str(self.folder), "--environment": self.plan.environment, **platform}

    def absolute(self, uri: str) -> str:
        """A URI with a relative local path taken from the project's folder."""
        return uri.rstrip("/") if "://" in uri else str((self.folder / uri).resolve())

    def file(self, relative: str) -> Path:
        """A file of the project, by its path inside the folder.

        Raises:
            ProjectError: when it is not there or lies outside.
        """
        path = (self.folder / relative).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise ProjectError(f"{relative} lies outside the project {self.folder}.", hint="Move it into the project.")
        if not path.is_file():
            raise ProjectError(f"{path} is not there.", hint=f"{SPEC_FILE} names it; write it, or correct the name.")
        return path

    def check_parameters(self, given: RunParameters) -> RunParameters:
        """A run's parameters, as they are, from whichever door they came in.

        Raises:
            SpecError: when they name a parameter that `train.params` does not, or a size or a compute
                resource that the platform has not.
        """
        unknown = find_unknown(
            given,
            params=self.spec.train.params,
            sizes=self.platform.sizes,
            resources=self.platform.compute_resources,
        )
        if unknown:
            raise SpecError(unknown, hint="Correct the name, or declare it first.")
        return given

    def name_size(self, planned: PlannedStep, parameters: RunParameters) -> str:
        """The size that a step of a run asks for, by its name: its own, the run's, or that of mlkit.yaml."""
        if planned.name in self.spec.train.sizes:
            return planned.size.name
        # a run that began on another machine may name a resource that this platform.yaml has no longer
        meant = self.platform.compute_resources.get(parameters.compute_resource or "")
        return parameters.size or meant or planned.size.name

    @property
    def declared_files(self) -> dict[str, Path]:
        """The files that mlkit.yaml names beside the data: the suite and the queries, whether or not they are there."""
        sources = [self.spec.data.source, *([self.spec.predict.source] if self.spec.predict else [])]
        queries = (getattr(source, kind, None) for source in sources for kind in ("sql", "bigquery"))
        names = dict.fromkeys([self.spec.validation.suite, *(query for query in queries if query)])
        return {name: self.folder / name for name in names}

    @cached_property
    def code_files(self) -> dict[str, Path]:
        """The Python files of the workflow's package, by their path inside the project."""
        return find_code_files(self.folder, self.spec.package)

    @cached_property
    def code_hash(self) -> str:
        """sha256 over the names and the bytes of the workflow's package."""
        return hash_files(self.code_files)

    @cached_property
    def spec_hash(self) -> str:
        """sha256 of the spec's canonical JSON, in which layout and comments do not count."""
        return hash_spec(self.spec)


def find_code_files(folder: Path, name: str) -> dict[str, Path]:
    """The Python files of a package or a module that lies in a folder, by their path inside the folder."""
    package = folder / name
    if package.is_dir():
        files = sorted(path for path in package.rglob("*.py") if "__pycache__" not in path.parts)
    else:
        files = [path for path in [package.with_suffix(".py")] if path.is_file()]
    return {path.relative_to(folder).as_posix(): path for path in files}


def hash_files(files: Mapping[str, Path]) -> str:
    """sha256 over the names and the bytes of files."""
    return hash_value({name: hash_file(path) for name, path in files.items()})


def hash_spec(spec: PipelineSpec) -> str:
    """sha256 of a spec's canonical JSON, in which layout and comments do not count."""
    return hash_value(spec.model_dump(mode="json", by_alias=True))


def load_project(
    folder: Path | str = ".", *, environment: str | None = None, platform: Path | str | None = None
) -> Project:
    """Load the project in a folder.

    Args:
        folder: where its mlkit.yaml is.
        environment: a name from platform.yaml; MLKIT_ENVIRONMENT or `laptop` when not given.
        platform: the platform.yaml; what a pod was handed, MLKIT_PLATFORM, the project's own, or a laptop's defaults
            when not given.

    Raises:
        SpecError: when mlkit.yaml or platform.yaml cannot be used.
    """
    home = Path(folder).resolve()
    spec = load_spec(home / SPEC_FILE)
    handed = None if platform else os.environ.get(PLATFORM_VARIABLE)
    platform_file = None if handed else find_platform_file(home, platform)
    declared = PlatformSpec.model_validate_json(handed) if handed else load_platform(platform_file)
    place = environment or os.environ.get("MLKIT_ENVIRONMENT") or DEFAULT_ENVIRONMENT
    plan = build_plan(spec, declared, place)
    return Project(home, spec, declared, plan, platform_file and platform_file.resolve())


def find_platform_file(folder: Path, given: Path | str | None = None) -> Path | None:
    """The platform.yaml that counts: the one given, MLKIT_PLATFORM, the project's own; None for a laptop's defaults."""
    named = given or os.environ.get("MLKIT_PLATFORM")
    own = folder / PLATFORM_FILE
    return Path(named) if named else own if own.exists() else None
