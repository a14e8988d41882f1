"""Great Expectations, set up the way a step needs it: in memory, on pandas, without fingerprints and progress bars."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import TYPE_CHECKING, Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.compatibility.pydantic import ValidationError
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.execution_engine import pandas_execution_engine

from airflow_mlkit.spec.nearest import did_you_mean

if TYPE_CHECKING:
    from airflow_mlkit.validation.suite import DeclaredSuite

DATA_SOURCE = "snapshot"


@cache
def expectation_types() -> dict[str, type[Any]]:
    """The expectations that Great Expectations ships, by the name that a suite writes."""
    classes = (member for member in vars(gxe).values() if isinstance(member, type))
    return {name: member for member in classes if (name := getattr(member, "expectation_type", None))}


def find_problems(name: str, kwargs: dict[str, Any]) -> list[str]:
    """What Great Expectations would refuse in one expectation, as sentences."""
    types = expectation_types()
    if name not in types:
        return [f"there is no such expectation{did_you_mean(name, types)}"]
    implementation = types[name]
    try:
        implementation(**kwargs)
    except ValidationError as error:
        return _kwargs_problems(error.errors(), list(implementation.__fields__))
    except (TypeError, ValueError) as error:
        return [f"kwargs: {error}"]
    return []


def _kwargs_problems(errors: list[Any], known: list[str]) -> list[str]:
    """One sentence for each argument: pydantic reports every member of a union for the same one."""
    first: dict[str, str] = {}
    for error in errors:
        name = str(error["loc"][0])
        if error["type"] == "value_error.extra":
            message = f"kwargs: unknown argument {name!r}{did_you_mean(name, _own_arguments(known))}"
        elif name == "__root__":
            message = f"kwargs: {error['msg']}"
        else:
            message = f"kwargs.{name}: {error['msg']}"
        first.setdefault(name, message)
    if len(first) > 1:
        first.pop("__root__", None)
    return list(first.values())


_EVERY_EXPECTATION_HAS = frozenset(
    {"id", "meta", "notes", "result_format", "description", "catch_exceptions", "rendered_content"}
    | {"severity", "windows", "batch_id", "row_condition", "condition_parser"}
)


def _own_arguments(fields: list[str]) -> list[str]:
    return [field for field in fields if field not in _EVERY_EXPECTATION_HAS]


def validate(suite: DeclaredSuite, frame: pd.DataFrame) -> dict[str, Any]:
    """Evaluate a suite on a frame.

    Returns:
        The suite validation result of Great Expectations in SUMMARY format, as plain JSON values. What differs between
        two runs on the same data is left out: times, and tracebacks with the paths of one machine.
    """
    # every frame under a gigabyte is hashed twice otherwise, which costs a third of the time and is used for nothing
    pandas_execution_engine.HASH_THRESHOLD = 0
    asset = _context().data_sources.add_pandas(DATA_SOURCE).add_dataframe_asset(suite.name)
    batch = asset.add_batch_definition_whole_dataframe("rows").get_batch(batch_parameters={"dataframe": frame})
    result = batch.validate(_to_gx(suite), result_format="SUMMARY")
    return _without_noise(json.loads(json.dumps(_plain(result.to_json_dict()))))


def _context() -> Any:
    """A context in memory; the default one leaves a folder for its documentation site in /tmp after each run."""
    return gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            progress_bars=ProgressBarsConfig(globally=False),
        ),
    )


def _to_gx(suite: DeclaredSuite) -> gx.ExpectationSuite:
    fields = {"type", "kwargs", "severity", "meta"}
    declared = [item.model_dump(include=fields, exclude_none=True) for item in suite.expectations]
    return gx.ExpectationSuite(name=suite.name, expectations=declared)


def _plain(value: Any) -> Any:
    """The value as JSON has it: numpy scalars unwrapped, NaN and infinities as None, anything unknown as text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _without_noise(result: dict[str, Any]) -> dict[str, Any]:
    result.get("meta", {}).pop("batch_markers", None)
    for item in result["results"]:
        item["exception_info"] = _without_tracebacks(item.get("exception_info") or {})
        item["expectation_config"]["kwargs"].pop("batch_id", None)
    return result


def _without_tracebacks(information: dict[str, Any]) -> dict[str, Any]:
    """Either one exception or, by metric, several; the first message says what it was."""
    raised = [
        one for one in [information, *information.values()] if isinstance(one, dict) and one.get("raised_exception")
    ]
    message = next((str(one.get("exception_message")) for one in raised), None)
    return {"raised_exception": bool(raised), "exception_message": message, "exception_traceback": ""}
