"""The canonical text of a spec is read back as the same spec."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.spec import load_spec
from airflow_mlkit.spec.dump import dump_spec
from tests.projects import default_spec

AWKWARD = {
    "nothing": None,
    "texts": ["yes", "no", "~", "", "0o7", "0x1F", "1_000", ".inf", "2018-10-01", "a: b # c", "é\n  z ", "\u2028"],
    "numbers": [1, 1.0, 1e-7, 2**60, True],
    "dates": [date(2018, 10, 1), datetime(2018, 10, 1, 3, 4, 5)],
    "long": "w " * 300,
    "2018": {"nested": {"deeper": [[1], {"k": "v"}]}},
}


def load(path: Path, **changed: dict[str, object]) -> object:
    spec = default_spec()
    for section, keys in changed.items():
        spec[section] |= keys
    with path.open("w") as file:
        YAML().dump(spec, file)
    return load_spec(path)


def test_the_canonical_text_is_read_back_as_the_same_spec(tmp_path: Path) -> None:
    filters = [{"feature": "created_at", "predicate": "Gt", "value": date(2018, 10, 1)}]
    filters += [{"feature": "country", "predicate": "IsIn", "values": ["NO", "1", "true"]}]
    holdout = {"sampling": "date_range", "start": date(2026, 3, 1), "end": date(2026, 5, 1)}
    data = {"filters": filters, "holdout": holdout, "label_matures_after": "45d"}
    spec = load(tmp_path / "mlkit.yaml", data=data, train={"params": AWKWARD})
    (tmp_path / "kept.yaml").write_text(dump_spec(spec), "utf-8")
    assert load_spec(tmp_path / "kept.yaml") == spec


@pytest.mark.parametrize("address", ["s3://key:secret@bucket/rows.csv", "gs://token@bucket/a/*.parquet"])
def test_an_address_with_credentials_is_refused_without_repeating_them(tmp_path: Path, address: str) -> None:
    with pytest.raises(SpecError, match=r"data\.source\.path: has a user name or a password in it") as refused:
        load(tmp_path / "mlkit.yaml", data={"source": {"path": address}})
    assert "secret" not in str(refused.value)
    assert "token@" not in str(refused.value)
