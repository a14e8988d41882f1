"""What a step would not find in its pod: a library for a bucket, or a file that lies on this machine only."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from airflow_mlkit.extras import BUCKET_EXTRAS
from airflow_mlkit.image.contents import IGNORE_FILE
from airflow_mlkit.image.ignored import find_ignored
from airflow_mlkit.image.record import read_image_record
from airflow_mlkit.plan.pod import PROJECT_FOLDER
from airflow_mlkit.project import SPEC_FILE, Project
from airflow_mlkit.spec.data import PathSource, SqlSource
from airflow_mlkit.spec.environment import PodEnvironment, Volume
from airflow_mlkit.spec.pipeline import PipelineSpec

REQUIREMENTS = "requirements.txt"

_OWN = re.compile(r"^\s*airflow[-_.]mlkit(?![-_.]?\w)\s*(?:\[(?P<extras>[^]]*)\])?", re.IGNORECASE | re.MULTILINE)
_INCLUDES = re.compile(r"^\s*(-r|--requirement)\b", re.MULTILINE)
_BROUGHT_BY = {
    "gcs": ("gcs", "google", "all"),
    "s3": ("s3", "all"),
    "postgres": ("postgres", "all"),
}
_LIBRARIES = {"gcs": "gcsfs", "s3": "s3fs", "postgres": "adbc-driver-postgresql"}


def find_lacking(project: Project, place: PodEnvironment) -> list[str]:
    """What the pods of a project would not find, or could not write to, a sentence each.

    An image that the platform has for all projects is not looked into: nobody knows here what is in it.

    Raises:
        ProjectError: when image.json cannot be used.
    """
    spec, problems = project.spec, []
    if not (place.images.cpu or place.images.gpu) or read_image_record(project.folder):
        problems += find_missing_extras(_list_needs(project), _read(project.folder / REQUIREMENTS))
        rules = _read(project.folder / IGNORE_FILE)
        sources = _list_sources(spec).items()
        paths = {f"{key}.path": source.path for key, source in sources if isinstance(source, PathSource)}
        problems += find_unreadable(paths, place.volume, lambda path: _is_let_in(project.folder, path, rules))
    if spec.predict:
        problems += find_unwritable({"predict.output.path": spec.predict.output.path}, place.volume)
    return problems


def find_missing_extras(needs: Mapping[str, str], requirements: str) -> list[str]:
    """The extras of the kit that requirements.txt does not ask for.

    Args:
        needs: what is declared, by its key: an address, or a kind of connection.
        requirements: the text of requirements.txt; one that does not name the kit, or names other files, tells nothing.
    """
    own = _OWN.search(requirements)
    if own is None or _INCLUDES.search(requirements):
        return []
    extras = [each.strip() for each in (own["extras"] or "").split(",") if each.strip()]
    missing: dict[str, str] = {}
    for key, address in needs.items():
        extra = BUCKET_EXTRAS.get(address.partition("://")[0], address)
        if extra in _BROUGHT_BY and not _is_brought(extra, extras, requirements):
            missing.setdefault(extra, f"{key} ({address})")
    wanted = ",".join([*extras, *missing])
    return [
        f"{REQUIREMENTS}: airflow-mlkit lacks the extra {extra}, which {needed} needs; write airflow-mlkit[{wanted}], "
        "and build the image again: mlkit image build"
        for extra, needed in missing.items()
    ]


def find_unreadable(
    paths: Mapping[str, str], volume: Volume | None, is_let_in: Callable[[str], bool] = lambda _path: False
) -> list[str]:
    """The files that no pod finds.

    Args:
        paths: by their keys in mlkit.yaml.
        volume: the one that each pod has.
        is_let_in: whether a path inside the project is in its image.
    """
    return [
        f"{SPEC_FILE} {key}: {path} is not in the image, so that no pod finds it; write {_elsewhere(volume)}"
        for key, path in paths.items()
        if _is_on_own_disk(path, volume) and not is_let_in(path)
    ]


def find_unwritable(paths: Mapping[str, str], volume: Volume | None) -> list[str]:
    """The folders that a pod cannot write to, or that would be gone with it; the arguments are as above."""
    return [
        f"{SPEC_FILE} {key}: {path} lies on a pod's own disk, which is read-only or gone when the pod ends; "
        f"write {_elsewhere(volume)}"
        for key, path in paths.items()
        if _is_on_own_disk(path, volume)
    ]


def _list_sources(spec: PipelineSpec) -> dict[str, object]:
    return {"data.source": spec.data.source, "predict.source": spec.predict and spec.predict.source}


def _list_needs(project: Project) -> dict[str, str]:
    spec, needs = project.spec, {"runs": project.plan.runs, "champions": project.plan.champions}
    for key, source in _list_sources(spec).items():
        if isinstance(source, PathSource):
            needs[f"{key}.path"] = source.path
        elif isinstance(source, SqlSource):
            needs[f"{key}.sql"] = "postgres"
    return needs | ({"predict.output.path": spec.predict.output.path} if spec.predict else {})


def _is_brought(extra: str, extras: list[str], requirements: str) -> bool:
    library = rf"^\s*{re.escape(_LIBRARIES[extra])}(?![-_.]?\w)"
    asked = {each.lower() for each in extras}
    return bool(asked & {*_BROUGHT_BY[extra]} or re.search(library, requirements, re.IGNORECASE | re.MULTILINE))


def _is_on_own_disk(path: str, volume: Volume | None) -> bool:
    if "://" in path and not path.startswith("file://"):
        return False
    inside_pod = posixpath.normpath(posixpath.join(PROJECT_FOLDER, path.removeprefix("file://")))
    return volume is None or not inside_pod.startswith(f"{volume.path}/")


def _elsewhere(volume: Volume | None) -> str:
    return "gs://BUCKET/... or s3://BUCKET/..." + (f", or a path inside {volume.path}" if volume else "")


def _is_let_in(folder: Path, path: str, rules: str) -> bool:
    """Whether `.dockerignore` lets in what a path names: a file, a folder or a glob."""
    inside = posixpath.normpath(path)
    if "://" in path or inside.startswith(("/", "..")):
        return False
    names = [inside, *_expand(folder, inside)]
    return len(find_ignored(names, rules)) < len(names)


def _expand(folder: Path, inside: str) -> Iterator[str]:
    for pattern in (inside, f"{inside}/*"):
        for found in folder.glob(pattern):
            yield found.relative_to(folder).as_posix()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
