"""A node pool: how Kubernetes finds its nodes, and what one of them offers."""

from __future__ import annotations

from pydantic import Field

from airflow_mlkit.spec.placement import Affinity, Toleration
from airflow_mlkit.spec.quantity import Cores, Memory, to_gib
from airflow_mlkit.spec.size import Size
from airflow_mlkit.spec.values import Declared, NotNegative, Whole


class Node(Declared):
    """What one node of a pool can give to pods: less than it has, since Kubernetes keeps a part of each."""

    cpu: Cores = Field(gt=0, le=1024, description="Cores, such as 16.")
    memory: Memory = Field(description="As Kubernetes writes it, such as 64Gi.")
    gpu: Whole = Field(0, ge=0, le=64, description="Graphics cards.")
    ephemeral_storage: Memory | None = Field(None, description="Disk under /tmp; unknown when not given.")

    def lacks(self, size: Size) -> list[str]:
        """What a size asks for that no node of this kind has, such as `8 cores (it has 4)`."""
        wanting = {
            f"{size.cpu:g} cores (it has {self.cpu:g})": size.cpu > self.cpu,
            f"{size.memory} of memory (it has {self.memory})": to_gib(size.memory) > to_gib(self.memory),
            f"{size.gpu} GPUs (it has {self.gpu})": size.gpu > self.gpu,
            f"{size.ephemeral_storage} of disk (it has {self.ephemeral_storage})": self._lacks_disk(size),
        }
        return [text for text, applies in wanting.items() if applies]

    def _lacks_disk(self, size: Size) -> bool:
        if size.ephemeral_storage is None or self.ephemeral_storage is None:
            return False
        return to_gib(size.ephemeral_storage) > to_gib(self.ephemeral_storage)


class Pool(Declared):
    """A node pool: how Kubernetes finds its nodes, what one of them offers, and what an hour of it costs."""

    node_selector: dict[str, str] = Field(default_factory=dict, description="Labels that a node must have.")
    affinity: Affinity = Field(Affinity(), description="A pod's affinity, as Kubernetes writes it.")
    tolerations: tuple[Toleration, ...] = Field((), description="Taints that its pods bear, as Kubernetes writes them.")
    price_per_hour: NotNegative | None = Field(None, description="Of one node; for the cost of a model.")
    node: Node | None = Field(
        None, description="What one node can give to pods. A step is charged its share; a whole node when not given."
    )

    @property
    def keeps_its_pods(self) -> bool:
        """Whether they run on its nodes only: a toleration alone lets them onto these, and onto all others too."""
        affinity = self.affinity.nodeAffinity
        return bool(self.node_selector or (affinity and affinity.requiredDuringSchedulingIgnoredDuringExecution))
