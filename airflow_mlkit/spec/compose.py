"""The nodes of a YAML document, read by libyaml: a Dag processor reads a thousand specs, and Python is slow at it.

What the nodes mean is ruamel.yaml's, by YAML 1.2, as is everything that is unusual or wrong: it says what and where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import yaml  # type: ignore[import-untyped]
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.resolver import Resolver

_LIBYAML = getattr(yaml, "CSafeLoader", None)
"""None where PyYAML was built without it."""


_FRAME = (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent)

_UNUSUAL = re.compile(r"^(?:(?! #|^ *#).)*(?:(?:^|[ ,:\[{-])[|>&*!%@`]|[\t\x85\u2028\u2029\ufeff])", re.MULTILINE)
"""Where the two may differ, outside of comments: block texts, anchors, aliases, tags, directives; tabs, and what in
YAML 1.1 was the end of a line."""


class _UnusualError(Exception):
    """A second document, an anchor, an alias, a tag."""


def compose(text: str) -> Node | None:
    """The root of a document; None for an empty one.

    Raises:
        ruamel.yaml.error.YAMLError: for what is no YAML.
        RecursionError: for what is nested too deeply.
    """
    if _LIBYAML is not None and not _UNUSUAL.search(text):
        try:
            return _build_document(yaml.parse(text, Loader=_LIBYAML))
        except (yaml.YAMLError, _UnusualError):
            pass  # said below, in ruamel.yaml's words
    return new_yaml().compose(text)  # type: ignore[no-any-return]


def new_yaml() -> YAML:
    """A reader of YAML 1.2."""
    return YAML(typ="safe", pure=True, plug_ins=[])  # by itself it looks for plug-ins on the disk, each time


def _build_document(events: Iterator[yaml.Event]) -> Node | None:
    content = [event for event in events if not isinstance(event, _FRAME)]
    if not content:
        return None
    rest = iter(content)
    root = _build(next(rest), rest)
    if next(rest, None):
        raise _UnusualError
    return root


def _build(event: yaml.Event, rest: Iterator[yaml.Event]) -> Node:
    if isinstance(event, yaml.AliasEvent) or event.anchor or event.tag:
        raise _UnusualError
    if isinstance(event, yaml.ScalarEvent):
        tag = _resolver().resolve(ScalarNode, event.value, event.implicit)
        return ScalarNode(tag, event.value, event.start_mark, event.end_mark, style=event.style)
    children = [*_build_children(rest)]
    if isinstance(event, yaml.SequenceStartEvent):
        return SequenceNode(_resolver().DEFAULT_SEQUENCE_TAG, children, event.start_mark)
    pairs = [*zip(children[::2], children[1::2], strict=True)]
    return MappingNode(_resolver().DEFAULT_MAPPING_TAG, pairs, event.start_mark)


def _build_children(events: Iterator[yaml.Event]) -> Iterator[Node]:
    while not isinstance(event := next(events), yaml.events.CollectionEndEvent):
        yield _build(event, events)


@cache
def _resolver() -> Resolver:
    return Resolver()
