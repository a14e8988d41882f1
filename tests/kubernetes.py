"""A real Kubernetes for tests and benchmarks: the cluster of tests/cluster, nodes that die, namespaces of our own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

from tests.lacking import skip_or_fail

_FOLDER = Path(__file__).parent / "cluster"

POOLS = ("general", "high-memory", "gpu-l4")
"""The node pool of each node, as its label `mlkit.dev/pool` has it. The second and third are tainted."""

PYTHON = "localhost/python:bookworm"
"""An image that every node has."""

Pod = dict[str, Any]

INSTALL = "`make cluster-up` starts one, or says what to install"


@dataclass(frozen=True)
class Namespace:
    """A place for pods under the restricted Pod Security Standard.

    Attributes:
        name: Of the namespace.
        kubeconfig: Of the account `airflow` in it, which may launch steps and nothing else.
        service_account: For the pods; it may do nothing.
    """

    name: str
    kubeconfig: Path
    service_account: str = "ml-pod"


@dataclass(frozen=True)
class Cluster:
    """A Kubernetes with a node of each of POOLS, or the one that KUBECONFIG names.

    Attributes:
        kubeconfig: Of its administrator.
    """

    kubeconfig: Path

    @property
    def is_ours(self) -> bool:
        """Whether it was started by tests/cluster, so that its nodes may be killed."""
        return (self._folder / "which").exists()

    @property
    def host_address(self) -> str:
        """The address of this machine as the cluster's pods see it: what they are to reach binds to it."""
        told = self._folder / "host-address"
        if told.exists():  # kind: the way to its API server leads over the loopback
            return told.read_text().strip()
        server = urlsplit(self._server)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # nothing is sent: it asks for the route
            probe.connect((server.hostname, server.port or 443))
            address: str = probe.getsockname()[0]
        return address

    @property
    def registry(self) -> str | None:
        """Where images are pushed to, and pulled from by its nodes; None where it has none of its own."""
        told = self._folder / "registry"
        return told.read_text().strip() if told.exists() else os.environ.get("MLKIT_K8S_PUSH_TO")

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """What kubectl says, as the administrator.

        Raises:
            AssertionError: with what it said, when it failed.
        """
        command = [find_program("kubectl"), "--kubeconfig", str(self.kubeconfig), *arguments]
        ended = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=240)
        assert ended.returncode == 0, f"kubectl {' '.join(arguments)}: {ended.stderr}"
        return ended.stdout

    def get(self, *arguments: str) -> Any:
        """What `kubectl get ... -o json` says."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    @property
    def version(self) -> str:
        """Of its API server, such as v1.34.4."""
        return str(json.loads(self.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"])

    def create_pod(self, namespace: Namespace, pod: Pod) -> None:
        """Create a pod, with the rights of this kubeconfig: one that may only create pods cannot read their schema."""
        self.kubectl("create", "--validate=false", "-n", namespace.name, "-f", "-", given=json.dumps(pod))

    def wait_for_success(self, namespace: Namespace, pod: str = "--all") -> None:
        """Wait until a pod has succeeded, or all of a namespace."""
        succeeded = ("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod", pod, "--timeout=120s")
        self.kubectl(*succeeded, "-n", namespace.name)

    def node(self, index: int) -> str:
        """The name of the node of POOLS[index]."""
        return str(self.get("nodes", "-l", f"mlkit.dev/pool={POOLS[index]}")["items"][0]["metadata"]["name"])

    def kill_node(self, index: int) -> None:
        """A power cut: kubelet, containerd and every container are gone at once."""
        self._node("kill", str(index))

    def start_node(self, index: int) -> None:
        """The node's return; back when it is Ready."""
        self._node("start", str(index))

    def kill_api_server(self) -> None:
        self._node("kill", "apiserver")

    def start_api_server(self) -> None:
        """Back when it is ready."""
        self._node("start", "apiserver")

    @contextmanager
    def logs_refused(self, index: int) -> Iterator[None]:
        """The node's kubelet refuses to be asked for logs, while its pods go on."""
        self._node("refuse", str(index))
        try:
            yield
        finally:
            self._node("accept", str(index))

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """What the cluster and this machine send each other gets lost: nobody is told so, and nobody hears anything."""
        self._node("cut")
        try:
            yield
        finally:
            self._node("mend")

    def load_image(self, archive: Path) -> None:
        """Put an image (a docker archive) into every node, under the name that it has in the archive."""
        self._node("import", str(archive))

    @contextmanager
    def namespace(self, prefix: str = "ml") -> Iterator[Namespace]:
        """A new namespace, away again at the end with all that is in it."""
        name = f"{prefix}-{uuid.uuid4().hex[:6]}"
        self.kubectl(
            "apply", "-f", "-", given=Template((_FOLDER / "namespace.yaml").read_text()).substitute(namespace=name)
        )
        # the account comes from a controller, a moment after the namespace; without it no pod is admitted
        self.kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=60s")
        with tempfile.TemporaryDirectory() as folder:
            kubeconfig = Path(folder) / "airflow.kubeconfig"
            kubeconfig.write_text(json.dumps(self._account(name, "airflow")))
            kubeconfig.chmod(0o600)
            try:
                yield Namespace(name, kubeconfig)
            finally:
                self.remove(name)

    def _account(self, namespace: str, account: str) -> dict[str, Any]:
        token = self.kubectl("create", "token", account, "-n", namespace, "--duration=24h").strip()
        config = self._config
        context = {"cluster": config["clusters"][0]["name"], "user": account, "namespace": namespace}
        return config | {
            "users": [{"name": account, "user": {"token": token}}],
            "contexts": [{"name": namespace, "context": context}],
            "current-context": namespace,
        }

    def remove(self, namespace: str) -> None:
        """A finalizer that nobody takes off any more would hold the namespace for ever."""
        for pod in self.get("pods", "-n", namespace)["items"]:
            if pod["metadata"].get("finalizers"):
                self.free_pod(namespace, pod["metadata"]["name"])
        self.kubectl("delete", "namespace", namespace, "--wait=false")

    def free_pod(self, namespace: str, name: str) -> None:
        """Take the finalizers off a pod."""
        free = '{"metadata": {"finalizers": null}}'
        self.kubectl("patch", "pod", name, "-n", namespace, "--type=merge", "-p", free)

    @property
    def _folder(self) -> Path:
        return self.kubeconfig.parent

    @property
    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = json.loads(
            self.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json")
        )
        return config

    @property
    def _server(self) -> str:
        return str(self._config["clusters"][0]["cluster"]["server"])

    def _node(self, *arguments: str) -> None:
        if not self.is_ours:
            skip_or_fail("the cluster that KUBECONFIG names was not started here: its nodes are not touched")
        _call("node.sh", *arguments, KUBECONFIG=str(self.kubeconfig))


