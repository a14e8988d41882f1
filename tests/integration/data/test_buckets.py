"""Sources in a bucket, over real HTTP against moto's S3, its address and keys from the environment."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from upath import UPath

CSV = b"amount,fraud\n1,no\n2,yes\n"


@pytest.fixture(scope="module")
def bucket() -> Iterator[UPath]:
    """One server for all tests: clients of a bucket are kept for the life of a process."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        path = UPath("s3://the-data")
        path.fs.mkdir("the-data")
        yield path
    server.stop()


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
