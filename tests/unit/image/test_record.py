from __future__ import annotations

import json
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from airflow_mlkit.exceptions import ProjectError
from airflow_mlkit.image.keep import keep_images
from airflow_mlkit.image.record import BuiltImage, Kind, read_image_record

HASH = "a" * 64


def built(**changed: Any) -> BuiltImage:
    given = {
        "reference": f"registry.example.com:5000/ml/cards@sha256:{HASH}",
        "tag": "registry.example.com:5000/ml/cards:cpu-1",
        "built": datetime(2026, 11, 21, tzinfo=UTC),
        "code_hash": HASH,
        "files": {"mlkit.yaml": HASH},
    }
    return BuiltImage(**{**given, **changed})


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    kept = keep_images(tmp_path, "cards", {"cpu": built(commit="abc", clean=False, base="python:3.12-slim")})
    assert read_image_record(tmp_path) == kept
    assert [path.name for path in tmp_path.iterdir()] == ["image.json"]
    assert (tmp_path / "image.json").stat().st_mode & 0o044 == 0o044, "whoever may read the project may read it"


def test_a_project_without_an_image_has_no_record(tmp_path: Path) -> None:
    assert read_image_record(tmp_path) is None


def test_a_size_with_cards_never_gets_the_image_without_cuda(tmp_path: Path) -> None:
    record = keep_images(tmp_path, "cards", {"cpu": built()})
    assert record.of(0) == built()
    assert record.of(1) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is no JSON"),
        ('{"version": 1, "project": "cards", "ima', "is no JSON"),
        ("<<<<<<< HEAD\n{}", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("\udcff", "is no JSON"),
        ("[]", "is no record of images"),
        ("{}", "is no record of images: project"),
        ('{"version": 1, "project": "cards", "images": {}}', "images: Dictionary should have at least 1 item"),
        ('{"version": 0, "project": "cards", "images": {}}', "version: Input should be 1"),
        ('{"version": 7, "anything": "else"}', "was written by a newer mlkit (form 7; this one reads 1)"),
    ],
)
def test_a_broken_record_is_told_in_a_sentence(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "image.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ProjectError) as caught:
        read_image_record(tmp_path)
    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "reference",
    [
        "registry.example.com/ml/cards:latest",
        "registry.example.com/ml/cards@sha256:12",
        f"-rm@sha256:{HASH}",
        f"a b/c@sha256:{HASH}",
        f"registry.example.com/ml/cards@sha256:{HASH}\n",
        f"https://registry.example.com/cards@sha256:{HASH}",
    ],
)
def test_only_a_reference_by_digest_counts(tmp_path: Path, reference: str) -> None:
    keep_images(tmp_path, "cards", {"cpu": built()})
    given = json.loads((tmp_path / "image.json").read_text())
    given["images"]["cpu"]["reference"] = reference
    (tmp_path / "image.json").write_text(json.dumps(given))
    with pytest.raises(ProjectError, match=r"images\.cpu\.reference"):
        read_image_record(tmp_path)


def test_a_folder_or_something_huge_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "image.json").mkdir()
    with pytest.raises(ProjectError, match="no ordinary file"):
        read_image_record(tmp_path)
    (tmp_path / "image.json").rmdir()
    with (tmp_path / "image.json").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(ProjectError, match="larger than"):
        read_image_record(tmp_path)


def test_the_kinds_that_were_not_built_stay(tmp_path: Path) -> None:
    keep_images(tmp_path, "cards", {"gpu": built()})
    record = keep_images(tmp_path, "cards", {"cpu": built(commit="abc")})
    assert record.images == {"gpu": built(), "cpu": built(commit="abc")}


def test_those_of_another_project_do_not_stay(tmp_path: Path) -> None:
    keep_images(tmp_path, "churn", {"gpu": built()})
    assert set(keep_images(tmp_path, "cards", {"cpu": built()}).images) == {"cpu"}


def test_the_same_image_built_again_changes_nothing(tmp_path: Path) -> None:
    keep_images(tmp_path, "cards", {"cpu": built()})
    before = (tmp_path / "image.json").read_bytes()
    keep_images(tmp_path, "cards", {"cpu": built(built=datetime(2027, 1, 1, tzinfo=UTC))})
    assert (tmp_path / "image.json").read_bytes() == before


def test_an_image_of_the_same_files_that_was_not_pushed_does_not_replace_a_pushed_one(tmp_path: Path) -> None:
    keep_images(tmp_path, "cards", {"cpu": built()})
    assert keep_images(tmp_path, "cards", {"cpu": built(reference=None)}).images["cpu"].reference
    changed = built(reference=None, files={"mlkit.yaml": "b" * 64})
    assert keep_images(tmp_path, "cards", {"cpu": changed}).images["cpu"] == changed


def test_where_it_cannot_be_written_what_was_built_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"What was built: registry\.example\.com"):
        keep_images(tmp_path / "gone", "cards", {"cpu": built()})


def keep_many(folder: Path, kind: Kind) -> None:
    for number in range(40):
        keep_images(folder, "cards", {kind: built(commit=str(number), reference=None, tag=f"localhost/a:{number}")})


def test_two_that_write_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    context = get_context("fork")
    writers = [context.Process(target=keep_many, args=(tmp_path, kind)) for kind in ("cpu", "gpu")]
    for writer in writers:
        writer.start()
    for _ in range(200):
        read_image_record(tmp_path)  # whole at any moment
    for writer in writers:
        writer.join()
    record = read_image_record(tmp_path)
    assert record
    assert {kind: image.tag for kind, image in record.images.items()} == {
        "cpu": "localhost/a:39",
        "gpu": "localhost/a:39",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["image.json"]
