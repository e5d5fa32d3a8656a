"""A folder that follows a bucket, as Airflow's DAG folder does."""

from __future__ import annotations

import uuid
from pathlib import Path

from sandbox.services.dag_folder import DagFolder
from sandbox.services.emulator import Emulator
from tests.sandbox.local.local_aws import REGION, client


def test_a_folder_follows_its_bucket(emulator: Emulator, tmp_path: Path) -> None:
    # Given a bucket with DAG files, and other things
    s3, bucket = client("s3", emulator.endpoint_url), f"dags-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    for key, body in {
        "dags/one.py": b"1",
        "dags/manifest/a.json": b"{}",
        "airflow/plugins.zip": b"p",
    }.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    folder = tmp_path / "dags"
    follower = DagFolder(s3, bucket=bucket, prefix="dags", folder=folder)

    # When it is followed, then the folder has what is below the prefix
    follower.follow()
    assert files(folder) == {"one.py": b"1", "manifest/a.json": b"{}"}

    # When a file changes, one comes and one goes, then the folder is the bucket again; what Python made stays
    compiled = folder / "__pycache__" / "one.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"compiled")
    s3.put_object(Bucket=bucket, Key="dags/one.py", Body=b"2")
    s3.put_object(Bucket=bucket, Key="dags/two.py", Body=b"2")
    s3.delete_object(Bucket=bucket, Key="dags/manifest/a.json")
    follower.follow()
    assert files(folder) == {"one.py": b"2", "two.py": b"2", "__pycache__/one.pyc": b"compiled"}

    # And a follower that starts anew leaves nothing that has gone meanwhile
    s3.delete_object(Bucket=bucket, Key="dags/two.py")
    DagFolder(s3, bucket=bucket, prefix="dags", folder=folder).follow()
    assert files(folder) == {"one.py": b"2", "__pycache__/one.pyc": b"compiled"}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
