"""The base of everything that people declare: frozen models which say in plain words what is wrong with them.

Each model rewrites the errors of its own fields, because it alone knows its keys and what they are for. Whoever
validates one (the loader, the command line, Airflow's trigger form) finds finished sentences, at the file's own places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from airflow_mlkit.spec.nearest import did_you_mean

Place = tuple[str | int, ...]
"""Where in a document something stands: keys and positions, from the outside in."""

_SAID = "mlkit"
"""The type of an error that is a finished sentence already."""


def problem_at(*problems: tuple[Place, str]) -> ValidationError:
    """The error to raise in a validator that knows more exactly where the fault lies than its own model."""
    return ValidationError.from_exception_data("spec", [_detail(place, said) for place, said in problems])


def _detail(place: Place, said: str, given: Any = None) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError(_SAID, said), loc=place, input=given)


class Declared(BaseModel):
    """A model that people declare: frozen, unknown keys refused, each problem a sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _say_it_plainly(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(given)
        except ValidationError as error:
            details = [dict(detail) for detail in error.errors(include_url=False)]
        raise problem_at(*((detail["loc"], _sentence(cls, detail)) for detail in _causes(details)))


def chosen_by_key(**members: type[Declared]) -> WrapValidator:
    """Of a union of models, the first whose telling key is there.

    Not pydantic's own discriminator: that one puts its tags into the place of an error, where they pass for keys.
    """

    def validate(given: Any, _handler: ValidatorFunctionWrapHandler) -> Any:
        if isinstance(given, tuple(members.values())):
            return given
        if not isinstance(given, Mapping):
            raise PydanticCustomError(_SAID, f"{shorten(given)} is no mapping; write key: value lines")
        for key, model in members.items():
            if key in given:
                return model.model_validate(given)
        known = {key for model in members.values() for key in keys_of(model)}
        typos = [(key,) for key in given if isinstance(key, str) and key not in known]
        wanted = " or ".join(f"{key}:" for key in members)
        raise problem_at(
            *((typo, f"unknown key{did_you_mean(typo[0], members)}") for typo in typos),
            ((), f"one of its keys must be {wanted}; it says which kind this is"),
        )

    return WrapValidator(validate)


def chosen_by_value(key: str, default: str | None = None, **members: type[Declared]) -> WrapValidator:
    """Of a union of models, the one that the value of a key names."""

    def validate(given: Any, _handler: ValidatorFunctionWrapHandler) -> Any:
        if isinstance(given, tuple(members.values())):
            return given
        if not isinstance(given, Mapping):
            raise PydanticCustomError(_SAID, f"{shorten(given)} is no mapping; write {key}: {next(iter(members))}")
        name = given.get(key, default)
        if isinstance(name, str) and name in members:
            return members[name].model_validate(given)
        if name is None:
            raise problem_at(((key,), f"is missing; write one of {', '.join(members)}"))
        raise problem_at(((key,), f"{shorten(name)} is not known{_one_of(name, list(members))}"))

    return WrapValidator(validate)


def one_or_many(item: Any) -> WrapValidator:
    """A single value, or a list of them; an error speaks of the one that was meant."""
    single, many = TypeAdapter(item), TypeAdapter(tuple[item, ...])

    def validate(given: Any, _handler: ValidatorFunctionWrapHandler) -> Any:
        if given in ([], ()):
            raise PydanticCustomError(_SAID, "is an empty list; name at least one, or leave the key out")
        return (many if isinstance(given, list | tuple) else single).validate_python(given)

    return WrapValidator(validate)


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys of a model as they are written."""
    return [field.alias or name for name, field in model.model_fields.items()]


def shorten(value: Any) -> str:
    """A value as it can stand in a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _causes(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the lists that pydantic finds too short only because each of their items has a problem of its own."""
    inside = {detail["loc"][:length] for detail in details for length in range(len(detail["loc"]))}
    return [detail for detail in details if detail["type"] != "too_short" or detail["loc"] not in inside]


def _one_of(given: Any, known: list[str]) -> str:
    return did_you_mean(given, known) if isinstance(given, str) else f"; write one of {', '.join(known)}"


def _sentence(model: type[BaseModel], detail: dict[str, Any]) -> str:
    kind, place, given = detail["type"], detail["loc"], detail["input"]
    if kind in (_SAID, "value_error"):
        return str(detail["msg"].removeprefix("Value error, "))
    if kind == "extra_forbidden":
        return f"unknown key{did_you_mean(str(place[-1]), keys_of(model))}"
    if kind == "missing":
        return f"is missing{_purpose(model, str(place[-1]))}"
    if kind == "literal_error":
        expected = detail["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return f"{shorten(given)} is not known{_one_of(given, expected.split(', '))}"
    return _SENTENCES.get(kind, _in_pydantics_words(detail["msg"]))(given, detail.get("ctx", {}))


def _purpose(model: type[BaseModel], key: str) -> str:
    described = next(
        (field.description for name, field in model.model_fields.items() if key in (name, field.alias)), None
    )
    return f"; write it: {_inside_a_sentence(described).rstrip('.')}" if described else "; write it"


def _inside_a_sentence(text: str) -> str:
    """A sentence's beginning in lower case, except for a name such as MLflow."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _no(what: str) -> Callable[[Any, dict[str, Any]], str]:
    return lambda given, _context: f"{shorten(given)} is no {what}"


def _in_pydantics_words(said: str) -> Callable[[Any, dict[str, Any]], str]:
    return lambda given, _context: f"{shorten(given)} cannot stand here: {_inside_a_sentence(said)}"


_WHOLE = _no("whole number; write digits, such as 500")
_NUMBER = _no("number; write one such as 0.9")
_TEXT = _no('text; write it in quotes, such as "2018"')
_LIST = _no("list; write [a, b], or one item a line, each after a hyphen")
_MAPPING = _no("mapping; write key: value lines")
_DATE = _no("date; write it as 2018-10-01")

_SENTENCES: dict[str, Callable[[Any, dict[str, Any]], str]] = {
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _no("finite number; write one such as 0.9"),
    "string_type": _TEXT,
    "string_too_short": lambda _given, _context: "is empty; write something, or leave the key out",
    "string_too_long": lambda given, context: f"{shorten(given)} is longer than {context['max_length']} characters",
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _no("date, for it has a time; write it as 2018-10-01"),
    "tuple_type": _LIST,
    "list_type": _LIST,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "too_short": lambda _given, _context: "is empty; write at least one, or leave the key out",
    "greater_than": lambda given, context: f"{given} is too small; write a number above {context['gt']}",
    "greater_than_equal": lambda given, context: f"{given} is too small; write at least {context['ge']}",
    "less_than": lambda given, context: f"{given} is too large; write a number below {context['lt']}",
    "less_than_equal": lambda given, context: f"{given} is too large; write at most {context['le']}",
}
"""A sentence for each of pydantic's error types that these models can meet
(https://docs.pydantic.dev/latest/errors/validation_errors/)."""
