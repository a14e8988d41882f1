"""`mlkit reproduce`: make a version again, and say whether it is the same, or what differs first."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from airflow_mlkit.data.split_record import SplitRecord
from airflow_mlkit.exceptions import DataError, MLKitError, StepError
from airflow_mlkit.project import SPEC_FILE, Project, find_code_files, hash_files
from airflow_mlkit.registry.version_side import find_number
from airflow_mlkit.reproduction.code import bring_code
from airflow_mlkit.reproduction.difference import (
    DATA_CAUSES,
    Difference,
    compare_libraries,
    compare_metrics,
    compare_models,
    compare_split,
)
from airflow_mlkit.reproduction.image import open_image
from airflow_mlkit.reproduction.interpreter import Interpreter, project_interpreter, run_step, this_interpreter
from airflow_mlkit.reproduction.origin import Origin, find_origin
from airflow_mlkit.reproduction.scratch import open_scratch
from airflow_mlkit.reproduction.snapshot import bring_snapshot
from airflow_mlkit.reproduction.venv import build_venv
from airflow_mlkit.rundir import RunDirectory, RunRecord
from airflow_mlkit.rundir.records import Record
from airflow_mlkit.spec.data import PathSource
from airflow_mlkit.spec.dump import dump_spec
from airflow_mlkit.spec.pipeline import AutomaticPromotion, PipelineSpec, StepsSpec
from airflow_mlkit.workflows.manifest import load_manifest

STEPS = ("split", "train", "evaluate")

Announce = Callable[[str], None]


class Reproduction(Record):
    """What came of it.

    Attributes:
        model_id: as it was registered; `found_id` of the second making, None where it did not come so far.
        same: whether both are one.
        difference: the first thing that differs, in the order of cause.
        code: where the code was taken from; `data` where the rows, `libraries` what it ran with.
        notes: what people should know of how it was done.
        kept: the folder with the scratch project and run, where it was to be kept.
    """

    model_name: str
    model_version: str
    model_id: str
    found_id: str | None = None
    same: bool
    difference: Difference | None = None
    code: str
    data: str = ""
    libraries: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    kept: str | None = None

    @property
    def exit_code(self) -> int:
        """0 for the same model, 3 where the data differs, 1 where anything else does."""
        if self.same:
            return 0
        is_data = self.difference is not None and self.difference.cause in DATA_CAUSES
        return DataError.exit_code if is_data else MLKitError.exit_code


@dataclass
class _Attempt:
    """One reproduction on its way."""

    project: Project
    origin: Origin
    folder: Path
    announce: Announce
    here: bool
    code: str = ""
    data: str = ""
    libraries: str = ""
    notes: list[str] = field(default_factory=list)

    def carry_out(self) -> Reproduction:
        """Bring everything together, run the steps, and compare, until a difference makes the rest pointless."""
        before = self._prepare()
        if before is not None:
            return self._conclude(None, before)
        interpreter = self._choose_interpreter()  # last: an image or an environment may take minutes to come
        self.libraries = interpreter.title
        for step in STEPS:
            self.announce(f"{step}, with {interpreter.title}")
            self._run(step, interpreter)
            cut = next(self._compare_split(), None) if step == "split" else None
            if cut is not None:
                return self._conclude(None, cut)
        return self._compare()

    @property
    def _recorded(self) -> dict[str, str]:
        return self.origin.manifest.libraries

    @property
    def _run_directory(self) -> RunDirectory:
        return RunDirectory(self.folder / "run")

    def _choose_interpreter(self) -> Interpreter:
        present = this_interpreter(self._recorded)
        if self.here:
            return present
        image = self.origin.facts.image
        if image:
            self.announce(f"looking for its image {image}")
            found = open_image(image, self.folder)
            if isinstance(found, Interpreter):
                return found
            self.notes.append(found)
        for candidate in filter(None, (present, project_interpreter(self.project, self._recorded))):
            if not self._differ(candidate):
                self._note_python(candidate)
                return candidate
        self.announce(f"other libraries than here ({self._differ(present)}): looking for a virtual environment")
        venv = build_venv(self._recorded, self.origin.facts.distributions, device=self.origin.manifest.device or "cpu")
        self._note_python(venv)
        return venv

    def _differ(self, candidate: Interpreter) -> str:
        """Which libraries of an interpreter are others; the kit itself is not one of them."""
        found = compare_libraries(self._recorded, candidate.libraries or {})
        return ", ".join(f"{one.what} {one.then}, here {one.now}" for one in found if one.what != "airflow-mlkit")

    def _note_python(self, chosen: Interpreter) -> None:
        now = chosen.libraries or {}
        for name, title in (("python", "Python"), ("airflow-mlkit", "airflow-mlkit")):
            then, found = self._recorded.get(name), now.get(name)
            if then and found and then != found:
                self.notes.append(f"It was made with {title} {then}, and this ran with {title} {found}.")

    def _prepare(self) -> Difference | None:
        """Lay the scratch project and run out. Returns what differs already."""
        scratch = self.folder / "project"
        origin = self.origin
        _write_project(self.project, origin, scratch)
        brought = bring_code(self.project, origin, scratch, self.folder)
        self.code = brought.source
        self.notes += [brought.note] if brought.note else []
        code = _compare_code(origin, self.folder, brought.source)
        if code or brought.difference:
            return code or brought.difference
        run = RunDirectory.create(self._run_directory.root, _begin(origin))
        self.announce("looking for its rows")
        rows = bring_snapshot(origin, run, scratch, this_interpreter(self._recorded))
        self.data = rows.source
        return rows.difference

    def _run(self, step: str, interpreter: Interpreter) -> None:
        ended = run_step(interpreter, step, self.folder / "project", self._run_directory)
        if ended.exit_code:
            raise StepError(
                f"{self.origin.entry.title} cannot be made again: {step} failed: {ended.reason}",
                hint=f"It ran with {interpreter.title}; --keep leaves its files to look at.",
            )

    def _compare_split(self) -> Iterator[Difference]:
        split = SplitRecord.load(self._run_directory.published("split").file("split.json"))
        return compare_split(self.origin.entry, self.origin.manifest, split)

    def _compare(self) -> Reproduction:
        run, origin = self._run_directory, self.origin
        made = load_manifest(run.published("train").file("model/model.json").parent)
        metrics = json.loads(run.published("evaluate").file("metrics.json").read_bytes())["metrics"]
        libraries = list(compare_libraries(self._recorded, made.libraries))
        differing = [*compare_models(origin.manifest, made), *compare_metrics(origin.entry.metrics, metrics)]
        if not differing:
            self.notes += [
                f"All the same with other libraries: {one.what} {one.then}, now {one.now}." for one in libraries
            ]
            return self._conclude(made.model_id, None)
        return self._conclude(made.model_id, next(chain(libraries, differing)))

    def _conclude(self, found_id: str | None, difference: Difference | None) -> Reproduction:
        entry = self.origin.entry
        return Reproduction(
            model_name=entry.model_name,
            model_version=entry.model_version,
            model_id=entry.model_id,
            found_id=found_id,
            same=difference is None,
            difference=difference,
            code=self.code,
            data=self.data,
            libraries=self.libraries,
            notes=tuple(dict.fromkeys(self.notes)),
        )


def reproduce(
    project: Project,
    version: str,
    *,
    keep: bool = False,
    here: bool = False,
    announce: Announce = lambda _: None,
) -> Reproduction:
    """Make a version again in a scratch folder, and compare. Nothing of the registry or the project changes.

    Args:
        project: whose version it is, as it is checked out now.
        version: its number in MLflow, or `champion` or `anchor`.
        keep: leave the scratch project and run to look at.
        here: take the libraries of this Python, whatever they are.
        announce: called with what is being done.

    Raises:
        UserError: when there is no such version, it was not made by the kit, or its libraries cannot be had.
        DataError: when its rows are gone and the source cannot be read.
        RegistryError: when its files are gone or are not what was registered.
        StepError: when a step fails that went through when it was made.
    """
    started = time.monotonic()
    with open_scratch(keep=keep) as scratch:
        announce(f"reading what {project.spec.name} version {version} tells")
        kept_files = scratch.folder / "kept"
        kept_files.mkdir()
        origin = find_origin(project, find_number(project, version), kept_files)
        result = _Attempt(project, origin, scratch.folder, announce, here).carry_out()
    kept = str(scratch.folder) if keep else None
    return result.model_copy(update={"seconds": round(time.monotonic() - started, 1), "kept": kept})


def _write_project(project: Project, origin: Origin, folder: Path) -> None:
    """The kept project with what only has to do with where and when it runs taken out: none of it makes the model."""
    shutil.copytree(origin.kept, folder)
    spec = origin.spec
    source = spec.data.source
    if isinstance(source, PathSource):  # the rows lie where they lay, beside the project as it is now
        source = source.model_copy(update={"path": project.absolute(source.path)})
    train = spec.train.model_copy(update={"schedule": None, "size": "cpu-small", "sizes": {}})
    alone: PipelineSpec = spec.model_copy(
        update={
            "data": spec.data.model_copy(update={"source": source}),
            "train": train,
            "promote": AutomaticPromotion(),
            "predict": None,
            "steps": StepsSpec(),
        }
    )
    (folder / SPEC_FILE).write_text(dump_spec(alone), encoding="utf-8")


def _compare_code(origin: Origin, folder: Path, source: str) -> Difference | None:
    found = hash_files(find_code_files(folder / "project", origin.spec.package))
    if found == origin.entry.code_hash:
        return None
    return Difference(
        cause="code",
        what="the code",
        then=origin.entry.code_hash[:12],
        now=f"{found[:12]} in {source}",
        meaning="The model was not trained with the code of that commit.",
    )


def _begin(origin: Origin) -> RunRecord:
    return RunRecord(
        name=origin.spec.name,
        run_id="again",
        as_of=origin.entry.as_of or origin.facts.as_of,
        parameters=origin.facts.parameters,
        started=datetime.now(UTC),
    )