def describe_pod(name: str, command: Sequence[str], image: str = PYTHON, user: int = 1000, **spec: Any) -> Pod:
    """A pod as the restricted Pod Security Standard wants it, unless it runs as root.

    Args:
        name: its own.
        command: what its container runs.
        image: a Debian with Python, if nothing else is said.
        user: 0 is root.
        spec: what its spec has beside; `requests` are its container's.
    """
    container = {
        "name": "base",
        "image": image,
        "command": [*command],
        "resources": {"requests": spec.pop("requests", {})},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    secured = {"runAsNonRoot": bool(user), "runAsUser": user, "seccompProfile": {"type": "RuntimeDefault"}}
    ends = {"restartPolicy": "Never", "automountServiceAccountToken": False}
    described = {**ends, "securityContext": secured, "containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": described}


@contextmanager
def serve_cluster() -> Iterator[Cluster]:
    """The cluster of this checkout, or the one that KUBECONFIG names; taken down again when it was started here."""
    said = _call("up.sh").splitlines()
    try:
        yield Cluster(Path(said[-1].partition("=")[2]))
    finally:
        if any(line.startswith("up after") for line in said):
            _call("down.sh")


def is_there() -> bool:
    """Whether `serve_cluster` can serve one within seconds: nothing is missing, and nothing has to be built first."""
    checked = subprocess.run([_FOLDER / "up.sh", "--check"], capture_output=True, check=False)
    return checked.returncode == 0


def find_program(name: str) -> str:
    """kubectl, helm or kubeconform, as tests/cluster builds them; else the one on the PATH."""
    built = _setting("BIN") / name
    return str(built) if built.exists() else name


def find_images() -> Path:
    """Where tests/cluster keeps its images: python.tar is a Debian with Python."""
    return _setting("IMAGES")


@cache
def _setting(name: str) -> Path:
    print_it = ["bash", "-c", f'. "$0" && echo "${name}"', _FOLDER / "settings.sh"]
    return Path(subprocess.run(print_it, capture_output=True, text=True, check=True).stdout.strip())


def _call(script: str, *arguments: str, **environment: str) -> str:
    ended = subprocess.run(
        [_FOLDER / script, *arguments],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert ended.returncode == 0, f"{script} {' '.join(arguments)}: {ended.stdout}{ended.stderr}"
    return ended.stdout
