"""Values as YAML that people like to read: plain where that is safe, quoted where it is not."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

_PLAIN = re.compile(r"[^\W\d][\w.@/+-]*(?: [\w.@/+-]+)*|\d+[smhdw]")
_SPECIAL = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n", "none", "nan", "inf"})
_ESCAPED = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff]")


def scalar(value: Any) -> str:
    """One value as YAML.

    >>> scalar("fixed acidity"), scalar("Yes"), scalar("1"), scalar(1)
    ('fixed acidity', '"Yes"', '"1"', '1')
    """
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _SPECIAL:
        return value
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def flow_mapping(values: Mapping[str, Any]) -> str:
    """A mapping on one line; what is None is left out."""
    pairs = (f"{scalar(key)}: {flow(value)}" for key, value in values.items() if value is not None)
    return f"{{{', '.join(pairs)}}}"


def flow(value: Any) -> str:
    """A value, a list or a mapping on one line."""
    if isinstance(value, Mapping):
        return flow_mapping(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(flow(item) for item in value)}]"
    return scalar(value)


def wrapped(items: Iterable[Any], width: int = 100) -> list[str]:
    """The items of a flow list, or the pairs of a flow mapping, in lines of about this width. No item is broken."""
    lines = [""]
    for item in items:
        text = f"{scalar(item[0])}: {scalar(item[1])}," if isinstance(item, tuple) else f"{scalar(item)},"
        if lines[-1] and len(lines[-1]) + len(text) + 1 > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {text}".strip()
    lines[-1] = lines[-1].removesuffix(",")
    return lines


def comment(text: str, width: int = 100) -> list[str]:
    """A sentence as lines for a comment, without the marks; nothing in it can end the comment."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return textwrap.wrap(printable, width=width) or [""]
