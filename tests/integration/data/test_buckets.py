"""Sources in a bucket of S3 and of Google Cloud Storage, over real HTTP; address and keys from the environment."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from tests.buckets import EACH_STORE, SERVED

CSV = b"amount,fraud\n1,no\n2,yes\n"


@pytest.fixture(scope="module", params=EACH_STORE)
def bucket(request: pytest.FixtureRequest) -> Iterator[UPath]:
    with SERVED[request.param]("the-data") as bucket:
        yield bucket


def test_files_of_a_bucket_are_read_as_those_of_a_folder(extract, bucket):
    (bucket / "csv/b.csv.gz").write_bytes(gzip.compress(b"amount,fraud\n3,no\n"))
    (bucket / "csv/a.csv").write_bytes(CSV)
    with (bucket / "all.parquet").open("wb") as file:
        pq.write_table(pa.table({"fraud": ["no", "yes", "no"], "amount": [1, 2, 3]}), file)
    names = ("csv", "csv/", "csv/*.csv*", "all.parquet")
    hashes = {extract({"source": {"path": f"{bucket}{name}"}}).content_hash for name in names}
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("the-data/none.csv", "{} is not there"),
        ("the-data/none/*.csv", "no file matches {}"),
        ("no-such-bucket/a.csv", "{} is not there"),
        ("Not_a_name/a.csv", "{}"),
    ],
)
def test_what_is_not_in_the_bucket_is_a_sentence(extract, bucket, path, said):
    uri = f"{bucket.protocol}://{path}"
    got = extract({"source": {"path": uri}})
    assert said.format(uri) in got.reason
    assert "Traceback" not in got.log
