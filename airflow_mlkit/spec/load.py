"""The one reader of mlkit.yaml and platform.yaml. It answers `file:line path: what is wrong, and what to write`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, Tag, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.pipeline import PipelineSpec
from airflow_mlkit.spec.platform import PlatformSpec

MAX_BYTES = 1 << 20
"""A spec is a page or two. More than this is another file by mistake, or made to be slow."""

Spec = TypeVar("Spec", bound=BaseModel)
Location = tuple[str | int, ...]


def load_spec(path: Path | str) -> PipelineSpec:
    """Read a project's mlkit.yaml.

    Raises:
        SpecError: with every problem at once, each with its file, line and path.
    """
    return _load(Path(path), PipelineSpec)


def load_platform(path: Path | str | None) -> PlatformSpec:
    """Read platform.yaml; None gives the defaults of a laptop.

    Raises:
        SpecError: with every problem at once, each with its file, line and path.
    """
    return PlatformSpec() if path is None else _load(Path(path), PlatformSpec)


def _load(path: Path, model: type[Spec]) -> Spec:
    node = _compose(path)
    lines = dict(_lines(path, node, (), set()))
    data = _construct(path, node)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = [_Problem(path, lines, data, model, dict(detail)) for detail in error.errors()]
        in_order = sorted(problems, key=lambda problem: problem.line)
        raise SpecError(list(dict.fromkeys(str(problem) for problem in in_order))) from None


def _compose(path: Path) -> Node:
    text = _read(path)
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        raise SpecError([_yaml_problem(path, error)]) from None
    except (YAMLError, ValueError) as error:
        raise SpecError([f"{path}:1 {str(error).strip().splitlines()[0]}"]) from None
    if not isinstance(node, MappingNode):
        raise SpecError([f"{path}:1 the file is empty or no mapping; it starts with apiVersion: mlkit/v1"])
    return node


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SpecError([f"{path}:1 larger than {MAX_BYTES // 1024} KiB; this is no spec"])
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SpecError([f"{path}:{line} not UTF-8; save the file as UTF-8"]) from None
    except IsADirectoryError:
        raise SpecError([f"{path}:1 is a folder, not a file"]) from None
    except FileNotFoundError:
        raise SpecError([f"{path}:1 there is no such file"], hint="mlkit new makes a project.") from None
    except OSError as error:
        raise SpecError([f"{path}:1 cannot be read: {error.strerror}"]) from None


def _yaml_problem(path: Path, error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    problem = (error.problem or error.context or "no YAML").strip().splitlines()[0]
    if "'\\t'" in problem:
        problem = "a tab; YAML is indented with spaces"
    return f"{path}:{mark.line + 1 if mark else 1} {problem}"


def _construct(path: Path, node: Node) -> Any:
    yaml = YAML(typ="safe", pure=True)
    try:
        return yaml.constructor.construct_document(node)
    except MarkedYAMLError as error:
        raise SpecError([_yaml_problem(path, error)]) from None
    except (YAMLError, ValueError, TypeError) as error:
        raise SpecError([f"{path}:1 {str(error).strip().splitlines()[0]}"]) from None


def _lines(path: Path, node: Node, where: Location, seen: set[int]) -> list[tuple[Location, int]]:
    """Every path of the document with its line. An alias is refused: a few lines of them unfold into gigabytes."""
    line = node.start_mark.line + 1
    if id(node) in seen or node.anchor:
        raise SpecError([f"{path}:{line} YAML anchors and aliases are not used here; write the value out"])
    seen.add(id(node))
    found: list[tuple[Location, int]] = [(where, line)]
    if isinstance(node, MappingNode):
        for key, value in node.value:
            here = (*where, key.value)
            inner = _lines(path, value, here, seen)
            found += [(here, key.start_mark.line + 1), *(item for item in inner if item[0] != here)]
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            found += _lines(path, value, (*where, index), seen)
    return found


class _Problem:
    """One of pydantic's errors in the words of the file."""

    def __init__(self, path: Path, lines: dict[Location, int], data: Any, model: type[BaseModel], detail: dict[str, Any]):
        self.path, self.lines, self.detail = path, lines, detail
        self.where, self.model = _walk(data, model, detail["loc"])

    @property
    def line(self) -> int:
        for length in range(len(self.where), -1, -1):
            if self.where[:length] in self.lines:
                return self.lines[self.where[:length]]
        return 1

    def __str__(self) -> str:
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.where).lstrip(".")
        return f"{self.path}:{self.line} {where + ': ' if where else ''}{self._what()}"

    def _what(self) -> str:
        kind, context = self.detail["type"], self.detail.get("ctx", {})
        if kind == "extra_forbidden":
            return f"unknown key{did_you_mean(str(self.where[-1]), _keys(self.model))}"
        if kind == "missing":
            return "is missing; write it" + (f" ({described})" if (described := self._description()) else "")
        if kind == "value_error":
            return str(context["error"])
        if kind in ("literal_error", "union_tag_invalid"):
            expected = str(context.get("expected") or context["expected_tags"]).replace("'", "")
            given = self.detail["input"]
            shown = given.get(context.get("discriminator", "").strip("'")) if isinstance(given, dict) else given
            return f"{shown!r} is not known; write one of {expected}"
        if kind == "union_tag_not_found":
            return f"{str(context['discriminator'])} is missing; it says which kind this is"
        if kind == "string_pattern_mismatch":
            return f"{self.detail['input']!r} does not have the right form ({context['pattern']})"
        return f"{self.detail['msg'].lower()}, and not {_short(self.detail['input'])}"

    def _description(self) -> str | None:
        field = _field(self.model, str(self.where[-1])) if self.model else None
        return field.description if field else None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _keys(model: type[BaseModel] | None) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _field(model: type[BaseModel], key: str) -> Any:
    return next((field for name, field in model.model_fields.items() if key in (name, field.alias)), None)


