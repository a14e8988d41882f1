"""One loader for a folder of many projects: a Dag bundle in which each project has a Dag file of its own.

Airflow keeps import errors, parsing processes and time limits by file. An error in one file that served all projects
would take all their Dags away; here a broken project loses its own, and has an import error of its own. In airflow.cfg:

    [dag_processor]
    dag_bundle_config_list = [{"name": "projects",
                               "classpath": "airflow_mlkit.airflow.bundle.ProjectsDagBundle",
                               "kwargs": {"folder": "/srv/projects"}}]
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle
from airflow.sdk import DAG

from airflow_mlkit.airflow.factory import build_dags
from airflow_mlkit.airflow.settings import read_settings
from airflow_mlkit.exceptions import ProjectError, SpecError
from airflow_mlkit.project import SPEC_FILE, Project, load_project
from airflow_mlkit.rundir import replace_file, safe_run_id

DAG_FILE = Path(__file__).with_name("served_project.py")
"""What every project's link leads to."""

NAMES_FILE = "names.json"
"""The name of each project at the last refresh, so that no project has to read all others."""


class ProjectsDagBundle(BaseDagBundle):
    """Serves the projects in a folder: each sub folder with an mlkit.yaml.

    :param folder: the folder of projects
    """

    supports_versioning = False

    def __init__(self, *, folder: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = Path(folder)

    @property
    def path(self) -> Path:
        """Where the Dag files lie: links, named like the projects' folders."""
        return self.base_dir / "dags"

    def initialize(self) -> None:
        """Make the links; every worker does so for itself."""
        self.refresh()
        super().initialize()

    def refresh(self) -> None:
        """Follow the folder: a link for each project that is there, and none for those that are gone.

        Raises:
            ProjectError: when the folder is not there.
        """
        projects = find_projects(self.folder)
        with self.lock():
            _link_all(self.base_dir / "projects", {name: folder.resolve() for name, folder in projects.items()})
            _link_all(self.path, {f"{name}.py": DAG_FILE for name in projects})
            names = {name: _declared_name(path) for name, path in projects.items()}
            replace_file(self.base_dir / NAMES_FILE, json.dumps(names).encode())

    def get_current_version(self) -> None:
        """There is none: the folder is served as it is."""


def find_projects(folder: Path) -> dict[str, Path]:
    """The projects directly inside a folder, by a name that is safe for a file.

    Raises:
        ProjectError: when the folder is not there.
    """
    if not folder.is_dir():
        raise ProjectError(f"The folder of projects {folder} is not there.")
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    return {safe_run_id(path.name): path for path in inside if _is_project(path)}


def served_dags(file: str) -> dict[str, DAG]:
    """The Dags of the project that a link in a bundle stands for; the file itself stands for none.

    Raises:
        SpecError: when the project cannot be used, or shares its name with another one.
    """
    link = Path(file)
    if not link.is_symlink():
        return {}
    base = link.parent.parent
    settings = read_settings()
    folder = (base / "projects" / link.stem).resolve()
    project = load_project(folder, environment=settings.environment, platform=settings.platform)
    _check_name(project, link.stem, base / NAMES_FILE)
    return build_dags(project, settings)


def _is_project(folder: Path) -> bool:
    try:
        return (folder / SPEC_FILE).is_file()
    except PermissionError:
        return True  # its own Dag file says so, and the others are served


def _check_name(project: Project, stem: str, names: Path) -> None:
    """Refuse a name that another project had at the last refresh."""
    others = json.loads(names.read_text(encoding="utf-8"))
    folders = [names.parent / "projects" / other for other in sorted(others)]
    same = [folder for folder in folders if folder.name != stem and others[folder.name] == project.spec.name]
    if same:
        specs = ", ".join(str(folder.resolve() / SPEC_FILE) for folder in same)
        raise SpecError(
            [f"{project.folder / SPEC_FILE} name: {project.spec.name!r} is the name of {specs} too"],
            hint="A name becomes the ids of Dags, runs and a registered model: rename one of them.",
        )


def _declared_name(folder: Path) -> str | None:
    """The name that a spec declares, by its line: reading all of every project's YAML would delay each task."""
    try:
        lines = (folder / SPEC_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None  # reported by that project's own Dag file
    declared = (line.partition(":")[2].partition("#")[0] for line in lines if line.startswith("name:"))
    return next(declared, "").strip(" \t\"'") or None


def _link_all(folder: Path, targets: dict[str, Path]) -> None:
    """Make a folder hold exactly these links, each replaced in one step: tasks may be reading them."""
    folder.mkdir(parents=True, exist_ok=True)
    for link in folder.iterdir():
        if link.name not in targets and link.is_symlink():
            link.unlink()
    for name, target in targets.items():
        if not (folder / name).is_symlink() or (folder / name).readlink() != target:
            temporary = folder / f".{uuid.uuid4().hex}"
            temporary.symlink_to(target)
            temporary.replace(folder / name)
