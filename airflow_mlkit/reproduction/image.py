"""A version's own image: its steps run in it without a network, and what they read cannot be written."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from airflow_mlkit.reproduction.interpreter import Interpreter

ENGINES = ("docker", "podman")
_SECONDS = 1800


def open_image(image: str, folder: Path) -> Interpreter | str:
    """An interpreter in an image, or a sentence that says why not.

    Args:
        image: with its digest.
        folder: with the scratch project and the scratch run.
    """
    engine = next((found for name in ENGINES if (found := shutil.which(name))), None)
    if engine is None:
        return f"It was made in the image {image}, and there is neither docker nor podman here."
    if _call(engine, "image", "inspect", image) and (problem := _call(engine, "pull", "--quiet", image)):
        return f"It was made in the image {image}, which cannot be had here: {problem}"
    return Interpreter(
        command=(engine, *_options(folder), image),
        title=f"its image {image} ({Path(engine).name}, without a network)",
    )


def _options(folder: Path) -> tuple[str, ...]:
    project, run = folder / "project", folder / "run"
    inputs = run / "steps" / "extract"
    return (
        *("run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp"),  # noqa: S108  # inside the container
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--user", f"{os.getuid()}:{os.getgid()}", "--env", "HOME=/tmp", "--workdir", str(project)),
        *("--volume", f"{project}:{project}:ro", "--volume", f"{run}:{run}"),
        *("--volume", f"{inputs}:{inputs}:ro"),
        *("--entrypoint", "mlkit"),
    )


def _call(engine: str, *words: str) -> str:
    """What an engine said that refused; empty when it did as told."""
    try:
        done = subprocess.run([engine, *words], capture_output=True, text=True, check=False, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}"
    lines = done.stderr.strip().splitlines()
    return (lines[-1] if lines else "it refused") if done.returncode else ""
