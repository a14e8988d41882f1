"""The pages that the steps of a run have made, read as what they are: files that a training process wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_mlkit.cost.tried_page import render_tried_page
from airflow_mlkit.exceptions import MLKitError, RunDirectoryError
from airflow_mlkit.rundir import Publication, RunDirectory, StepDirectory, is_local

PAGES = {
    "validate": "data_docs/index.html",
    "evaluate": "report.html",
    "gate": "gate_report.html",
    "promote": "gate_report.html",
}
"""The steps that have a page for people, and its file."""

STANDS_IN = {"promote": "gate"}
"""promote has a page of its own only where it compared again, with a champion that came after the gate's."""

MOST_BYTES = 20 * 2**20
"""Of a page: what a web server can hold for each reader. Pages are a hundredth of that."""


def read_report(run_dir: str, step: str) -> bytes:
    """The page of a step, checked against the hash that was recorded when it was made.

    Args:
        run_dir: the URI of the run directory.
        step: one of `PAGES`.

    Raises:
        RunDirectoryError: when there is none, it is not the one that was made, or the place cannot be reached.
        MissingExtraError: when what opens this kind of bucket is not installed.
    """
    with _reached(run_dir):
        found = find_report(RunDirectory(run_dir), step)
        page = _read(found, PAGES[step]) if found else None
    if page is None:
        raise RunDirectoryError(f"{run_dir}: the step {step} has made no page, or the run is gone.")
    return page


def read_pods(run_dir: str, step: str, run_id: str) -> str:
    """The page of the pods that a step has had.

    Args:
        run_dir: the URI of the run directory.
        step: its name.
        run_id: of the Dag run.

    Raises:
        RunDirectoryError: when the place cannot be reached.
        MissingExtraError: when what opens this kind of bucket is not installed.
    """
    with _reached(run_dir):
        return render_tried_page(RunDirectory(run_dir).step(step), run_id)


@contextmanager
def _reached(run_dir: str) -> Iterator[None]:
    try:
        yield
    except MLKitError:
        raise
    except Exception as error:  # each kind of bucket has errors of its own, for credentials and for the network
        raise RunDirectoryError(f"{run_dir} cannot be reached: {type(error).__name__}: {error}.") from error


def find_report(run: RunDirectory, step: str) -> Publication | None:
    """What a step made last that holds its page: published, or left by a try that failed. None where there is none."""
    file = PAGES.get(step)
    found = file and _newest(run.step(step), file)
    if not found and step in STANDS_IN:
        return find_report(run, STANDS_IN[step])
    return found or None


def _newest(directory: StepDirectory, file: str) -> Publication | None:
    """Of the newest generation that ended: what it published, else what its last failed try left behind."""
    for generation in reversed(directory.generations()):
        published = directory.published(generation)
        ended = [published.record] if published else directory.tries(generation)[-1:]
        for record in ended:
            return Publication(directory.root / str(generation), record) if file in record.files else None
    return None


def _read(found: Publication, file: str) -> bytes:
    place = found.uri(file)
    if is_local(place) and not Path(place.path).resolve().is_relative_to(Path(found.root.path).resolve()):
        raise RunDirectoryError(f"{place} leads out of the run directory.")
    if place.exists() and place.stat().st_size > MOST_BYTES:
        raise RunDirectoryError(f"{place} is larger than {MOST_BYTES // 2**20} MiB; open it where it lies.")
    return found.file(file).read_bytes()
