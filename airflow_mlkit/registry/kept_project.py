"""What a project declared when a model was made, kept with the model: mlkit.yaml and the files that it names."""

from __future__ import annotations

import shutil
from pathlib import Path

from airflow_mlkit.project import SPEC_FILE, Project
from airflow_mlkit.spec.dump import dump_spec

PROJECT_FOLDER = "project"


def keep_project(project: Project, folder: Path) -> None:
    """Write the canonical text of mlkit.yaml, and copy the suite and the queries beside it.

    A run's parameters are not laid over it: they stand in `run.json`, and in what the version tells. The code is in the
    model's own folder.

    Args:
        project: as it is now.
        folder: where to; made here.
    """
    folder.mkdir(parents=True)
    (folder / SPEC_FILE).write_text(dump_spec(project.spec), encoding="utf-8")
    for name, path in project.declared_files.items():
        target = folder / name
        if path.is_file() and target.resolve().is_relative_to(folder.resolve()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
