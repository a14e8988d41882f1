"""Which files `.dockerignore` keeps out of an image.

https://docs.docker.com/build/concepts/context/#dockerignore-files
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

_WILD = re.compile(r"\*\*/?|\*|\?|\[[^]]+\]")


def find_ignored(names: Iterable[str], rules: str) -> list[str]:
    r"""Those of the files that never reach the builder.

    The last line that matches a file, or a folder that it lies in, decides; a `!` lets in again what was kept out.

    >>> find_ignored(["churn/workflow.py", "sql/rows.sql", "data/a.csv"], "*\n!churn\n!sql\n**/*.csv")
    ['data/a.csv']

    Args:
        names: paths inside the project.
        rules: what stands in `.dockerignore`.
    """
    patterns = list(_read_rules(rules))
    return [name for name in names if _is_ignored(name, patterns)]


def _read_rules(text: str) -> Iterator[tuple[re.Pattern[str], bool]]:
    for line in text.splitlines():
        rule = line.strip()
        if rule and not rule.startswith("#"):
            pattern = rule.removeprefix("!").strip().strip("/").removeprefix("./")
            yield re.compile(_translate(pattern)), not rule.startswith("!")


def _is_ignored(name: str, patterns: list[tuple[re.Pattern[str], bool]]) -> bool:
    path = PurePosixPath(name)
    places = [str(path), *(str(parent) for parent in path.parents if str(parent) != ".")]
    ignored = False
    for pattern, keeps_out in patterns:
        if any(pattern.fullmatch(place) for place in places):
            ignored = keeps_out
    return ignored


def _translate(pattern: str) -> str:
    """A pattern as a regular expression; `*` and `?` do not cross a slash, `**` does."""
    text, end = "", 0
    for wild in _WILD.finditer(pattern):
        text += re.escape(pattern[end : wild.start()]) + _translate_wild(wild[0])
        end = wild.end()
    return text + re.escape(pattern[end:])


def _translate_wild(wild: str) -> str:
    match wild:
        case "**/":
            return "(?:.*/)?"
        case "**":
            return ".*"
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
        case _:
            return wild.replace("\\", "\\\\")
