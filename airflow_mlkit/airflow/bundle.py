"""One loader for a folder of many projects: a Dag bundle in which each project has a Dag file of its own.

Airflow keeps import errors, parsing processes and time limits by file. An error in one file that served all projects
would take all their Dags away; here a broken project loses its own, and has an import error of its own. In airflow.cfg:

    [dag_processor]
    dag_bundle_config_list = [{"name": "projects",
                               "classpath": "airflow_mlkit.airflow.bundle.ProjectsDagBundle",
                               "kwargs": {"folder": "/srv/projects"}}]
"""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle
from airflow.sdk import DAG

from airflow_mlkit.airflow.factory import pipeline_dags
from airflow_mlkit.exceptions import ProjectError, SpecError
from airflow_mlkit.project import SPEC_FILE
from airflow_mlkit.rundir import safe_run_id

DAG_FILE = Path(__file__).with_name("served_project.py")
"""What every project's link leads to."""

_NAME = re.compile(r"^name:[ \t]*[\"']?([a-z0-9-]+)", re.MULTILINE)


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
    projects = link.parent.parent / "projects"
    folder = (projects / link.stem).resolve()
    dags = pipeline_dags(folder)
    _check_name(folder, projects)
    return dags


def _is_project(folder: Path) -> bool:
    try:
        return (folder / SPEC_FILE).is_file()
    except PermissionError:
        return True  # its own Dag file says so, and the others are served


def _check_name(folder: Path, projects: Path) -> None:
    name, line = _declared_name(folder)
    others = (link.resolve() for link in sorted(projects.iterdir()))
    same = [str(other / SPEC_FILE) for other in others if other != folder and _declared_name(other)[0] == name]
    if name and same:
        raise SpecError(
            [f"{folder / SPEC_FILE}:{line} name: {name!r} is the name of {', '.join(same)} too"],
            hint="A name becomes the ids of Dags, runs and a registered model: rename one of them.",
        )


def _declared_name(folder: Path) -> tuple[str | None, int]:
    try:
        text = (folder / SPEC_FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None, 1  # reported by that project's own Dag file
    found = _NAME.search(text)
    return (found[1], text.count("\n", 0, found.start()) + 1) if found else (None, 1)


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
