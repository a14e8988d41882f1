"""The Python of a project, or of a model that was made by another version of it, side by side in one process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from threading import RLock
from types import CodeType, ModuleType

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
        self._enter_path()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the package's modules those of this folder, and afterwards what they were before."""
        with _INTERPRETER:
            shelved = {name: sys.modules.pop(name) for name in _modules_of(self.package)}
            path, finders = sys.path[:], sys.meta_path[:]
            sys.modules.update(self._modules)
            self._enter_path()
            try:
                yield
            finally:
                self._modules = {name: sys.modules.pop(name) for name in _modules_of(self.package)}
                sys.modules.update(shelved)
                sys.path[:], sys.meta_path[:] = path, finders

    def _enter_path(self) -> None:
        folder = str(self.folder)
        sys.path[:] = [folder, *(entry for entry in sys.path if entry != folder)]
        others = [finder for finder in sys.meta_path if getattr(finder, "package", None) != self.package]
        sys.meta_path[:] = [_SourceFinder(self.package), *others]
        importlib.invalidate_caches()


class _SourceFinder(MetaPathFinder):
    """Finds the modules of one package where sys.path has them, and has them compiled from their source."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != self.package:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _SourceLoader(spec.loader.name, spec.loader.path)
        return spec


class _SourceLoader(SourceFileLoader):
    """Compiles the source that is there, and neither reads nor writes bytecode.

    Python takes bytecode for fresh when the source kept its size and its second: a quick edit would be lost, and the
    model id tells which code was run. And a model's folder is published with the hashes of its files: no __pycache__
    may appear in it. What the package imports from elsewhere keeps its bytecode: without it a step takes seconds more.
    """

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _modules_of(package: str) -> list[str]:
    return [name for name in sys.modules if name == package or name.startswith(f"{package}.")]
