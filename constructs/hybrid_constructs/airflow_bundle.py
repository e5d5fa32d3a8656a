"""What an MWAA environment installs: requirements.txt and plugins.zip, at a path that names their content."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as s3deploy
from constructs import Construct

from hybrid_constructs.object_deployment import ObjectDeployment
from hybrid_constructs.object_version import ObjectVersion

_PLUGINS, _REQUIREMENTS = "plugins.zip", "requirements.txt"


class AirflowBundle(Construct):
    """Brings plugins.zip and requirements.txt to `airflow/SHA256/` in the DAG bucket.

    The path is the hash of both files, so that the environment is updated exactly when one of them changed;
    earlier bundles stay, and a rollback finds what it had. MWAA wants the object's version with each change
    as well (MWAA API Reference, UpdateEnvironment: "You must specify a version each time a plugins.zip file
    is updated"); without one it may look for the version of the file before under the new path.

    Args:
        scope: parent.
        construct_id: id in the parent.
        bucket: the DAG bucket.
        key: its key.
        plugins: the zip file with what belongs on `sys.path`.
        requirements: the requirements file; None installs nothing.

    Attributes:
        plugins_path: key of plugins.zip.
        plugins_version: its version in the bucket.
        requirements_path: key of requirements.txt, None without one.
        requirements_version: its version in the bucket, None without one.
        deployment: wait for it to have both in the bucket.

    Raises:
        FileNotFoundError: a file is missing.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket,
        key: kms.IKey,
        plugins: Path,
        requirements: Path | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        files = {_PLUGINS: plugins}
        if requirements is not None:
            files[_REQUIREMENTS] = requirements
        prefix = f"airflow/{_digest(files)}"
        self.plugins_path = f"{prefix}/{_PLUGINS}"
        self.requirements_path = f"{prefix}/{_REQUIREMENTS}" if requirements is not None else None
        with tempfile.TemporaryDirectory() as directory:
            for name, file in files.items():
                shutil.copyfile(file, Path(directory, name))
            # A zip given as the asset itself would be unpacked in the bucket; inside a directory it stays.
            self.deployment = ObjectDeployment(
                self,
                "Deployment",
                bucket=bucket,
                key=key,
                prefix=prefix,
                sources=[s3deploy.Source.asset(directory)],
                prune=False,
            ).deployment

        def version(construct_id: str, path: str) -> str:
            return ObjectVersion(
                self, construct_id, bucket=bucket, key=key, path=path, after=[self.deployment]
            ).version_id

        self.plugins_version = version("PluginsVersion", self.plugins_path)
        self.requirements_version = (
            version("RequirementsVersion", self.requirements_path) if self.requirements_path else None
        )


def _digest(files: dict[str, Path]) -> str:
    digest = hashlib.sha256()
    for name, file in sorted(files.items()):
        digest.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
