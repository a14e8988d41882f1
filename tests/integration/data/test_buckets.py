"""Sources in a bucket, over real HTTP against moto's S3, its address and keys from the environment."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from tests.buckets import serve_bucket

CSV = b"amount,fraud\n1,no\n2,yes\n"


@pytest.fixture(scope="module")
def bucket() -> Iterator[UPath]:
    with serve_bucket("the-data") as bucket:
        yield bucket


def test_files_of_a_bucket_are_read_as_those_of_a_folder(extract, bucket):
    (bucket / "csv/b.csv.gz").write_bytes(gzip.compress(b"amount,fraud\n3,no\n"))
    (bucket / "csv/a.csv").write_bytes(CSV)
    with (bucket / "all.parquet").open("wb") as file:
        pq.write_table(pa.table({"fraud": ["no", "yes", "no"], "amount": [1, 2, 3]}), file)
    names = ("csv", "csv/", "csv/*.csv*", "all.parquet")
    hashes = {extract({"source": {"path": f"s3://the-data/{name}"}}).content_hash for name in names}
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("s3://the-data/none.csv", "s3://the-data/none.csv is not there"),
        ("s3://the-data/none/*.csv", "no file matches s3://the-data/none/*.csv"),
        ("s3://no-such-bucket/a.csv", "s3://no-such-bucket/a.csv is not there"),
        ("s3://Not_a_name/a.csv", "s3://Not_a_name/a.csv"),
    ],
)
def test_what_is_not_in_the_bucket_is_a_sentence(extract, bucket, uri, said):
    got = extract({"source": {"path": uri}})
    assert said in got.reason
    assert "Traceback" not in got.log
