"""scikit-learn's estimators and pipelines in skops' format, written so that the same model is the same file."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import skops.io

from airflow_mlkit.exceptions import ModelError, WorkflowError
from airflow_mlkit.workflows.trusted_types import say_untrusted, trusted_names

SCHEMA = "schema.json"


def dump_estimator(estimator: Any, package: str, declared: tuple[str, ...]) -> bytes:
    """An estimator as the canonical bytes of a `model.skops`.

    Args:
        estimator: fitted.
        package: the project's package.
        declared: `train.trusted_types`.

    Raises:
        WorkflowError: when it holds a type that may not be loaded again; names each and the line to write.
    """
    try:
        content = skops.io.dumps(estimator)
    except Exception as error:  # skops raises whatever the state of a foreign type makes it raise
        raise WorkflowError(
            f"{type(estimator).__module__}.{type(estimator).__name__} cannot be saved without a pickle: {error}",
            hint="Use an estimator of scikit-learn or XGBoost.",
        ) from error
    refused = sorted(set(skops.io.get_untrusted_types(data=content)) - trusted_names(package, declared))
    if refused:
        problems = [f"  {say_untrusted(name, package)}" for name in refused]
        raise WorkflowError("\n".join(["the fitted model holds what may not be loaded again:", *problems]))
    return canonical_archive(content)


def load_estimator(path: Path, package: str, declared: tuple[str, ...]) -> Any:
    """The estimator of a `model.skops`.

    Raises:
        ModelError: when the file is damaged, or holds a type that is not trusted.
    """
    try:
        return skops.io.load(path, trusted=sorted(trusted_names(package, declared)))
    except Exception as error:  # a damaged or foreign file: skops, zipfile and numpy each have errors of their own
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path} cannot be loaded: {first}") from error


def canonical_archive(content: bytes) -> bytes:
    """A skops archive without what differs from dump to dump: object ids, the names of its files and their times.

    Ids that are referred to, and files, are numbered in the order in which the schema first mentions them; the others
    go. skops reads the result as any other file, since it only asks that equal ids stay equal.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read(SCHEMA))
        nodes = list(_nodes(schema))
        ids, names = _Numbering(), _Numbering()
        shared = {node["__id__"] for node in nodes if node["__loader__"] == "CachedNode"}
        for node in nodes:
            _rename(node, shared, ids, names)
        files = {f"{number}{Path(name).suffix}": archive.read(name) for name, number in names.items()}
    return _pack({SCHEMA: json.dumps(schema, separators=(",", ":")).encode(), **files})


class _Numbering(dict[Any, int]):
    """Gives each new key the next number, from 1: skops takes the id 0 for none."""

    def __missing__(self, key: Any) -> int:
        self[key] = len(self) + 1
        return self[key]


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """The nodes of a schema, in the order in which they are read; a set of texts is put in order first."""
    if isinstance(value, dict) and "__loader__" in value:
        _sort_set(value)
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _nodes(inner)


def _sort_set(node: dict[str, Any]) -> None:
    """The order of a set of texts hangs on the process, and skops writes it as it comes."""
    if node["__loader__"] == "SetNode" and all(item["__loader__"] == "JsonNode" for item in node["content"]):
        node["content"].sort(key=lambda item: str(item["content"]))


def _rename(node: dict[str, Any], shared: set[int], ids: _Numbering, names: _Numbering) -> None:
    found = node.pop("__id__", None)
    if found in shared:
        node["__id__"] = ids[found]
    if isinstance(node.get("file"), str):
        node["file"] = f"{names[node['file']]}{Path(node['file']).suffix}"


def _pack(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content, compresslevel=1)
    return buffer.getvalue()
