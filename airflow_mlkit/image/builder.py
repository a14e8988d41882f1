"""What builds and pushes images: docker, podman or buildah, whichever is there and works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from airflow_mlkit.exceptions import ImageError, UserError
from airflow_mlkit.image.follow import follow, last_line
from airflow_mlkit.image.hints import find_hint
from airflow_mlkit.spec.nearest import did_you_mean

BUILDER_VARIABLE = "MLKIT_BUILDER"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PROBE_SECONDS = 30
_NEEDS_PLUGIN = 23

Tell = Callable[[str], None]
"""Shown to whoever waits: a line of a builder's own output."""


@dataclass(frozen=True)
class Recipe:
    """What is built.

    Attributes:
        folder: the project's; nothing outside of it is read.
        dockerfile: its name in the folder.
        tag: what the image is called.
        arguments: of the Dockerfile; one that it does not declare is ignored.
        labels: of the image.
        options: for the builder, as a person typed them.
    """

    folder: Path
    dockerfile: str
    tag: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()


class Builder(ABC):
    """A program that builds images."""

    name: ClassVar[str]
    probe: ClassVar[tuple[str, ...]]
    """What it is asked to see whether it works: something that needs its daemon or its storage."""
    environment: ClassVar[Mapping[str, str]] = {}

    def find_trouble(self) -> str | None:
        """Why it cannot be used here; None when it can."""
        return self._try(*self.probe) if shutil.which(self.name) else "is not installed"

    def _try(self, *words: str) -> str | None:
        """What went wrong with a command that takes a moment; None when nothing did."""
        try:
            done = subprocess.run(
                [self.name, *words],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_PROBE_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return f"did not answer within {_PROBE_SECONDS} seconds"
        except OSError as error:
            return f"cannot be started: {error.strerror}"
        return None if done.returncode == 0 else last_line(done.stderr) or f"ended with {done.returncode}"

    def build(self, recipe: Recipe, tell: Tell) -> str:
        """Build an image. Returns its id.

        Raises:
            ImageError: when it could not be built, with the end of what the builder said.
        """
        with _answer_file() as answer:
            self._run(self.build_command(recipe, answer), "The image could not be built", tell, recipe.folder)
            return _read_digest(answer, self.name)

    def build_command(self, recipe: Recipe, id_file: Path) -> list[str]:
        """The command line that builds an image and writes its id into a file; its folder is the current one.

        The folder is named as a dot: what a path is called that begins with a dash, or has a colon, is not asked.
        """
        arguments = [f"--build-arg={name}={value}" for name, value in recipe.arguments.items()]
        labels = [f"--label={name}={value}" for name, value in recipe.labels.items()]
        named = [f"--file={recipe.dockerfile}", f"--tag={recipe.tag}", f"--iidfile={id_file}"]
        return [self.name, *self.build_words, *named, *arguments, *labels, *recipe.options, "."]

    @property
    @abstractmethod
    def build_words(self) -> tuple[str, ...]:
        """How this program is told to build."""

    @abstractmethod
    def push(self, image_id: str, tag: str, tell: Tell) -> str:
        """Push an image under a tag. Returns the digest that the registry has it under.

        Raises:
            ImageError: when the registry refused or could not be reached.
        """

    def _run(self, command: Sequence[str], problem: str, tell: Tell, folder: Path | None = None) -> None:
        status, lines = follow(command, tell, folder=folder, environment={**os.environ, **self.environment})
        if status:
            said = "\n".join(f"  {line}" for line in lines) or f"  {self.name} ended with {status} and said nothing."
            raise ImageError(f"{problem}. The end of what {self.name} said:\n{said}", hint=find_hint(lines))


class Docker(Builder):
    """Docker, with BuildKit: the project's Dockerfile mounts secrets."""

    name = "docker"
    probe = ("version", "--format", "{{.Server.Version}}")
    environment: ClassVar[Mapping[str, str]] = {"DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}
    build_words = ("build",)

    def find_trouble(self) -> str | None:
        """As of any builder; BuildKit is a plugin of its own since version 23, and distributions leave it out."""
        if trouble := super().find_trouble():
            return trouble
        version = self._ask("version", "--format", "{{.Client.Version}}").partition(".")[0]
        lacks = version.isdecimal() and int(version) >= _NEEDS_PLUGIN and self._try("buildx", "version")
        return "lacks its plugin buildx (the package docker-buildx or docker-buildx-plugin)" if lacks else None

    def push(self, image_id: str, tag: str, tell: Tell) -> str:
        """Push; the daemon keeps the registry's answer with the image."""
        problem = f"The image could not be pushed to {tag}"
        self._run([self.name, "tag", image_id, tag], problem, tell)
        self._run([self.name, "push", tag], problem, tell)
        repository = tag.rpartition(":")[0]
        known = json.loads(self._ask("image", "inspect", "--format", "{{json .RepoDigests}}", image_id) or "null")
        for reference in known or ():
            name, _, digest = reference.rpartition("@")
            if name.removeprefix("docker.io/") == repository.removeprefix("docker.io/"):
                return str(digest)
        raise ImageError(f"{tag} was pushed, and docker does not know under which digest.", hint="Push it again.")

    def _ask(self, *words: str) -> str:
        lines: list[str] = []
        self._run([self.name, *words], f"docker {words[0]} did not answer", lines.append)
        return lines[-1] if lines else ""


class _WithDigestFile(Builder):
    """Podman and buildah, which write the registry's answer into a file."""

    def push(self, image_id: str, tag: str, tell: Tell) -> str:
        """Push by id: another build may have taken the tag."""
        with _answer_file() as answer:
            command = [self.name, "push", f"--digestfile={answer}", image_id, f"docker://{tag}"]
            self._run(command, f"The image could not be pushed to {tag}", tell)
            return _read_digest(answer, self.name)


class Podman(_WithDigestFile):
    """Podman."""

    name = "podman"
    probe = ("info",)
    build_words = ("build", "--layers")


class Buildah(_WithDigestFile):
    """Buildah."""

    name = "buildah"
    probe = ("info",)
    build_words = ("bud", "--layers")


BUILDERS: Mapping[str, Builder] = {each.name: each for each in (Docker(), Podman(), Buildah())}
"""In the order in which they are tried."""


def find_builder(wanted: str | None = None) -> Builder:
    """The builder of that name; else the first one that works here.

    Args:
        wanted: a name; MLKIT_BUILDER when not given.

    Raises:
        UserError: when there is none, with what is wrong with each.
    """
    name = wanted or os.environ.get(BUILDER_VARIABLE)
    if name and name not in BUILDERS:
        raise UserError(f"There is no builder {name!r}{did_you_mean(name, BUILDERS)}")
    troubles: dict[str, str] = {}
    for builder in [BUILDERS[name]] if name else BUILDERS.values():
        trouble = builder.find_trouble()
        if trouble is None:
            return builder
        troubles[builder.name] = trouble
    said = "\n".join(f"  {each} {trouble}" for each, trouble in troubles.items())
    raise UserError(
        f"No image can be built here:\n{said}",
        hint="Install one of docker, podman and buildah (on Debian and Ubuntu: apt-get install buildah), or start it.",
    )


@contextmanager
def _answer_file() -> Iterator[Path]:
    """A file that a builder writes one answer into."""
    with tempfile.TemporaryDirectory(prefix="mlkit-image-") as folder:
        yield Path(folder) / "answer"


def _read_digest(path: Path, builder: str) -> str:
    text = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    if not _DIGEST.fullmatch(text):
        raise ImageError(f"{builder} did not say which image it made: {text[:80]!r} is no digest.")
    return text
