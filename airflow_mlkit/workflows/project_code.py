"""The Python of a project, or of a model that was made by another version of it, side by side in one process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import cache_from_source
from pathlib import Path
from threading import RLock
from types import ModuleType

_INTERPRETER = RLock()
"""sys.modules and sys.path belong to the whole process: one code is active at a time."""


class ProjectCode:
    """One folder's copy of a package. Its modules are importable inside `active()`, or for good after `install()`.

    Two versions of a package have the same name, and a champion's own code has to run beside its challenger's: so each
    keeps its modules to itself and puts them into `sys.modules` while it is active.
    """

    def __init__(self, folder: Path, package: str) -> None:
        self.folder, self.package = folder.resolve(), package
        self._modules: dict[str, ModuleType] = {}

    def install(self) -> None:
        """Put the folder first on sys.path and forget the package's modules of before, from anywhere."""
        for name in _modules_of(self.package):
            del sys.modules[name]
        self._forget_bytecode()
        self._enter_path()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the package's modules those of this folder, and afterwards what they were before."""
        with _INTERPRETER:
            shelved = {name: sys.modules.pop(name) for name in _modules_of(self.package)}
            path, writes_nothing = sys.path[:], sys.dont_write_bytecode
            sys.modules.update(self._modules)
            self._enter_path()
            # a model's folder is published with the hashes of its files: no __pycache__ may appear in it
            sys.dont_write_bytecode = True
            try:
                yield
            finally:
                self._modules = {name: sys.modules.pop(name) for name in _modules_of(self.package)}
                sys.modules.update(shelved)
                sys.path[:], sys.dont_write_bytecode = path, writes_nothing

    def _forget_bytecode(self) -> None:
        """Python takes bytecode for fresh when the source kept its size and its second: a quick edit would be lost.

        The model id tells which code was run, so it has to be this one.
        """
        for path in (self.folder / self.package).rglob("*.py"):
            with suppress(OSError):  # a folder that cannot be written to was not edited either
                Path(cache_from_source(str(path))).unlink(missing_ok=True)

    def _enter_path(self) -> None:
        folder = str(self.folder)
        sys.path[:] = [folder, *(entry for entry in sys.path if entry != folder)]
        importlib.invalidate_caches()


def _modules_of(package: str) -> list[str]:
    return [name for name in sys.modules if name == package or name.startswith(f"{package}.")]
