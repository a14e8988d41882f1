"""Which files of a project are in its image, or say how it is built."""

from __future__ import annotations

from pathlib import Path

from airflow_mlkit.project import SPEC_FILE, Project
from airflow_mlkit.rundir.canonical import hash_file

DOCKERFILE = "Dockerfile"

_BUILT_FROM = (DOCKERFILE, ".dockerignore", "requirements.txt", "constraints.txt", SPEC_FILE)


def find_contents(project: Project) -> dict[str, Path]:
    """The files on which an image depends, by their path inside the project: what a step reads, and what builds it.

    The data is not among them, and neither is platform.yaml, which each pod is handed. A file that mlkit.yaml names and
    that is not there is left out.
    """
    named = {name: project.folder / name for name in _BUILT_FROM}
    found = {**named, **project.declared_files, **project.code_files}
    return {name: found[name] for name in sorted(found) if found[name].is_file()}


def hash_contents(project: Project) -> dict[str, str]:
    """The sha256 of each of these files, by its path inside the project."""
    return {name: hash_file(path) for name, path in find_contents(project).items()}
