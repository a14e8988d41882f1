"""What a step may use: a size, by whose name projects ask for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from airflow_mlkit.spec.declared import Place
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.quantity import Cores, Memory, to_gib
from airflow_mlkit.spec.values import Declared, Name, PositiveDuration, Whole


class Size(Declared):
    """What a step may use, and where it runs. A step killed for lack of memory runs again on `grows_to`."""

    cpu: Cores = Field(gt=0, le=1024, description="Cores, such as 2 or 500m.")
    memory: Memory = Field(description="As Kubernetes writes it, such as 4Gi.")
    gpu: Whole = Field(0, ge=0, le=64, description="Graphics cards.")
    ephemeral_storage: Memory | None = Field(None, description="The node's disk under /tmp, such as 20Gi.")
    time_limit: PositiveDuration | None = Field(None, description="A step that takes longer is ended, such as 6h.")
    whole_node: bool = Field(False, description="No other step shares the node.")
    pool: Name = Field("general", description="The node pool, by its name under pools.")
    grows_to: Name | None = Field(None, description="The size on which a step runs again that lacked memory.")

    def why_not_above(self, smaller: Size) -> str | None:
        """Why this is no size to grow to from a smaller one; None when it is."""
        if to_gib(self.memory) <= to_gib(smaller.memory):
            return f"has {self.memory} of memory, and this one has {smaller.memory}; name one with more"
        if self.gpu < smaller.gpu:
            return f"has {self.gpu} GPUs, and this one has {smaller.gpu}; name one with as many"
        return None


def find_growth_problems(sizes: Mapping[str, Size]) -> Iterator[tuple[Place, str]]:
    """What is wrong with each `grows_to`: a size that is not there, that is no larger, or a circle."""
    in_circles: set[str] = set()
    for name, size in sizes.items():
        if size.grows_to is None or name in in_circles:
            continue
        bigger = sizes.get(size.grows_to)
        if bigger is None:
            said = f"there is no size {size.grows_to!r}{did_you_mean(size.grows_to, sizes)}"
            yield ("sizes", name, "grows_to"), said
        elif circle := _find_circle(sizes, name):
            in_circles.update(circle)
            said = f"{' -> '.join([*circle, name])} grows in a circle; the largest one has no grows_to"
            yield ("sizes", circle[-1], "grows_to"), said
        elif why_not := bigger.why_not_above(size):
            yield ("sizes", name, "grows_to"), f"{size.grows_to} {why_not}"


def list_growth(sizes: Mapping[str, Size], name: str) -> list[str]:
    """A size and those that it grows to, in this order.

    >>> list_growth({"s": Size(cpu=1, memory="1Gi", grows_to="l"), "l": Size(cpu=1, memory="2Gi")}, "s")
    ['s', 'l']
    """
    found = [name]
    while (bigger := sizes[found[-1]].grows_to) is not None:
        found.append(bigger)
    return found


def _find_circle(sizes: Mapping[str, Size], name: str) -> list[str]:
    """The sizes of a circle that leads back to a name, from it on; empty when none does."""
    seen = [name]
    while (size := sizes.get(seen[-1])) and size.grows_to and size.grows_to not in seen:
        seen.append(size.grows_to)
    return seen if size and size.grows_to == name else []
