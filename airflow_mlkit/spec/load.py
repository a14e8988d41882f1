"""The one reader of mlkit.yaml and platform.yaml. It answers `file:line path: what is wrong, and what to write`."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.resolver import Resolver

from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.spec.compose import compose, new_yaml
from airflow_mlkit.spec.declared import Declared, Place
from airflow_mlkit.spec.pipeline import PipelineSpec
from airflow_mlkit.spec.platform import PlatformSpec

MAX_BYTES = 1 << 18
"""A spec is a page or two. More than this is another file by mistake, or made to be slow."""

Spec = TypeVar("Spec", bound=Declared)
Problem = tuple[int, str]
"""A line, and what is wrong there."""


def load_spec(path: Path | str) -> PipelineSpec:
    """Read a project's mlkit.yaml.

    Raises:
        SpecError: with every problem at once, each with its file, line and path.
    """
    return _load(Path(path), PipelineSpec, beginning="apiVersion: mlkit/v1")


def load_platform(path: Path | str | None) -> PlatformSpec:
    """Read platform.yaml; None gives the defaults of a laptop.

    Raises:
        SpecError: with every problem at once, each with its file, line and path.
    """
    return PlatformSpec() if path is None else _load(Path(path), PlatformSpec, beginning="environments:")


def _load(path: Path, model: type[Spec], beginning: str) -> Spec:
    root = _compose(path, _read(path))
    if not isinstance(root, MappingNode):
        given = "is a list" if isinstance(root, SequenceNode) else "is a text" if root else "is empty"
        raise _error(path, (1, f"the file {given}; it begins with {beginning}"))
    document = _Document(root)
    if document.problems:
        raise _error(path, *document.problems)
    try:
        return model.model_validate(_construct(path, root))
    except ValidationError as error:
        raise _error(path, *map(document.explain, error.errors(include_url=False))) from None


def _error(path: Path, *problems: Problem) -> SpecError:
    in_order = dict.fromkeys(sorted(problems, key=lambda problem: problem[0]))
    return SpecError([f"{path}:{line} {said}" for line, said in in_order])


def _read(path: Path) -> str:
    try:
        _check_file(path)
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _error(path, (line, "is not UTF-8; save the file as UTF-8")) from None
    except FileNotFoundError:
        raise SpecError([f"{path} is not there"], hint="mlkit new makes a project.") from None
    except OSError as error:
        raise _error(path, (1, f"cannot be read: {error.strerror}")) from None


def _check_file(path: Path) -> None:
    state = path.stat()
    if stat.S_ISDIR(state.st_mode):
        raise _error(path, (1, "is a folder, not a file"))
    if not stat.S_ISREG(state.st_mode):
        raise _error(path, (1, "is no ordinary file"))
    if state.st_size > MAX_BYTES:
        raise _error(path, (1, f"is larger than {MAX_BYTES >> 10} KiB; a spec is a page or two, this is another file"))


def _compose(path: Path, text: str) -> Node | None:
    try:
        return compose(text)
    except RecursionError:
        raise _error(path, (1, "is nested too deeply; a spec has a handful of levels")) from None
    except (YAMLError, ValueError) as error:
        raise _error(path, _yaml_problem(error, text)) from None


def _construct(path: Path, root: Node) -> Any:
    """The document's values. A value that YAML cannot read, such as the date 2018-13-45, is named with its line."""
    constructor = new_yaml().constructor

    def construct(node: Node) -> Any:
        if node.ctag == Resolver.DEFAULT_SCALAR_TAG:
            return node.value
        if node.ctag == Resolver.DEFAULT_MAPPING_TAG:
            return {construct(key): construct(value) for key, value in node.value}
        if node.ctag == Resolver.DEFAULT_SEQUENCE_TAG:
            return [construct(item) for item in node.value]
        return _construct_other(path, node, constructor)

    return construct(root)


def _construct_other(path: Path, node: Node, constructor: SafeConstructor) -> Any:
    """A number, a date, true or false, nothing; or what has a tag of its own."""
    try:
        return constructor.construct_document(node)
    except (YAMLError, ValueError, TypeError, OverflowError) as error:
        if not isinstance(node, ScalarNode):
            raise _error(path, _yaml_problem(error, "")) from None
        said = f"{node.value[:60]!r} cannot be read ({str(error).splitlines()[0]}); put it in quotes if it is a text"
        raise _error(path, (node.start_mark.line + 1, said)) from None


def _yaml_problem(error: Exception, text: str) -> Problem:
    if isinstance(error, ReaderError):
        return text[: error.position].count("\n") + 1, "holds a character that no text has; is this a YAML file?"
    said = (getattr(error, "problem", None) or getattr(error, "context", None) or str(error)).strip().splitlines()[0]
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if "'\\t'" in said:
        said = "there is a tab; YAML is indented with spaces"
    elif "could not determine a constructor" in said:
        said = "tags such as !name are not used here; take it out"
    elif isinstance(error, MarkedYAMLError):
        said = f"is no YAML here: {said}"
    return mark.line + 1 if mark else 1, said


class _Document:
    """Where everything in a document stands, and what is wrong with its form.

    Aliases are refused: a few lines of them unfold into gigabytes.
    """

    def __init__(self, root: Node) -> None:
        self.problems: list[Problem] = []
        self._lines: dict[tuple[str, ...], int] = {}
        self._seen: set[int] = set()
        self._walk(root, ())

    def explain(self, detail: Any) -> Problem:
        """One of the errors of a model, with its line and its path as they are written."""
        place: Place = tuple(part for part in detail["loc"] if part != "[key]")
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{_one_line(part)}" for part in place).lstrip(".")
        return self._line(tuple(map(str, place))), f"{path}: {detail['msg']}" if path else detail["msg"]

    def _line(self, place: tuple[str, ...]) -> int:
        return next(
            self._lines[place[:length]] for length in range(len(place), -1, -1) if place[:length] in self._lines
        )

    def _walk(self, node: Node, place: tuple[str, ...]) -> None:
        line = node.start_mark.line + 1
        self._lines.setdefault(place, line)
        if id(node) in self._seen or node.anchor:
            self.problems.append((line, "anchors and aliases (& and *) are not used here; write the value out"))
            return
        self._seen.add(id(node))
        if isinstance(node, MappingNode):
            self._walk_mapping(node, place)
        elif isinstance(node, SequenceNode):
            for index, item in enumerate(node.value):
                self._walk(item, (*place, str(index)))

    def _walk_mapping(self, node: MappingNode, place: tuple[str, ...]) -> None:
        first: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode) or key.value == "<<":
                self.problems.append((line, "a key is a plain word here; take the merge or the complex key out"))
                continue
            if key.value in first:
                said = f"the key {_one_line(key.value)} stands here twice, first on line {first[key.value]}; keep one"
                self.problems.append((line, said))
            first.setdefault(key.value, line)
            self._lines.setdefault((*place, key.value), line)
            self._walk(value, (*place, key.value))


def _one_line(key: str) -> str:
    text = repr(key)[1:-1]
    return text if len(text) <= 60 else text[:57] + "..."
