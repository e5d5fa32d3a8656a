"""What the estate becomes for those who must not import it: specifications and the DAGs' manifest.

Shapes: docs/reference/contracts.md. Everything here is plain JSON data and deterministic; values that
exist only after deployment are arguments, so that a stack can pass tokens.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hybrid.estate.contract_rules import selects_star
from hybrid.estate.model import Estate
from hybrid.estate.naming import CONTAINER, Names
from hybrid.estate.query_rules import parameters_named

VERSION = 1


@dataclass(frozen=True)
class CompiledSpecification:
    """One pipeline, as the container reads it.

    Attributes:
        source: the source that it reads; the part of the key that a task role is limited to.
        content: canonical JSON.
    """

    source: str
    content: str

    @property
    def sha256(self) -> str:
        """Hex digest of the content: its address."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    @property
    def key(self) -> str:
        """Key in the DAG bucket, below `pipelines/`."""
        return f"{self.source}/{self.sha256}.json"


@dataclass(frozen=True)
class SiteNetwork:
    """Where tasks with a network interface of their own run; empty for tasks in the network of their host."""

    subnets: list[str] = field(default_factory=list)
    security_groups: list[str] = field(default_factory=list)


def specification(estate: Estate, pipeline: str) -> CompiledSpecification:
    """The specification of a pipeline."""
    declared = estate.pipelines[pipeline]
    source = estate.sources[declared.source]
    data = {
        "version": VERSION,
        "estate": estate.environment.name,
        "site": source.site,
        "source": declared.source,
        "pipeline": pipeline,
        "engine": source.engine,
        "query": declared.query.strip(),
        "parameters": declared.parameters,
        "incremental_column": declared.incremental_column,
        "incremental_zone": declared.incremental_zone,
        "incremental_unit": declared.incremental_unit,
        "incremental_format": declared.incremental_format,
        "incremental_nulls": declared.incremental_nulls,
        "settle": declared.settle,
        "settle_wait": declared.settle_wait,
        "prefix": estate.prefix_of(pipeline),
        "format": declared.format.model_dump(),
        "partition_by": declared.partition_by,
        "partitions": declared.partitions.model_dump() if declared.partitions else None,
        "target_file_bytes": declared.target_file_bytes,
        "unrepresentable": declared.unrepresentable,
        "decimal_width": declared.decimal_width,
        "row_security": declared.row_security,
        "encoding": source.encoding,
        "masks": {column: mask.model_dump(exclude_none=True) for column, mask in declared.masks.items()},
        "columns": declared.columns,
        "on_drift": declared.on_drift,
        "select_star": selects_star(declared.query),
        "expect": declared.expect.model_dump(exclude_defaults=True) if declared.expect else None,
        "limits": {
            "statement_timeout_seconds": source.statement_timeout,
            "lock_timeout_seconds": source.lock_timeout,
            "bytes_per_second": source.bytes_per_second,
            "connections": source.connections,
        },
    }
    return CompiledSpecification(source=declared.source, content=canonical_json(data))


def estate_manifest(
    estate: Estate, *, region: str, lake_bucket: str, networks: Mapping[str, SiteNetwork]
) -> dict[str, Any]:
    """`dags/manifest.json`: the estate's part of what the DAGs read.

    Args:
        estate: the estate.
        region: its Region.
        lake_bucket: name of the lake bucket, or a token for it.
        networks: where the tasks of each cloud site run.
    """
    names = Names(estate.environment.name)
    return {
        "version": VERSION,
        "estate": estate.environment.name,
        "region": region,
        "lake_bucket": lake_bucket,
        "sites": {
            site: {
                "launch_type": declared.launch_type,
                "hosts_join": declared.hosts_join,
                "where": declared.where,
                "cluster": names.cluster(site),
                "log_group": names.log_group(site),
                "pool": names.pool(site),
                "slots": declared.slots,
                "subnets": networks.get(site, SiteNetwork()).subnets,
                "security_groups": networks.get(site, SiteNetwork()).security_groups,
            }
            for site, declared in sorted(estate.sites.items())
        },
        "pipelines": sorted(estate.pipelines),
        "dags": {
            name: {
                **dag.model_dump(exclude={"deadline", "calendar"}),
                "deadline_seconds": dag.deadline,
                "closed_days": estate.closed_days(dag),
            }
            for name, dag in sorted(estate.dags.items())
        },
    }


def pipeline_manifest(estate: Estate, pipeline: str) -> dict[str, Any]:
    """`dags/manifest/PIPELINE.json`: one pipeline's part of what the DAGs read."""
    declared = estate.pipelines[pipeline]
    source = estate.sources[declared.source]
    names = Names(estate.environment.name)
    incremental = declared.incremental_column is not None
    return {
        "version": VERSION,
        "pipeline": pipeline,
        "site": source.site,
        "source": declared.source,
        "engine": source.engine,
        "family": names.family(declared.source),
        "container": CONTAINER,
        "log_stream_prefix": names.log_stream_prefix(declared.source),
        "specification": specification(estate, pipeline).sha256,
        "prefix": estate.prefix_of(pipeline),
        "query": declared.query.strip(),
        "incremental": incremental,
        "uses_interval": incremental
        or "from" in parameters_named(declared.query, engine=source.engine, known=declared.parameters),
        "description": declared.description,
        "owner": declared.owner,
        "tags": declared.tags,
        "schedule": "after" if declared.after or declared.after_assets else declared.schedule,
        "schedule_zone": declared.schedule_zone,
        "closed_days": estate.closed_days(declared),
        "paused_at_creation": declared.paused_at_creation,
        "priority": declared.priority,
        "on_failure": declared.on_failure,
        "on_success": declared.on_success,
        "start_date": declared.start_date.isoformat(),
        "catchup": declared.catchup,
        "max_active_runs": declared.max_active_runs,
        "retries": declared.retries,
        "retry_delay_seconds": declared.retry_delay,
        "start_deadline_seconds": declared.start_deadline,
        "run_deadline_seconds": declared.run_deadline,
        "after": declared.after,
        "after_assets": declared.after_assets,
        "deadline_seconds": declared.deadline,
        "readers": declared.readers,
        "masks": {column: mask.kind for column, mask in declared.masks.items()},
        "columns": declared.columns,
        "on_drift": declared.on_drift,
        "expects": sorted(declared.expect.model_fields_set - {"on_failure"}) if declared.expect else [],
        "parts": declared.partitions.count if declared.partitions else None,
        "parts_at_once": source.connections,
        "overlap": declared.overlap,
    }


def canonical_json(data: Any) -> str:
    """JSON with one spelling: sorted keys, no spaces, UTF-8, no newline at the end."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
