from __future__ import annotations

import json
import subprocess
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from airflow_mlkit.cli.check import find_problems
from airflow_mlkit.exceptions import ImageError, ProjectError, UserError
from airflow_mlkit.image.build import ImageBuild, find_registry
from airflow_mlkit.image.builder import Recipe
from airflow_mlkit.image.choose import choose_image
from airflow_mlkit.image.record import read_image_record
from airflow_mlkit.image.stale import find_stale, needed_kinds
from airflow_mlkit.project import Project, load_project
from airflow_mlkit.registry.provenance import GitState, read_git_state
from tests.building import PretendedBuilder
from tests.projects import build_project, default_spec

REGISTRY = "registry.example.com:5000/ml"
PLATFORM = {
    "base_images": {"cpu": "mirror.example.com/python:3.12", "gpu": "mirror.example.com/cuda:12"},
    "pools": {"general": {}, "gpu": {"node": {"cpu": 8, "memory": "64Gi", "gpu": 1}}},
    "sizes": {"cpu-small": {"cpu": 1, "memory": "1Gi"}, "gpu": {"cpu": 1, "memory": "1Gi", "gpu": 1, "pool": "gpu"}},
    "environments": {
        "prod": {
            "backend": "kubernetes",
            "namespace": "ml",
            "runs": "s3://ml/runs",
            "mlflow": "https://mlflow.example.com",
            "registry": REGISTRY,
        }
    },
}


def git(folder: Path, *arguments: str) -> None:
    own = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com"]
    subprocess.run(["git", "-C", str(folder), *own, *arguments], check=True, capture_output=True)


def open_project(folder: Path, *, platform: dict[str, Any] = PLATFORM, spec: dict[str, Any] | None = None) -> Project:
    build_project(folder, rows=10, spec=spec)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    with (folder / "platform.yaml").open("w") as file:
        YAML().dump(platform, file)
    return load_project(folder, environment="prod")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return open_project(tmp_path / "cards")


def make(project: Project, builder: PretendedBuilder | None = None, **given: Any) -> ImageBuild:
    given = {"registry": REGISTRY, "tell": lambda line: None, **given}
    return ImageBuild(project=project, builder=builder or PretendedBuilder(), **given)


def test_an_image_is_named_by_the_digest_that_the_registry_answered(project: Project) -> None:
    builder = PretendedBuilder()
    record = make(project, builder, options=["--network", "host"]).carry_out(["cpu"])
    image = record.images["cpu"]
    assert image.reference
    assert image.reference.startswith(f"{REGISTRY}/cards@sha256:")
    assert image.tag.startswith(f"{REGISTRY}/cards:cpu-")
    assert image.code_hash == project.code_hash
    assert {"Dockerfile", "mlkit.yaml", "cards/workflow.py", "expectations/payments.json"} <= set(image.files)
    assert not {"data/payments.csv", "platform.yaml"} & set(image.files)
    assert read_image_record(project.folder) == record
    (recipe,) = builder.recipes
    assert recipe.arguments == {"BASE_IMAGE": "mirror.example.com/python:3.12", "KIND": "cpu", "COMMIT": ""}
    assert recipe.labels["mlkit.dev/code-hash"] == project.code_hash
    assert recipe.labels["org.opencontainers.image.title"] == "cards"
    assert "org.opencontainers.image.revision" not in recipe.labels
    assert recipe.options == ["--network", "host"]


def test_an_image_that_was_not_pushed_has_no_reference(project: Project) -> None:
    image = make(project, registry=None).carry_out(["cpu"]).images["cpu"]
    assert image.reference is None
    assert image.tag.startswith("localhost/cards:cpu-")


def test_each_kind_has_its_base(project: Project) -> None:
    builder = PretendedBuilder()
    record = make(project, builder).carry_out(["cpu", "gpu"])
    assert [recipe.arguments["KIND"] for recipe in builder.recipes] == ["cpu", "gpu"]
    assert [image.base for image in record.images.values()] == [
        "mirror.example.com/python:3.12",
        "mirror.example.com/cuda:12",
    ]


def test_where_the_platform_names_no_base_the_dockerfile_decides(tmp_path: Path) -> None:
    builder = PretendedBuilder()
    make(open_project(tmp_path, platform={**PLATFORM, "base_images": {}}), builder).carry_out(["cpu"])
    assert "BASE_IMAGE" not in builder.recipes[0].arguments


