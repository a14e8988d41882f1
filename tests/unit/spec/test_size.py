"""Sizes: which one grows to which, and what a node can hold."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from airflow_mlkit.spec.platform import PlatformSpec
from airflow_mlkit.spec.quantity import format_cores
from airflow_mlkit.spec.size import Size, find_growth_problems, list_growth


def sizes_of(**grows_to: str | None) -> dict[str, Size]:
    """Sizes with ever more memory, in the order given, and what each grows to."""
    return {
        name: Size(cpu=1, memory=f"{number}Gi", grows_to=bigger)
        for number, (name, bigger) in enumerate(grows_to.items(), start=1)
    }


def test_a_size_grows_to_its_top() -> None:
    assert list_growth(sizes_of(small="large", other=None, large="top", top=None), "small") == ["small", "large", "top"]


@pytest.mark.parametrize(
    ("grows_to", "said"),
    [
        ({"a": "a"}, {"a": "a -> a grows in a circle"}),
        ({"a": "b", "b": "c", "c": "b"}, {"c": "b -> c -> b grows in a circle"}),
        ({"a": "b", "b": "a", "c": "d", "d": "c"}, {"b": "a -> b -> a grows", "d": "c -> d -> c grows"}),
        ({"a": "x", "b": "a"}, {"a": "there is no size 'x'", "b": "a has 1Gi of memory, and this one has 2Gi"}),
    ],
)
def test_what_is_wrong_with_growing_is_told_once_and_where_it_is(
    grows_to: dict[str, str], said: dict[str, str]
) -> None:
    found = {str(place[1]): text for place, text in find_growth_problems(sizes_of(**grows_to))}
    assert list(found) == list(said)
    assert all(found[name].startswith(text) for name, text in said.items()), found


def test_a_size_does_not_grow_to_one_without_its_gpus() -> None:
    gpu, large = Size(cpu=1, memory="1Gi", gpu=2, grows_to="large"), Size(cpu=1, memory="2Gi", gpu=1)
    (found,) = find_growth_problems({"gpu": gpu, "large": large})
    assert found[1] == "large has 1 GPUs, and this one has 2; name one with as many"


def test_a_gpu_size_has_a_pool_of_its_own_or_one_that_says_it_has_gpus() -> None:
    gpu = {"cpu": 1, "memory": "1Gi", "gpu": 1, "pool": "shared"}
    plain = {"cpu": 1, "memory": "1Gi", "pool": "shared"}
    node = {"cpu": 8, "memory": "16Gi", "gpu": 1}

    def declare(sizes: dict[str, object], pool: dict[str, object]) -> PlatformSpec:
        return PlatformSpec.model_validate({"sizes": sizes, "pools": {"shared": pool}})

    assert (
        declare({"gpu": gpu}, {}).sizes["gpu"].gpu
        == declare({"gpu": gpu, "cpu": plain}, {"node": node}).sizes["gpu"].gpu
    )
    with pytest.raises(ValidationError, match="shared is not known to have GPUs"):
        declare({"gpu": gpu, "cpu": plain}, {})
    with pytest.raises(ValidationError, match=r"asks for 1 GPUs \(it has 0\)"):
        declare({"gpu": gpu}, {"node": node | {"gpu": 0}})


@pytest.mark.parametrize(("cores", "text"), [(0.5, "500m"), (2, "2"), (1.25, "1250m"), (0.001, "1m"), (1024.0, "1024")])
def test_cores_are_written_as_kubernetes_does(cores: float, text: str) -> None:
    assert format_cores(cores) == text
