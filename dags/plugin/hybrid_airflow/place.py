"""Where a try runs and where it lands: fixed when it starts, whatever is deployed meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hybrid_airflow.manifest import Estate, Pipeline


@dataclass(frozen=True)
class Place:
    """What of the manifest one try goes by, from its begin to its receipt."""

    site: str
    cluster: str
    launch_type: str
    hosts_join: bool
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    family: str
    container: str
    specification: str
    log_group: str
    log_stream_prefix: str
    lake_bucket: str
    prefix: str

    @classmethod
    def of(cls, estate: Estate, pipeline: Pipeline) -> Place:
        """The place of a pipeline, as the manifest has it now."""
        site = estate.sites[pipeline.site]
        return cls(
            site=pipeline.site,
            cluster=site.cluster,
            launch_type=site.launch_type,
            hosts_join=site.hosts_join,
            subnets=site.subnets,
            security_groups=site.security_groups,
            family=pipeline.family,
            container=pipeline.container,
            specification=pipeline.specification,
            log_group=site.log_group,
            log_stream_prefix=pipeline.log_stream_prefix,
            lake_bucket=estate.lake_bucket,
            prefix=pipeline.prefix,
        )

    def dump(self) -> dict[str, Any]:
        """The place as JSON."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def load(cls, value: Mapping[str, Any]) -> Place:
        """The place that `dump` wrote."""
        found: dict[str, Any] = {
            name: tuple(one) if isinstance(one, list) else one for name, one in value.items()
        }
        return cls(**found)

    def log_stream(self, task_id: str) -> str:
        """The log stream of an ECS task."""
        return f"{self.log_stream_prefix}/{task_id}"