def test_the_sizes_of_the_steps_say_which_kinds_are_needed(tmp_path: Path) -> None:
    spec = default_spec()
    assert needed_kinds(open_project(tmp_path / "a", spec=spec)) == ("cpu",)
    spec["train"]["sizes"] = {"train": "gpu"}
    assert needed_kinds(open_project(tmp_path / "b", spec=spec)) == ("cpu", "gpu")
    spec["train"] |= {"sizes": {}, "size": "gpu"}
    assert needed_kinds(open_project(tmp_path / "c", spec=spec)) == ("gpu",)


def fail(recipe: Recipe) -> None:
    if recipe.arguments["KIND"] == "gpu":
        raise ImageError("The image could not be built.")


def test_a_build_that_fails_in_the_middle_leaves_the_record_as_it_was(project: Project) -> None:
    make(project).carry_out(["cpu", "gpu"])
    before = (project.folder / "image.json").read_bytes()
    (project.folder / "cards" / "workflow.py").write_text("changed = True\n")
    again = load_project(project.folder, environment="prod")
    for builder in (PretendedBuilder(during=fail), PretendedBuilder(refuses_push=True)):
        with pytest.raises(ImageError):
            make(again, builder).carry_out(["cpu", "gpu"])
        assert (project.folder / "image.json").read_bytes() == before


def test_a_project_that_is_changed_while_it_is_built_is_not_recorded(project: Project) -> None:
    def change(recipe: Recipe) -> None:
        (project.folder / "mlkit.yaml").open("a").write("# later\n")

    with pytest.raises(UserError, match="changed while its image was built"):
        make(project, PretendedBuilder(during=change)).carry_out(["cpu"])
    assert read_image_record(project.folder) is None


def test_what_would_stop_the_build_at_its_end_is_told_before_it(project: Project) -> None:
    builder = PretendedBuilder()
    (project.folder / "image.json").write_text('{"version": 9}')
    with pytest.raises(ProjectError, match="newer mlkit"):
        make(project, builder).carry_out(["cpu"])
    (project.folder / "image.json").unlink()
    (project.folder / ".dockerignore").write_text("*\n!mlkit.yaml\n!cards\n")
    with pytest.raises(ProjectError, match=r"keeps out of the image what its steps read: expectations/payments\.json"):
        make(project, builder).carry_out(["cpu"])
    (project.folder / "Dockerfile").unlink()
    with pytest.raises(ProjectError, match="Dockerfile is not there"):
        make(project, builder).carry_out(["cpu"])
    assert builder.recipes == []


def test_two_builds_at_once_each_leave_their_kind(project: Project) -> None:
    def build_the_other(recipe: Recipe) -> None:
        make(project).carry_out(["gpu"])

    record = make(project, PretendedBuilder(during=build_the_other)).carry_out(["cpu"])
    assert set(record.images) == {"cpu", "gpu"}


@pytest.mark.needs("git")
def test_the_commit_is_recorded_and_whether_files_were_changed_since(project: Project) -> None:
    git(project.folder, "init", "-q")
    git(project.folder, "remote", "add", "origin", "https://ana:s3cret@git.example.com/ml/cards.git")
    git(project.folder, "add", ".")
    git(project.folder, "commit", "-qm", "Begin")
    builder = PretendedBuilder()
    image = make(project, builder).carry_out(["cpu"]).images["cpu"]
    commit = read_git_state(project.folder).commit
    assert (image.commit, image.clean) == (commit, True)
    first = builder.recipes[0]
    assert first.labels["org.opencontainers.image.revision"] == first.arguments["COMMIT"] == commit
    assert first.labels["org.opencontainers.image.source"] == "https://git.example.com/ml/cards.git"
    make(project, builder).carry_out(["cpu"])  # image.json is new, and no change of the project
    assert builder.recipes[1] == first, "the same files give the same image, whenever it is built"
    (project.folder / "notes.txt").write_text("new")
    image = make(project, builder, registry=None).carry_out(["gpu"]).images["gpu"]
    assert (image.commit, image.clean) == (commit, False)
    told = builder.recipes[2].arguments["COMMIT"]
    assert told == f"{commit}-dirty"
    elsewhere = project.folder.parent
    assert read_git_state(elsewhere, {"MLKIT_COMMIT": told}) == GitState(commit, clean=False)
    assert "s3cret" not in repr(builder.recipes)


@pytest.mark.parametrize(
    "registry",
    [
        "https://registry.example.com/ml",
        "Registry.example.com/ML",
        "registry.example.com/ml:latest",
        "-v/x",
        "a b",
        "../x",
    ],
)
def test_a_registry_that_cannot_be_one_is_refused(tmp_path: Path, registry: str) -> None:
    platform = json.loads(json.dumps(PLATFORM))
    platform["environments"]["prod"]["registry"] = registry
    with pytest.raises(UserError, match=r"environments\.prod\.registry"):
        find_registry(open_project(tmp_path, platform=platform))


