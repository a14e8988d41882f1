"""What was found out of an environment and its cluster."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Level(StrEnum):
    """How much something matters."""

    PROBLEM = "problem"
    """A step would fail by it."""

    WARNING = "warning"
    """It may be right, and is worth a look."""

    NOT_LOOKED_AT = "not_looked_at"
    """It could not be looked at from here, or by this person: nobody knows."""

    FINE = "fine"


class Found(BaseModel):
    """Base of what is told."""

    model_config = ConfigDict(frozen=True)


class Finding(Found):
    """One thing: what was found, what to do now, and what it is about."""

    level: Level
    said: str
    todo: str = ""
    about: str = ""


class SizeOutlook(Found):
    """What a size would meet.

    Attributes:
        nodes: for people: how many nodes of its pool are there, and how many could hold it.
        admission: what the API server said to its pod: `accepted`, `refused` or `not looked at`.
    """

    name: str
    cpu: float
    memory: str
    gpu: int
    pool: str
    nodes: str
    admission: str
    findings: tuple[Finding, ...] = ()


class EnvironmentOutlook(Found):
    """What the steps of an environment would meet.

    Attributes:
        server: the cluster's address; empty where it could not be asked.
        unreachable: why the cluster could not be asked; None where it was.
    """

    name: str
    namespace: str
    context: str = ""
    server: str = ""
    unreachable: str | None = None
    todo: str = ""
    sizes: tuple[SizeOutlook, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def problems(self) -> list[Finding]:
        """What would let a step fail."""
        return [each for each in self.every_finding() if each.level is Level.PROBLEM]

    def every_finding(self) -> list[Finding]:
        """The findings of its sizes, where several sizes share one told once, and those of the environment."""
        shared: dict[tuple[Level, str, str], list[str]] = {}
        for size in self.sizes:
            for each in size.findings:
                shared.setdefault((each.level, each.said, each.todo), []).append(size.name)
        of_sizes = [
            Finding(level=level, about=_name_sizes(names, len(self.sizes)), said=said, todo=todo)
            for (level, said, todo), names in shared.items()
        ]
        return [*of_sizes, *self.findings]


def _name_sizes(names: list[str], of: int) -> str:
    if len(names) == of > 1:
        return "every size"
    return f"{'size' if len(names) == 1 else 'sizes'} {', '.join(names)}"
