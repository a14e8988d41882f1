"""A virtual environment with the libraries of a version, built once and kept in the user's cache."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from airflow_mlkit.exceptions import UserError
from airflow_mlkit.reproduction.difference import minor
from airflow_mlkit.reproduction.interpreter import Interpreter, read_interpreter
from airflow_mlkit.rundir import hash_value

_READY = "ready"
_NOT_NEEDED = frozenset({"great-expectations", "marshmallow", "mlflow", "sqlalchemy"})
"""What the kit needs, and split, train and evaluate do not."""

_ON_A_CPU = "nvidia-nccl-cu12; sys_platform == 'never'"
"""XGBoost asks for half a gigabyte that only training on several GPUs uses."""

_SECONDS = 1800
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def build_venv(
    libraries: Mapping[str, str], distributions: Mapping[str, str], *, device: str = "cpu", cache: Path | None = None
) -> Interpreter:
    """An interpreter with exactly these libraries.

    Args:
        libraries: with Python; each becomes a pin.
        distributions: all that was installed: what the libraries need in turn is taken from here.
        device: where the model was trained.
        cache: where environments are kept; `mlkit/venvs` in the user's cache when not given.

    Raises:
        UserError: when there is no Python of that version here, or a library cannot be installed.
    """
    wanted = _pins(libraries, distributions)
    rest = distributions.keys() - libraries.keys()
    constraints = sorted(f"{name}=={distributions[name]}" for name in rest)
    key = hash_value([minor(libraries["python"]), wanted, constraints, device])[:16]
    folder = (cache or cache_folder()) / key
    with _alone(folder):
        if not (folder / _READY).exists():
            shutil.rmtree(folder, ignore_errors=True)
            python = find_python(libraries["python"])
            try:
                _build(folder, python, wanted, constraints, device)
            except UserError:
                shutil.rmtree(folder)
                raise
            (folder / _READY).touch()
    own = str(folder / "bin" / "python")
    found = read_interpreter(own, "a virtual environment with its versions", libraries, _kit_variables(folder))
    if found is None:
        shutil.rmtree(folder, ignore_errors=True)
        raise UserError(f"mlkit does not run in {folder}.", hint="It was removed: the next start builds it again.")
    return found


def cache_folder() -> Path:
    """Where environments are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "mlkit" / "venvs"


def find_python(wanted: str) -> str:
    """An interpreter of a minor version: this one, one of pyenv's, one on the PATH, one that uv finds.

    Raises:
        UserError: when there is none.
    """
    for candidate in _candidates(minor(wanted)):
        if _version_of(candidate) == minor(wanted):
            return candidate
    raise UserError(
        f"It was made with Python {wanted}, and there is no Python {minor(wanted)} here.",
        hint=f"Install one (uv python install {minor(wanted)}, or pyenv), or try it with this one: --here.",
    )


def _candidates(wanted: str) -> Iterator[str]:
    yield sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(map(str, pyenv.glob(f"versions/{wanted}.*/bin/python")), reverse=True)
    for name in (f"python{wanted}", "python3", "python"):
        if found := shutil.which(name):
            yield found
    if shutil.which("uv"):
        done = subprocess.run(["uv", "python", "find", wanted], capture_output=True, text=True, check=False, timeout=60)
        if done.returncode == 0:
            yield done.stdout.strip()


def _version_of(python: str) -> str | None:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _pins(libraries: Mapping[str, str], distributions: Mapping[str, str]) -> list[str]:
    """The libraries at their versions, and what the kit itself needs for the steps, at its version of then."""
    exact = {name: number for name, number in libraries.items() if name not in ("python", "airflow-mlkit")}
    needed = {name: text for name, text in _needs_of_the_kit().items() if name not in exact}
    own = (f"{name}=={distributions[name]}" if name in distributions else text for name, text in needed.items())
    return sorted([*(f"{name}=={number}" for name, number in exact.items()), *own])


def _needs_of_the_kit() -> dict[str, str]:
    try:
        declared = requires("airflow-mlkit") or []
    except PackageNotFoundError:
        raise UserError(
            "This mlkit is run from a checkout and not installed, so that nobody knows what it needs.",
            hint="pip install it, or try it with the libraries of this Python: --here.",
        ) from None
    found = {}
    for line in declared:
        text, _, marker = line.partition(";")
        name = _NAME.match(text)
        if name and (not marker or re.search(r"""extra\s*==\s*['"]steps['"]""", marker)):
            found[name[0].lower()] = text.strip()
    return {name: text for name, text in found.items() if name not in _NOT_NEEDED}


def _build(folder: Path, python: str, wanted: list[str], constraints: list[str], device: str) -> None:
    uv = shutil.which("uv")
    folder.mkdir()
    (folder.parent / f"{folder.name}.txt").write_text("\n".join(constraints) + "\n")
    pins = ["--constraint", str(folder.parent / f"{folder.name}.txt")]
    if uv:
        _run(uv, "venv", "--quiet", "--python", python, "--clear", str(folder))
        if device == "cpu":
            (folder / "overrides.txt").write_text(f"{_ON_A_CPU}\n")
            pins += ["--override", str(folder / "overrides.txt")]
        _run(uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *pins, *wanted)
        return
    _run(python, "-m", "venv", str(folder))
    _run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *pins, *wanted)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise UserError(
            f"Installing its libraries took more than {_SECONDS // 60} minutes.", hint="Is the network slow? Try again."
        ) from None
    if done.returncode:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise UserError(
            "Its libraries cannot be installed:\n" + "\n".join(lines[:10]),
            hint="Can the package index be reached, and has it these versions? mlkit reproduce --here tries it with "
            "the libraries of this Python.",
        )


def _kit_variables(folder: Path) -> dict[str, str]:
    """This mlkit on the path of the environment, and nothing else of where it lies."""
    import airflow_mlkit

    package = Path(airflow_mlkit.__file__).resolve().parent
    kit = folder / f"kit-{hash_value(str(package))[:8]}"
    kit.mkdir(exist_ok=True)
    with suppress(FileExistsError):
        (kit / "airflow_mlkit").symlink_to(package)
    return {"PYTHONPATH": str(kit), "VIRTUAL_ENV": str(folder)}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Of two that want the same environment one builds it, and the other waits. A killed one leaves no `ready`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
