"""The canonical text of a spec: every key with the value that counts, defaults among them, in the schema's order."""

from __future__ import annotations

from io import StringIO

from ruamel.yaml import YAML

from airflow_mlkit.spec.declared import Declared


def dump_spec(spec: Declared) -> str:
    """A spec as YAML that `load_spec` reads back as the same spec.

    Layout and comments are not in it. Defaults are: another version of the kit may have others.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel's own annotation says None
    yaml.allow_unicode = True
    yaml.width = 1 << 16  # a folded line would be read back with another space in it
    text = StringIO()
    yaml.dump(spec.model_dump(by_alias=True), text)
    return text.getvalue()