def test_the_registry_is_the_one_of_the_environment(project: Project) -> None:
    assert find_registry(project) == REGISTRY
    assert find_registry(load_project(project.folder)) is None


def test_an_image_of_other_files_is_stale_until_they_are_built(project: Project) -> None:
    assert find_stale(project) is None, "without an image of its own there is nothing to compare"
    make(project).carry_out(["cpu"])
    assert find_stale(project) is None
    with (project.folder / "data" / "payments.csv").open("a") as file:
        file.write("p11,2026-01-01,1,US,no\n")
    assert find_stale(project) is None, "the data is not in the image"
    (project.folder / "cards" / "new.py").write_text("")
    (project.folder / "expectations" / "payments.json").unlink()
    said = find_stale(load_project(project.folder, environment="prod"))
    assert said == (
        "The cpu image is older than the project: cards/new.py, expectations/payments.json are not as in it; "
        "build it again: mlkit image build."
    )
    make(load_project(project.folder, environment="prod")).carry_out(["cpu"])
    assert find_stale(load_project(project.folder, environment="prod")) is None


def test_only_what_has_changed_is_out_of_date(tmp_path: Path) -> None:
    project = open_project(tmp_path)
    assert make(project).outdated(["cpu"]) == ("cpu",)
    make(project, registry=None).carry_out(["cpu"])
    assert make(project).outdated(["cpu"]) == ("cpu",), "it was not pushed"
    make(project).carry_out(["cpu"])
    assert make(project).outdated(["cpu", "gpu"]) == ("gpu",)
    assert make(project, registry="elsewhere.example.com").outdated(["cpu"]) == ("cpu",)
    other = open_project(tmp_path, platform={**PLATFORM, "base_images": {"cpu": "mirror.example.com/python:3.13"}})
    assert make(other).outdated(["cpu"]) == ("cpu",)
    (tmp_path / "requirements.txt").write_text("rich\n")
    assert make(project).outdated(["cpu"]) == ("cpu",)


def test_a_step_runs_in_the_image_of_its_size_by_digest(tmp_path: Path) -> None:
    project = open_project(tmp_path)
    with pytest.raises(ProjectError, match="no image to run in"):
        choose_image(project, gpus=0)
    record = make(project).carry_out(["cpu"])
    assert choose_image(project, gpus=0) == record.images["cpu"].reference
    with pytest.raises(ProjectError, match="The gpu image of the project was not built yet"):
        choose_image(project, gpus=1)
    make(project, registry=None).carry_out(["gpu"])
    with pytest.raises(ProjectError, match="not pushed") as caught:
        choose_image(project, gpus=1)
    assert caught.value.hint == "Build it: mlkit image build --kind gpu --push --environment prod"


def test_a_project_without_an_image_runs_in_the_platforms(tmp_path: Path) -> None:
    prod = {**PLATFORM["environments"]["prod"], "images": {"cpu": "registry.example.com/ml/steps:1"}}
    project = open_project(tmp_path, platform={**PLATFORM, "environments": {"prod": prod}})
    assert choose_image(project, gpus=0) == choose_image(project, gpus=1) == "registry.example.com/ml/steps:1"


def test_mlkit_check_says_what_a_cluster_cannot_run(tmp_path: Path) -> None:
    spec = default_spec()
    spec["predict"]["output"]["path"] = "s3://ml/scores"
    project = open_project(tmp_path, spec=spec)

    def look(environment: str) -> list[tuple[list[str], str | None]]:
        found = takewhile(lambda each: each.part != "workflow", find_problems(project.folder, environment=environment))
        return [(finding.problems, finding.skipped) for finding in found if finding.part == "image"]

    assert "no image to run in" in look("prod")[0][0][0]
    assert look("laptop") == []
    make(project).carry_out(["cpu"])
    assert look("prod") == [([], None)]
    (project.folder / "requirements.txt").write_text("rich\n")
    said = (
        "The cpu image is older than the project: requirements.txt is not as in it; build it again: mlkit image build."
    )
    assert look("prod") == [([said], None)]
    assert look("laptop") == [([], said)]
    (project.folder / "image.json").write_text("{")
    assert "is no JSON" in look("prod")[0][0][0]


def test_a_record_that_was_copied_from_another_project_is_noticed(project: Project) -> None:
    record = make(project).carry_out(["cpu"])
    (project.folder / "image.json").write_bytes(record.model_copy(update={"project": "churn\n"}).to_bytes())
    assert "'churn\\n'" in str(find_stale(project))
