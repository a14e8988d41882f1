"""`mlkit image build`: from a project's Dockerfile to an image that image.json names by its digest."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_mlkit.exceptions import ProjectError, UserError
from airflow_mlkit.image.builder import Builder, Recipe
from airflow_mlkit.image.contents import DOCKERFILE, IGNORE_FILE, find_left_out, hash_contents
from airflow_mlkit.image.keep import keep_images
from airflow_mlkit.image.origin import Origin, find_origin
from airflow_mlkit.image.record import REPOSITORY, BuiltImage, ImageRecord, Kind, read_image_record
from airflow_mlkit.project import IMAGE_FILE, Project
from airflow_mlkit.rundir.canonical import hash_value
from airflow_mlkit.spec.environment import PodEnvironment

LOCAL = "localhost"
"""Stands for the registry in the names of images that are not pushed."""

_TAG_LETTERS = 12


@dataclass(frozen=True)
class ImageBuild:
    """One build of a project's images.

    Attributes:
        registry: where they are pushed to; None builds only.
        options: for the builder, as a person typed them.
        tell: shown to whoever waits.
    """

    project: Project
    builder: Builder
    registry: str | None = None
    options: Sequence[str] = ()
    tell: Callable[[str], None] = print

    def carry_out(self, kinds: Sequence[Kind]) -> ImageRecord:
        """Build and push an image of each kind, and write them all into image.json, or none.

        Raises:
            UserError: when the project cannot be built so, or was changed meanwhile.
            ImageError: when an image could not be built or pushed.
        """
        self._check()
        files, origin = hash_contents(self.project), find_origin(self.project.folder)
        images = {kind: self._make(kind, files, origin) for kind in kinds}
        if hash_contents(self.project) != files:
            raise UserError(
                "The project was changed while its image was built: nobody knows which files are in it.",
                hint="Build it again; that takes a second or two.",
            )
        return keep_images(self.project.folder, self.project.spec.name, images)

    def outdated(self, kinds: Sequence[Kind]) -> tuple[Kind, ...]:
        """Those of the kinds whose image is not pushed there, or is of other files or of another base than today's."""
        record = read_image_record(self.project.folder)
        if record is None or record.project != self.project.spec.name:
            return tuple(kinds)
        files = hash_contents(self.project)
        return tuple(kind for kind in kinds if not self._is_current(kind, record.images.get(kind), files))

    def _is_current(self, kind: Kind, image: BuiltImage | None, files: Mapping[str, str]) -> bool:
        if image is None or image.reference is None or image.changed(files):
            return False
        return image.base == self._base(kind) and image.reference.startswith(f"{self._repository}@")

    @property
    def _repository(self) -> str:
        return f"{self.registry or LOCAL}/{self.project.spec.name}"

    def _base(self, kind: Kind) -> str | None:
        return self.project.platform.base_images.of(kind == "gpu")

    def _check(self) -> None:
        """What would stop the build at its end is better known before it."""
        folder = self.project.folder
        if not (folder / DOCKERFILE).is_file():
            raise ProjectError(
                f"{folder / DOCKERFILE} is not there.",
                hint="Take the one of a new project, and its .dockerignore: mlkit new makes them.",
            )
        if left_out := find_left_out(self.project):
            raise ProjectError(
                f"{IGNORE_FILE} keeps out of the image what its steps read: {', '.join(left_out)}.",
                hint=f"Let it in with a line at the end of {IGNORE_FILE}: !{left_out[0]}",
            )
        if not os.access(folder, os.W_OK):
            raise ProjectError(f"{folder} cannot be written to, and {IMAGE_FILE} belongs there.")
        read_image_record(folder)

    def _make(self, kind: Kind, files: Mapping[str, str], origin: Origin) -> BuiltImage:
        base, repository = self._base(kind), self._repository
        tag = f"{repository}:{kind}-{hash_value(dict(files))[:_TAG_LETTERS]}"
        recipe = Recipe(
            folder=self.project.folder,
            dockerfile=DOCKERFILE,
            tag=tag,
            arguments=_arguments(kind, base, origin),
            labels=_labels(self.project, kind, base, origin),
            options=self.options,
        )
        image_id = self.builder.build(recipe, self.tell)
        digest = self.builder.push(image_id, tag, self.tell) if self.registry else None
        return BuiltImage(
            reference=f"{repository}@{digest}" if digest else None,
            tag=tag,
            base=base,
            built=datetime.now(UTC),
            commit=origin.git.commit,
            clean=origin.git.clean,
            code_hash=self.project.code_hash,
            files=dict(files),
        )


def find_registry(project: Project) -> str | None:
    """Where the project's environment has its images; None where it names no place.

    Raises:
        UserError: when no image can be pushed to what it names.
    """
    name = project.plan.environment
    place = project.platform.environments[name]
    registry = place.registry if isinstance(place, PodEnvironment) else None
    if registry is None:
        return None
    wanted = registry.rstrip("/")
    if not re.fullmatch(REPOSITORY, f"{wanted}/{project.spec.name}"):
        raise UserError(
            f"platform.yaml environments.{name}.registry: {registry!r} is no place of images.",
            hint="Write host and path, such as europe-docker.pkg.dev/acme/ml: small letters, no https://, no tag.",
        )
    return wanted


def _arguments(kind: Kind, base: str | None, origin: Origin) -> dict[str, str]:
    own_base = {"BASE_IMAGE": base} if base else {}
    return {**own_base, "KIND": kind, "COMMIT": origin.revision}


def _labels(project: Project, kind: Kind, base: str | None, origin: Origin) -> dict[str, str]:
    """As the OCI names them (https://github.com/opencontainers/image-spec/blob/main/annotations.md), and the kit's own.

    What is built from a clean commit is dated by it: the same files are the same image, and have the same digest.
    """
    dated = origin.committed if origin.git.clean and origin.committed else datetime.now(UTC)
    given = {
        "title": project.spec.name,
        "revision": origin.revision,
        "source": origin.source,
        "created": dated.isoformat(timespec="seconds"),
        "base.name": base,
    }
    labels = {f"org.opencontainers.image.{name}": text for name, text in given.items() if text}
    return {
        **labels,
        "mlkit.dev/project": project.spec.name,
        "mlkit.dev/kind": kind,
        "mlkit.dev/code-hash": project.code_hash,
    }
