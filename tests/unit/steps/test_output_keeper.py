"""What is kept of a long output: the beginning, the end, and how much lies between; lines that are too long are cut."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from secrets import token_hex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlkit.steps.output_keeper import CUT, MAX_LINE, Cutter, LogFile


def cut(text: bytes, size: int = MAX_LINE) -> bytes:
    cutter = Cutter()
    return b"".join(cutter.feed(text[start : start + size]) for start in range(0, len(text), size))


@given(st.lists(st.integers(0, 3 * MAX_LINE), max_size=4), st.integers(MAX_LINE // 7, MAX_LINE), st.booleans())
def test_of_each_line_so_much_is_left_wherever_a_part_of_the_stream_ends(
    lengths: list[int], size: int, ends: bool
) -> None:
    lines = [b"x" * length for length in lengths]
    left = [line if len(line) <= MAX_LINE else line[:MAX_LINE] + CUT for line in lines]
    assert cut(b"\n".join(lines) + b"\n" * ends, size) == b"\n".join(left) + b"\n" * ends


def written(path: Path, *lines: str, kept: int) -> list[str]:
    log = LogFile(path, kept)
    for line in lines:
        log.add(f"{line}\n".encode())
    log.save()
    return path.read_text().splitlines()


def test_a_short_log_is_kept_whole_after_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("before\n")
    assert written(path, "a", "b", kept=4) == ["before", "a", "b"]


def test_a_long_log_keeps_both_ends_and_says_how_much_is_left_out(tmp_path: Path) -> None:
    lines = [f"line {number:04}" for number in range(1000)]
    told = written(tmp_path / "log.txt", *lines, kept=50)
    assert gzip.decompress((tmp_path / "log.middle.txt.gz").read_bytes()).decode().splitlines() == lines[5:-5]
    assert told == [*lines[:5], "... 990 lines (0.0 MiB) are in log.middle.txt.gz ...", *lines[-5:]]


def test_a_log_without_end_fills_no_disk(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log.txt", kept=10, limit=100_000)
    for _ in range(20_000):
        log.add(token_hex(40).encode() + b"\n")
    log.save()
    assert re.search(r"\.\.\. 19999 lines .* but for the last \d+ lines", (tmp_path / "log.txt").read_text())
    assert (tmp_path / "log.middle.txt.gz").stat().st_size < 500_000


def test_the_end_is_written_over_the_end_that_was_written_before(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log.txt", kept=8)
    for number in range(100):
        log.add(f"{number:03}\n".encode())
        log.save()
    middle = gzip.decompress((tmp_path / "log.middle.txt.gz").read_bytes()).decode()
    assert middle.splitlines() == [f"{number:03}" for number in range(2, 98)]
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert lines == ["000", "001", "... 96 lines (0.0 MiB) are in log.middle.txt.gz ...", "098", "099"]


def test_a_part_with_many_lines_is_split_between_the_beginning_and_the_end(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log.txt", kept=10)
    log.add(b"aa\nbb\ncc\ndd\nee\n")
    log.save()
    assert (tmp_path / "log.txt").read_text() == "aa\nbb\ncc\ndd\nee\n"


def test_a_disk_that_is_full_is_told_once_and_ends_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    log = LogFile(Path("/dev/full"))
    log.add(b"a\n")
    log.add(b"b\n")
    log.save()
    assert capfd.readouterr().err == "The try's log cannot be written any more: No space left on device.\n"
