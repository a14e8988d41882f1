"""Ways to change a champion's files behind the champion log's back; each leaves a mark where its code was run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from airflow_mlkit.rundir.canonical import hash_file
from airflow_mlkit.workflows.files import hash_code, identify
from airflow_mlkit.workflows.manifest import ModelManifest

Forge = Callable[[Path], None]


def seal(folder: Path, **manifest: object) -> Path:
    """Write what a model's folder says of itself, with the id that its files have now."""
    content = json.loads((folder / "model.json").read_text()) | {"code_hash": hash_code(folder / "code")} | manifest
    content["model_id"] = identify(ModelManifest.model_validate(content))
    (folder / "model.json").write_text(json.dumps(content))
    return folder


def mark_of(folder: Path) -> Path:
    """The file that forged code writes when it is run."""
    return folder.parent / "executed"


def append_code(folder: Path) -> None:
    workflow = folder / "code" / "cards" / "workflow.py"
    workflow.write_text(f"{workflow.read_text()}\nopen({str(mark_of(folder))!r}, 'w').close()\n")


def put_an_extension_beside(folder: Path) -> None:
    (folder / "code" / "cards" / "workflow.abi3.so").write_bytes(b"\x7fELF")


def append_code_and_seal(folder: Path) -> None:
    append_code(folder)
    seal(folder)


def append_code_and_keep_the_id(folder: Path) -> None:
    append_code(folder)
    _rewrite(folder, code_hash=hash_code(folder / "code"))


def cut_the_model_and_keep_the_id(folder: Path) -> None:
    model = folder / "model.ubj"
    model.write_bytes(model.read_bytes()[:-100])
    _rewrite(folder, model_hash=hash_file(model))


def _rewrite(folder: Path, **changed: str) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


FORGERIES: tuple[Forge, ...] = (
    append_code,
    put_an_extension_beside,
    append_code_and_seal,
    append_code_and_keep_the_id,
    cut_the_model_and_keep_the_id,
)
