"""Google Cloud as far as the GKE operator asks it: for a cluster's address, and for a token with which it may be asked.

What answers is a plugin of Airflow, so that it is there in each of Airflow's processes, the triggerer among them.
"""

from __future__ import annotations

import json
from pathlib import Path
from string import Template

CLUSTER = {"backend": "gke", "project": "acme", "location": "europe-west1", "cluster": "ml"}
"""What an environment of platform.yaml says of it."""

SETTINGS = {"AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps({"conn_type": "google_cloud_platform"})}

_PLUGIN = Template('''
"""Google Cloud, as far as it is asked."""

from airflow.providers.google.cloud.hooks import kubernetes_engine
from airflow.providers.google.common.hooks import base_google
from airflow.providers.google.cloud.operators import kubernetes_engine as operators
from google.oauth2.credentials import Credentials

KNOWN = $known


class Token:
    async def get(self):
        return KNOWN["token"]


async def get_token(self, **_):
    return Token()


base_google.GoogleBaseHook.get_credentials = lambda self: Credentials(token=KNOWN["token"])
kubernetes_engine.GKEKubernetesAsyncHook.get_token = get_token
operators.GKEClusterAuthDetails.fetch_cluster_info = lambda self: (KNOWN["server"], KNOWN["certificate"])
''')


def install_stand_in(airflow_home: Path, kubeconfig: Path) -> None:
    """Have the Airflow of a folder find a cluster where Google Cloud would have one, with a kubeconfig's rights."""
    declared = json.loads(kubeconfig.read_text())
    (cluster,), (user,) = declared["clusters"], declared["users"]
    known = {
        "server": cluster["cluster"]["server"],
        "certificate": cluster["cluster"]["certificate-authority-data"],
        "token": user["user"]["token"],
    }
    plugins = airflow_home / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "google_stand_in.py").write_text(_PLUGIN.substitute(known=repr(known)))
