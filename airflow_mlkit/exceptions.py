"""The tree of errors.

    MLKitError                      exit 1   anything else
    ├── UserError                   exit 2   a user's mistake: the spec, the project, the command line
    │   ├── SpecError                        mlkit.yaml or platform.yaml says something that cannot be
    │   ├── ProjectError                     the project's folder or code is not usable
    │   │   └── WorkflowError                the workflow class is missing, raises or returns no fitted model
    │   ├── MissingExtraError                an optional dependency is not installed
    │   └── AnswerError                      an answer of the interview cannot be used
    ├── DataError                   exit 3   the data: not there, not readable, not as it was promised
    │   ├── SourceError                      a source cannot be read
    │   ├── FreshnessError                   the newest rows are older than `fresh_within`
    │   ├── SplitError                       no holdout or no training part can be cut
    │   └── ValidationFailed                 an expectation failed or could not be evaluated
    ├── RunDirectoryError           exit 1   a run directory is missing a part, or a file is not what was published
    │   └── StoreError              exit 74  where the run lies is away, full or refuses; later it may not
    ├── ModelError                  exit 1   a model's folder cannot be loaded, or is not what was saved
    ├── RegistryError               exit 1   the champion log or the tracking server refuses
    ├── ImageError                  exit 1   an image cannot be built, or not be pushed
    ├── ClusterError                exit 1   a cluster cannot be asked
    ├── StepError                   exit 1   a step could not do its work, and no user is to blame
    └── StepTerminated              exit 143 the step was told to stop; nothing was published

Each error renders as a sentence that says what was wrong, where, and what to do now. Being held back is an outcome and
not an error: see `airflow_mlkit.rundir.outcome`.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AnswerError",
    "ClusterError",
    "DataError",
    "FreshnessError",
    "ImageError",
    "MLKitError",
    "MissingExtraError",
    "ModelError",
    "ProjectError",
    "RegistryError",
    "RunDirectoryError",
    "SourceError",
    "SpecError",
    "SplitError",
    "StepError",
    "StepTerminated",
    "StoreError",
    "UserError",
    "ValidationFailed",
    "WorkflowError",
]


class MLKitError(Exception):
    """Base of everything that the kit raises on purpose.

    `exit_code` is what a process ends with that was stopped by this error; `hint` says what to do now.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UserError(MLKitError):
    """Raised when the spec, the project or the command line has to change before it can work."""

    exit_code = 2


class SpecError(UserError, ValueError):
    """Raised when mlkit.yaml or platform.yaml cannot be used; carries every problem that was found at once."""

    def __init__(self, problems: list[str], *, hint: str | None = None) -> None:
        super().__init__("\n".join(problems), hint=hint)
        self.problems = problems


class ProjectError(UserError):
    """Raised when a project's folder or code is not usable."""


class WorkflowError(ProjectError):
    """Raised when the workflow cannot be imported, raises, or does not return a fitted model."""


class MissingExtraError(UserError, ImportError):
    """Raised when an optional dependency is needed and not installed; names the `pip install` to type."""


class AnswerError(UserError, ValueError):
    """Raised when an answer of the interview cannot be used."""


class DataError(MLKitError):
    """Raised when the data is not there, not readable, or not as it was promised."""

    exit_code = 3


class SourceError(DataError):
    """Raised when a source cannot be read."""


class FreshnessError(DataError):
    """Raised when the newest rows are older than `data.fresh_within` allows."""


class SplitError(DataError):
    """Raised when no holdout or no training part can be cut from the snapshot."""


class ValidationFailed(DataError):  # noqa: N818  # an outcome of the data, as Great Expectations words it
    """Raised when an expectation failed, or could not be evaluated."""


class RunDirectoryError(MLKitError):
    """Raised when a run directory lacks a part, or holds a file that is not the one that was published."""


class StoreError(RunDirectoryError):
    """Raised when the bucket or the volume in which a run lies is away, full or refuses; no user is to blame."""

    exit_code = 74  # EX_IOERR of sysexits.h


class ModelError(MLKitError):
    """Raised when a model's folder cannot be loaded, or holds a file that is not the one that was saved."""


class RegistryError(MLKitError):
    """Raised when the champion log or the model registry refuses, or cannot be reached."""


class ImageError(MLKitError):
    """Raised when an image cannot be built, or a registry does not take it."""


class ClusterError(MLKitError):
    """Raised when a cluster cannot be asked: it gives no answer, or does not know who asks."""


class StepError(MLKitError):
    """Raised when a step could not do its work and the user is not to blame."""


class StepTerminated(MLKitError):  # noqa: N818  # nobody is to blame
    """Raised inside a step by SIGTERM; the try ends and publishes nothing."""

    exit_code = 143
