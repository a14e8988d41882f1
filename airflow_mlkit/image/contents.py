"""Which files of a project are in its image, or say how it is built."""

from __future__ import annotations

from pathlib import Path

from airflow_mlkit.image.ignored import find_ignored
from airflow_mlkit.project import SPEC_FILE, Project
from airflow_mlkit.rundir.canonical import hash_file

DOCKERFILE = "Dockerfile"

IGNORE_FILE = ".dockerignore"

_BUILT_FROM = (DOCKERFILE, IGNORE_FILE, "requirements.txt", "constraints.txt", SPEC_FILE)


def find_contents(project: Project) -> dict[str, Path]:
    """The files on which an image depends, by their path inside the project: what a step reads, and what builds it.

    The data is not among them, and neither is platform.yaml, which each pod is handed. A file that mlkit.yaml names and
    that is not there is left out.
    """
    named = {name: project.folder / name for name in _BUILT_FROM}
    found = {**named, **project.declared_files, **project.code_files}
    return {name: found[name] for name in sorted(found) if found[name].is_file()}


def find_left_out(project: Project) -> list[str]:
    """The files that a step reads, and that `.dockerignore` keeps out of the image."""
    path = project.folder / IGNORE_FILE
    rules = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return find_ignored([name for name in find_contents(project) if name not in (DOCKERFILE, IGNORE_FILE)], rules)


def hash_contents(project: Project) -> dict[str, str]:
    """The sha256 of each of these files, by its path inside the project."""
    return {name: hash_file(path) for name, path in find_contents(project).items()}
