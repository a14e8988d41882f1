"""Stand-ins for what builds images: programs on the PATH, and a builder at the kit's own seam."""

from __future__ import annotations

import stat
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from airflow_mlkit.exceptions import ImageError
from airflow_mlkit.image.builder import Builder, Recipe, Tell

DIGEST = f"sha256:{sha256(b'image').hexdigest()}"


def write_program(folder: Path, name: str, script: str) -> Path:
    """A shell script on the PATH of a test; it notes how it was called in NAME.calls."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >>{folder}/{name}.calls; echo >>{folder}/{name}.calls\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


class PretendedBuilder(Builder):
    """Builds nothing. `during` is called while it would build."""

    name = "pretended"
    probe = ()
    build_words = ("build",)

    def __init__(self, *, during: Callable[[Recipe], None] | None = None, refuses_push: bool = False) -> None:
        self.during, self.refuses_push = during, refuses_push
        self.recipes: list[Recipe] = []

    def build(self, recipe: Recipe, tell: Tell) -> str:
        self.recipes.append(recipe)
        tell("STEP 1")
        if self.during:
            self.during(recipe)
        return DIGEST

    def push(self, image_id: str, tag: str, tell: Tell) -> str:
        if self.refuses_push:
            raise ImageError("The registry refused.")
        return f"sha256:{sha256((image_id + tag).encode()).hexdigest()}"
