"""Which builder is taken, what it is told, what becomes of what it says. The programs are scripts of the tests' own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airflow_mlkit.exceptions import ImageError, UserError
from airflow_mlkit.image.builder import BUILDERS, Recipe, find_builder
from airflow_mlkit.image.follow import follow
from tests.building import DIGEST, write_program

WRITE_ID = f"""for word in "$@"; do case "$word" in
  --iidfile=*) printf {DIGEST} >"${{word#--iidfile=}}";;
  --digestfile=*) printf {DIGEST} >"${{word#--digestfile=}}";;
esac; done"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    monkeypatch.delenv("MLKIT_BUILDER", raising=False)
    (tmp_path / "programs").mkdir()
    return tmp_path / "programs"


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    folder = tmp_path / "-o 'quoted' \n{{odd}}:ro"
    folder.mkdir()
    return Recipe(
        folder=folder,
        dockerfile="Dockerfile",
        tag="localhost/cards:cpu-1",
        arguments={"KIND": "cpu"},
        labels={"mlkit.dev/project": "cards"},
        options=("--network", "host"),
    )


def ignore(line: str) -> None:
    pass


def test_where_nothing_is_installed_it_says_what_to_install(programs: Path) -> None:
    with pytest.raises(UserError) as caught:
        find_builder()
    assert "docker is not installed\n  podman is not installed\n  buildah is not installed" in caught.value.message
    assert "apt-get install buildah" in str(caught.value.hint)


