"""Lines from a container's log, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlkit.airflow.pod_log import MAX_LINE, cut_lines


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
