"""`image.json`, beside mlkit.yaml: which image the pods run in. Every Dag file reads it: nothing heavy here."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, ValidationError

from airflow_mlkit.exceptions import ProjectError
from airflow_mlkit.project import IMAGE_FILE
from airflow_mlkit.rundir.records import Record

FORMAT: Literal[1] = 1
"""The form of the file that this version writes. An older kit refuses a newer form: half of it may mean nothing."""

MAX_BYTES = 1 << 22

Kind = Literal["cpu", "gpu"]
"""Which sizes an image is for: those without graphics cards, or those with."""

_HOST = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?"
_PATH = r"(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)+"
REPOSITORY = rf"{_HOST}{_PATH}"
"""Where images of one name lie, as registries write it: the host, then a path."""

_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_BY_DIGEST = rf"^{REPOSITORY}@sha256:[0-9a-f]{{64}}$"
_BY_TAG = rf"^{REPOSITORY}:{_TAG}$"
_Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class BuiltImage(Record):
    """One image.

    Attributes:
        reference: with the digest that the registry answered; None for an image that was not pushed.
        tag: the name under which its builder knows it.
        base: what it was built on; None for the Dockerfile's own.
        built: when.
        commit: of the project; None outside of git.
        clean: whether the project's files were as that commit has them; None where git could not say.
        code_hash: of the workflow's package, as the manifests of models have it.
        files: the hash of every file of the project that is in the image, or says how it is built.
    """

    reference: Annotated[str, StringConstraints(pattern=_BY_DIGEST)] | None = None
    tag: Annotated[str, StringConstraints(pattern=_BY_TAG)]
    base: str | None = None
    built: datetime
    commit: str | None = None
    clean: bool | None = None
    code_hash: _Hash
    files: dict[str, _Hash]

    def changed(self, files: Mapping[str, str]) -> list[str]:
        """The names of the files that are not those of the image: changed, new or gone."""
        return sorted(name for name in {*self.files, *files} if self.files.get(name) != files.get(name))


class ImageRecord(Record):
    """`image.json`: the images of a project by their kind."""

    version: Literal[1] = FORMAT
    project: str
    images: dict[Kind, BuiltImage] = Field(min_length=1)

    def of(self, gpus: int) -> BuiltImage | None:
        """The image for a size with so many graphics cards; the cpu one cannot train on a card."""
        return self.images.get("gpu" if gpus else "cpu")

    def updated(self, images: Mapping[Kind, BuiltImage]) -> Self:
        """The same with some of its images replaced."""
        return self.model_copy(update={"images": {**self.images, **images}})


def read_image_record(folder: Path) -> ImageRecord | None:
    """The images of the project in a folder; None where none was ever built.

    Raises:
        ProjectError: when the file cannot be used, with what to do in a sentence.
    """
    path = folder / IMAGE_FILE
    try:
        given = json.loads(_read(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _broken(path, f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise _broken(path, "is no JSON, as after a merge with conflicts or a write that was cut off") from None
    version = given.get("version") if isinstance(given, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise ProjectError(
            f"{path} was written by a newer mlkit (form {version}; this one reads {FORMAT}).",
            hint="Install the version of airflow-mlkit that requirements.txt names.",
        )
    try:
        return ImageRecord.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise _broken(path, f"is no record of images: {f'{place}: ' if place else ''}{first['msg']}") from None


def _read(path: Path) -> bytes:
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise _broken(path, "is no ordinary file")
    if state.st_size > MAX_BYTES:
        raise _broken(path, f"is larger than {MAX_BYTES >> 20} MiB; this is another file")
    return path.read_bytes()


def _broken(path: Path, said: str) -> ProjectError:
    return ProjectError(
        f"{path} {said}.", hint="Bring it back from git, or remove it and build again: mlkit image build."
    )