def test_one_that_is_installed_and_does_not_work_is_passed_over(programs: Path) -> None:
    write_program(programs, "docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    write_program(programs, "buildah", "exit 0")
    assert find_builder().name == "buildah"
    with pytest.raises(UserError, match="docker Cannot connect to the Docker daemon"):
        find_builder("docker")


def test_docker_without_its_plugin_is_passed_over(programs: Path) -> None:
    write_program(programs, "docker", "case $* in version*) echo 28.2.2;; *) exit 1;; esac")
    with pytest.raises(UserError, match="docker lacks its plugin buildx"):
        find_builder("docker")
    write_program(programs, "docker", "case $* in version*) echo 20.10.24;; *) exit 1;; esac")
    assert find_builder("docker").name == "docker"
    write_program(programs, "docker", "echo 28.2.2")
    assert find_builder("docker").name == "docker"


def test_one_that_is_no_program_is_told(programs: Path) -> None:
    (programs / "buildah").write_text("no program")
    (programs / "buildah").chmod(0o755)
    with pytest.raises(UserError, match="buildah cannot be started: Exec format error"):
        find_builder("buildah")


def test_the_one_that_is_named_is_taken(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in BUILDERS:
        write_program(programs, name, "exit 0")
    assert find_builder().name == "docker"
    monkeypatch.setenv("MLKIT_BUILDER", "podman")
    assert find_builder().name == "podman"
    assert find_builder("buildah").name == "buildah"
    with pytest.raises(UserError, match=r"There is no builder 'bulidah'.*buildah"):
        find_builder("bulidah")


@pytest.mark.parametrize(
    ("name", "words"),
    [("docker", "build|"), ("podman", "build|--layers|"), ("buildah", "bud|--layers|")],
)
def test_each_is_told_to_build_in_its_own_words(programs: Path, recipe: Recipe, name: str, words: str) -> None:
    write_program(programs, name, WRITE_ID)
    assert BUILDERS[name].build(recipe, ignore) == DIGEST
    (call,) = (programs / f"{name}.calls").read_text().splitlines()
    told = "--build-arg=KIND=cpu|--label=mlkit.dev/project=cards|--network|host|.|"
    assert call.startswith(f"{words}--file=Dockerfile|--tag=localhost/cards:cpu-1|--iidfile=")
    assert call.endswith(told)


@pytest.mark.parametrize("name", ["podman", "buildah"])
def test_the_digest_is_what_the_registry_answered(programs: Path, name: str) -> None:
    write_program(programs, name, WRITE_ID)
    assert BUILDERS[name].push("sha256:1", "registry.example.com/cards:cpu-1", ignore) == DIGEST
    assert "|sha256:1|docker://registry.example.com/cards:cpu-1|" in (programs / f"{name}.calls").read_text()


def test_docker_is_asked_under_which_digest_this_registry_has_it(programs: Path) -> None:
    known = f'["mirror.example.com/cards@sha256:{"0" * 64}", "registry.example.com/cards@{DIGEST}"]'
    write_program(programs, "docker", f"[ $1 = image ] && echo '{known}'; exit 0")
    assert BUILDERS["docker"].push(DIGEST, "registry.example.com/cards:cpu-1", ignore) == DIGEST
    assert (programs / "docker.calls").read_text().splitlines()[:2] == [
        f"tag|{DIGEST}|registry.example.com/cards:cpu-1|",
        "push|registry.example.com/cards:cpu-1|",
    ]
    with pytest.raises(ImageError, match="does not know under which digest"):
        BUILDERS["docker"].push(DIGEST, "elsewhere.example.com/cards:cpu-1", ignore)


def test_a_failed_build_ends_with_the_last_lines_and_nothing_that_acts_on_a_terminal(
    programs: Path, recipe: Recipe
) -> None:
    colour = "printf '\\033[31mNo matching distribution\\n\\377' >&2"
    said = f"for line in $(/usr/bin/seq 100); do echo line $line; done; {colour}"
    write_program(programs, "buildah", f"{said}; exit 3")
    lines: list[str] = []
    with pytest.raises(ImageError) as caught:
        BUILDERS["buildah"].build(recipe, lines.append)
    assert len(lines) == 102
    assert "line 100\n" in caught.value.message
    assert "line 50\n" not in caught.value.message
    assert "\033" not in caught.value.message
    assert "package index" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("unauthorized: authentication required", "Log in"),
        ("denied: permission artifactregistry.repositories.uploadArtifacts", "Log in"),
        ("dial tcp 127.0.0.1:5000: connect: connection refused", "can it be reached"),
        ("dial tcp: lookup registry.example.com: no such host", "can it be reached"),
        ("http: server gave HTTP response to HTTPS client", "plain HTTP"),
        ("write /var/lib/x: no space left on device", "prune"),
    ],
)
def test_a_registry_that_refuses_is_answered_with_what_to_try(programs: Path, said: str, hint: str) -> None:
    write_program(programs, "buildah", f"echo 'Error: {said}' >&2; exit 125")
    with pytest.raises(ImageError, match=r"could not be pushed to registry\.example\.com/cards:1") as caught:
        BUILDERS["buildah"].push(DIGEST, "registry.example.com/cards:1", ignore)
    assert said in caught.value.message
    assert hint in str(caught.value.hint)


def test_a_builder_that_names_no_image_is_not_believed(programs: Path, recipe: Recipe) -> None:
    write_program(programs, "buildah", "exit 0")
    with pytest.raises(ImageError, match="did not say which image"):
        BUILDERS["buildah"].build(recipe, ignore)


def test_an_endless_line_is_passed_on_in_pieces() -> None:
    lines: list[str] = []
    status, last = follow([sys.executable, "-c", "print('x' * 3_000_000)"], lines.append)
    assert status == 0
    assert max(map(len, lines)) <= 1000
    assert len(last) <= 15


def test_a_build_ends_with_whoever_asked_for_it(tmp_path: Path) -> None:
    code = (
        "import sys; from airflow_mlkit.image.follow import follow;"
        "follow([sys.executable, '-c', 'import os, time; print(os.getpid(), flush=True); time.sleep(600)'],"
        "lambda line: print(line, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as asker:
        assert asker.stdout
        builder = int(asker.stdout.readline())
        asker.send_signal(signal.SIGINT)
        asker.wait(30)
    deadline = time.monotonic() + 10
    while _lives(builder) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(builder)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
