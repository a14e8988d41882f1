"""Lines from a container's log, however it is written."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlkit.airflow.pod_log import MAX_LINE, cut_lines, read_pod_log


@given(st.lists(st.binary(max_size=20)))
def test_the_lines_do_not_depend_on_how_the_stream_is_cut(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    assert list(cut_lines(iter(chunks))) == list(cut_lines(iter([whole])))


@pytest.mark.parametrize("megabytes", [1, 64])
def test_a_line_without_an_end_is_cut_and_the_next_one_is_whole(megabytes: int) -> None:
    chunks = [b"x" * (1 << 16)] * (megabytes * 16)
    first, second = cut_lines(iter([b"before\n", *chunks, b"\nafter\n", b"end"][1:-1]))
    assert first.startswith("x" * MAX_LINE)
    assert first.endswith("... (longer than 64 KiB; the rest is left out)")
    assert second == "after"


def test_what_is_no_text_is_shown_and_not_refused() -> None:
    assert list(cut_lines(iter([b"\xff\xfe caf\xc3\xa9\r\n"]))) == ["\\xff\\xfe café"]


class Given:
    """A node that gives a log, as the API server passes it on."""

    def __init__(self, *lines: str) -> None:
        self._content = BytesIO("".join(f"{line}\n" for line in lines).encode())

    def read_namespaced_pod_log(self, *_: Any, **__: Any) -> Given:
        return self

    def __enter__(self) -> Given:
        return self

    def __exit__(self, *_: object) -> None:
        """It ends."""

    def stream(self, size: int) -> Iterator[bytes]:
        return iter(lambda: self._content.read(size), b"")


def test_a_nodes_own_word_hides_no_line_of_the_container() -> None:
    node = Given(
        "unable to retrieve container logs for containerd://1",
        "2026-11-22T10:00:00.000000001Z first",
        "failed to create fsnotify watcher: too many open files",
        "2026-11-22T10:00:01.000000001Z second",
    )
    said = read_pod_log(
        lambda: node,  # type: ignore[arg-type, return-value]
        "ml",
        "p",
        5.0,
    )
    assert [line for line in said if line in ("first", "second")] == ["first", "second"]
    assert any("too many open files" in line for line in said)
