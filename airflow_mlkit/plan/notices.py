"""What a spec asks for and nothing does yet, and what it switched off: said aloud by `mlkit check`."""

from __future__ import annotations

from airflow_mlkit.spec.data import BigQuerySource
from airflow_mlkit.spec.environment import Environment
from airflow_mlkit.spec.pipeline import PipelineSpec
from airflow_mlkit.spec.platform import PlatformSpec


def find_notices(spec: PipelineSpec, environment: Environment) -> tuple[str, ...]:
    """A sentence for each key that is accepted and has no effect yet, and one for the checks that are off."""
    asked_for = _find_sizes(spec)
    off = spec.sanity.switched_off
    candidates = {
        "pattern: live: the model is trained and promoted, but there is no model server yet": spec.pattern == "live",
        "data.source.bigquery: no step reads it yet": isinstance(spec.data.source, BigQuerySource),
        f"backend: local: steps share this machine, so the sizes asked for do nothing here ({', '.join(asked_for)})": (
            environment.backend == "local" and bool(asked_for)
        ),
        f"sanity: switched off, so nothing looks at it before a promotion: {', '.join(off)}": bool(off),
    }
    return tuple(text for text, applies in candidates.items() if applies)


def _find_sizes(spec: PipelineSpec) -> list[str]:
    """What the project asks for beside the default size, by its keys in mlkit.yaml."""
    default = PlatformSpec.model_fields["default_size"].default
    named = {"train.size": spec.train.size, **{f"train.sizes.{step}": size for step, size in spec.train.sizes.items()}}
    return [f"{key}: {size}" for key, size in named.items() if size not in (None, default)]
