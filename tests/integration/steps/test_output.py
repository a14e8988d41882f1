"""What a real process and its children print goes where it went before, and into a file, whatever becomes of them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

KEEP = """
import os, signal, subprocess, sys, time
from pathlib import Path
from airflow_mlkit.steps.output import keep_output
with keep_output(Path("log.txt")) as save:
    {code}
print("afterwards")
"""


def run(folder: Path, code: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", KEEP.format(code=code.replace("\n", "\n    "))]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60, **options)  # type: ignore[call-overload,no-any-return]


def test_what_a_step_and_its_children_print_is_passed_on_and_kept(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        'print("a line")\nprint("a complaint", file=sys.stderr)\n'
        'subprocess.run(["echo", "a child"])\nos.write(1, b"half a")',
    )
    assert ended.stdout == "a line\na child\nhalf aafterwards\n"
    assert ended.stderr == "a complaint\n"
    assert sorted((tmp_path / "log.txt").read_text().splitlines()) == ["a child", "a complaint", "a line", "half a"]


def test_all_that_was_printed_is_in_the_file_once_it_is_saved(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        'for n in range(20_000): print("line", n)\n'
        'save()\nseen = Path("log.txt").read_text().count("\\n")\nprint(seen)',
    )
    assert ended.stdout.splitlines()[-2:] == ["20000", "afterwards"]


def test_outputs_that_are_one_keep_the_order_of_their_lines(tmp_path: Path) -> None:
    code = "for n in range(500): print(n, file=(sys.stdout, sys.stderr)[n % 2])"
    command = [sys.executable, "-c", KEEP.format(code=code)]
    with (tmp_path / "out").open("wb") as out:
        subprocess.run(command, cwd=tmp_path, stdout=out, stderr=out, check=True, timeout=60)
    numbers = [str(number) for number in range(500)]
    assert (tmp_path / "out").read_text().split() == [*numbers, "afterwards"]
    assert (tmp_path / "log.txt").read_text().split() == numbers


def test_a_process_that_is_killed_leaves_its_lines(tmp_path: Path) -> None:
    ended = run(tmp_path, 'print("the last line")\nos.kill(os.getpid(), signal.SIGKILL)')
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout == "the last line\n"
    assert (tmp_path / "log.txt").read_text() == "the last line\n"


def test_a_child_that_lives_on_is_not_waited_for(tmp_path: Path) -> None:
    started = time.monotonic()
    code = 'child = subprocess.Popen(["sleep", "20"])\nprint(child.pid)'
    with (tmp_path / "out").open("wb") as out:
        subprocess.run(
            [sys.executable, "-c", KEEP.format(code=code.replace("\n", "\n    "))],
            cwd=tmp_path,
            stdout=out,
            stderr=out,
            check=True,
            timeout=60,
        )
    assert time.monotonic() - started < 15
    child = (tmp_path / "log.txt").read_text().strip()
    subprocess.run(["kill", child], check=True)


def test_ctrl_c_ends_the_step_and_not_its_log(tmp_path: Path) -> None:
    code = (
        'try:\n    os.killpg(0, signal.SIGINT)\n    time.sleep(10)\nexcept KeyboardInterrupt:\n    print("interrupted")'
    )
    ended = run(tmp_path, code, start_new_session=True)
    assert ended.stdout == "interrupted\nafterwards\n"
    assert (tmp_path / "log.txt").read_text() == "interrupted\n"


def test_a_log_that_cannot_be_written_does_not_end_the_step(tmp_path: Path) -> None:
    (tmp_path / "log.txt").symlink_to("/dev/full")
    ended = run(tmp_path, 'print("goes on")')
    assert ended.stdout == "goes on\nafterwards\n"
    assert "cannot be written any more: No space left on device" in ended.stderr


def test_a_reader_that_goes_does_not_end_the_step(tmp_path: Path) -> None:
    code = 'for n in range(100_000): print("line", n)\nsave()\nPath("ended").touch()'
    command = [sys.executable, "-c", KEEP.format(code=code.replace("\n", "\n    "))]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.wait(60)
    assert (tmp_path / "ended").exists()
    assert (tmp_path / "log.txt").read_text().count("\n") == 100_000