def _walk(data: Any, model: type[BaseModel], loc: Location) -> tuple[Location, type[BaseModel] | None]:
    """Pydantic's location without the tags of unions, and the model in which it ends."""
    where: list[str | int] = []
    annotation: Any = model
    owner: type[BaseModel] | None = model
    for part in loc:
        tagged = _member(annotation, part)
        if tagged is not None:
            annotation = owner = tagged
            continue
        where.append(part)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            owner = annotation
            field = _field(annotation, str(part))
            annotation = field.rebuild_annotation() if field else None
        else:
            annotation = _item(annotation)
    return tuple(where), owner


def _member(annotation: Any, tag: str | int) -> type[BaseModel] | None:
    """The model that a tag selects in a union."""
    for inner in _flatten(annotation):
        marks = [mark.tag for mark in getattr(inner, "__metadata__", ()) if isinstance(mark, Tag)]
        model = get_args(inner)[0] if marks else inner
        if tag in marks or (isinstance(model, type) and issubclass(model, BaseModel) and tag in _literals(model)):
            return model  # type: ignore[no-any-return]
    return None


def _flatten(annotation: Any) -> list[Any]:
    """The members of a union, however it is wrapped."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return []
    inner = [item for item in get_args(annotation) if not isinstance(item, (str, int))]
    if hasattr(annotation, "__metadata__") and not any(isinstance(mark, Tag) for mark in annotation.__metadata__):
        return _members(inner[0])
    return _members(annotation)


def _members(annotation: Any) -> list[Any]:
    found: list[Any] = []
    for item in get_args(annotation):
        nested = get_args(item) if hasattr(item, "__metadata__") and not _tagged(item) else ()
        found += _members(nested[0]) if nested else [item]
    return found


def _tagged(annotation: Any) -> bool:
    return any(isinstance(mark, Tag) for mark in annotation.__metadata__)


def _literals(model: type[BaseModel]) -> set[Any]:
    return {value for field in model.model_fields.values() for value in get_args(field.annotation)}


def _item(annotation: Any) -> Any:
    """What a list or a mapping holds."""
    arguments = [item for item in get_args(annotation) if item is not Ellipsis]
    return arguments[-1] if arguments else None
