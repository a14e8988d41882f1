"""Where Kubernetes may place a pod, in its own words: tolerations and affinity.

The API server drops a key that it does not know without a word, and a toleration without its key bears every taint. So
the keys are known here, and a mistyped one is refused.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_serializer

from airflow_mlkit.spec.values import Declared, Params, Whole


class _InKubernetesWords(Declared):
    """What goes into the pod as it is written, and nothing beside it."""

    @model_serializer
    def as_written(self) -> dict[str, Any]:
        """The keys that somebody wrote."""
        return {key: value for key, value in self if value is not None}


class Toleration(_InKubernetesWords):
    """A taint that a pod bears."""

    key: str | None = Field(None, description="The taint's key; with operator Exists and without it, every taint.")
    operator: Literal["Exists", "Equal"] | None = Field(None, description="Equal, when not given.")
    value: str | None = Field(None, description="The taint's value, for Equal.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="The taint's effect; each of them, when not given."
    )
    tolerationSeconds: Whole | None = Field(None, description="How long NoExecute is borne.")  # noqa: N815


class NodeAffinity(_InKubernetesWords):
    """Which nodes a pod wants."""

    requiredDuringSchedulingIgnoredDuringExecution: Params | None = Field(None, description="What a node must be.")  # noqa: N815
    preferredDuringSchedulingIgnoredDuringExecution: tuple[Params, ...] | None = Field(  # noqa: N815
        None, description="What a node had better be."
    )


class PodAffinity(_InKubernetesWords):
    """Which other pods a pod wants, or does not want, on its node."""

    requiredDuringSchedulingIgnoredDuringExecution: tuple[Params, ...] | None = Field(  # noqa: N815
        None, description="What must hold."
    )
    preferredDuringSchedulingIgnoredDuringExecution: tuple[Params, ...] | None = Field(  # noqa: N815
        None, description="What had better hold."
    )


class Affinity(_InKubernetesWords):
    """What a node selector cannot say."""

    nodeAffinity: NodeAffinity | None = Field(None, description="Which nodes.")  # noqa: N815
    podAffinity: PodAffinity | None = Field(None, description="Beside which pods.")  # noqa: N815
    podAntiAffinity: PodAffinity | None = Field(None, description="Away from which pods.")  # noqa: N815
