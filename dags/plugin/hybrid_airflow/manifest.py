"""What the DAG bucket says of an estate: `manifest.json`, and `manifest/PIPELINE.json` for each pipeline.

The shapes are those of docs/reference/contracts.md, "What the DAGs read". The two parts are read apart,
so that the start of a task reads two small files however large the estate is. Unknown keys are let
through: the manifest is deployed in seconds and may be newer than the wheel, which changes with the
environment.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]

#: Name of the estate's part, beside the DAG files.
MANIFEST = "manifest.json"
#: Name of the directory of the pipelines' parts.
PIPELINES = "manifest"


class ManifestError(Exception):
    """A manifest is missing, cannot be read, or does not say what a DAG needs."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Site(_Part):
    """A place that runs containers, as ECS knows it; `slots` of its pool are how many at once.

    `hosts_join`: its hosts may be absent, so they are looked at before a task is started. A manifest of an
    earlier release does not say it, and has two kinds of sites.
    """

    launch_type: str
    hosts_join: bool
    where: str
    cluster: str
    log_group: str
    pool: str
    slots: int = Field(default=8, ge=1)
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_release(cls, data: Any) -> Any:
        if isinstance(data, dict) and "hosts_join" not in data:
            own = data.get("launch_type") == "EXTERNAL"
            where = "its own machines (ECS Anywhere)" if own else "AWS Fargate"
            return {**data, "hosts_join": own, "where": where}
        return data


class Scheduled(_Part):
    """What a pipeline and an entry of `dags` say of their DAG.

    Attributes:
        schedule_zone: IANA name of the zone of the schedule and of `closed_days`.
        closed_days: Days on which no run begins, ISO 8601.
        paused_at_creation: None for what Airflow is configured to do.
        on_failure: `MODULE:FUNCTION` that Airflow calls when a run has failed.
        on_success: `MODULE:FUNCTION` that Airflow calls when a run has succeeded.
    """

    schedule: str | None = None
    schedule_zone: str = "UTC"
    closed_days: tuple[str, ...] = ()
    paused_at_creation: bool | None = None
    on_failure: str | None = None
    on_success: str | None = None
    description: str = ""
    owner: str = "airflow"
    tags: tuple[str, ...] = ()
    deadline_seconds: int | None = Field(default=None, ge=1)


class PairedDag(Scheduled):
    """A DAG that runs several pipelines side by side."""

    pipelines: tuple[Name, ...] = Field(min_length=1)


class Estate(_Part):
    """The estate's part of the manifest."""

    version: Literal[1]
    estate: Name
    region: str
    lake_bucket: str
    sites: dict[Name, Site]
    pipelines: tuple[Name, ...] = ()
    dags: dict[Name, PairedDag] = {}

    def of_site(self, site: str) -> Estate:
        """As much of the estate as a task at a site takes.

        Airflow stores a mapped task with its arguments as texts: of the whole estate, each change of any
        pipeline would make a new version of the DAG.
        """
        # Its pool has the slots, and no task reads them.
        own = self.sites[site].model_copy(update={"slots": 1})
        return self.model_copy(update={"sites": {site: own}, "pipelines": (), "dags": {}})

    def dag_id(self, name: str) -> str:
        """DAG id of a pipeline or of an entry of `dags`: `ESTATE-NAME`."""
        return f"{self.estate}-{name}"


class Pipeline(Scheduled):
    """One pipeline's part of the manifest. Times are in seconds.

    Attributes:
        readers: Who may see what lands, in words.
        masks: Column → kind of its mask.
        columns: The columns that may leave, empty for all.
        on_drift: What a run does whose columns are not those of the run before.
        expects: Kinds of expectations that its rows are held to.
        parts: Key ranges that containers of their own read, None for one container.
        after_assets: Names or URIs of assets of other DAGs that it waits for.
        priority: Which run goes first to a slot of a pool, the greatest.
        overlap: How many intervals before its own a run reads again.
        parts_at_once: How many of them may read the database at once.
    """

    version: Literal[1]
    pipeline: Name
    site: Name
    source: Name
    engine: str
    family: str
    container: str
    log_stream_prefix: str
    specification: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    prefix: str
    query: str = ""
    incremental: bool = False
    uses_interval: bool = False
    start_date: str = "2026-01-01"
    catchup: bool = False
    max_active_runs: int = Field(default=1, ge=1)
    priority: int = Field(default=1, ge=1)
    retries: int = Field(default=2, ge=0)
    retry_delay_seconds: int = Field(default=300, ge=0)
    start_deadline_seconds: int = Field(default=900, ge=1)
    run_deadline_seconds: int = Field(default=14400, ge=1)
    after: tuple[Name, ...] = ()
    after_assets: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    masks: dict[str, str] = {}
    columns: tuple[str, ...] = ()
    on_drift: str = "widen"
    expects: tuple[str, ...] = ()
    parts: int | None = Field(default=None, ge=2)
    parts_at_once: int = Field(default=1, ge=1)
    overlap: int = Field(default=0, ge=0)


_P = TypeVar("_P", bound=_Part)


def read_estate(directory: Path) -> Estate:
    """Read the estate's part from `directory/manifest.json`.

    Raises:
        ManifestError: There is no such file, or it is not a manifest; the message names file and key.
    """
    missing = "deploy the dags stack, which writes it beside the DAG files"
    return _read(directory / MANIFEST, Estate, missing=missing)


def read_pipeline(directory: Path, name: str, *, estate: Estate) -> Pipeline:
    """Read one pipeline's part from `directory/manifest/NAME.json`.

    Raises:
        ManifestError: There is no such file, it is not a pipeline's part, or the estate lacks its site.
    """
    path = directory / PIPELINES / f"{name}.json"
    pipeline = _read(
        path, Pipeline, missing=f"{MANIFEST} lists pipeline '{name}': deploy the dags stack again"
    )
    if pipeline.pipeline != name:
        raise ManifestError(f"{path}: pipeline is '{pipeline.pipeline}', and the file name says '{name}'.")
    if pipeline.site not in estate.sites:
        sites = ", ".join(sorted(estate.sites)) or "none"
        raise ManifestError(f"{path}: site '{pipeline.site}' is not in {MANIFEST} (it has: {sites}).")
    return pipeline


def _read(path: Path, shape: type[_P], *, missing: str) -> _P:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise ManifestError(f"{path}: there is no such file. What to do: {missing}.") from None
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror}).") from None
    try:
        return shape.model_validate(json.loads(text))
    except ValueError as error:
        raise ManifestError(f"{path}: {_reason(error)}") from None


def _reason(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']}" for fault in error.errors()
        ]
        return "; ".join(faults[:5])
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}"
    return str(error)
