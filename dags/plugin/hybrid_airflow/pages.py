"""The documentation page of each DAG, in Markdown: what it reads, where that is, and where it lands."""

from __future__ import annotations

from hybrid_airflow.manifest import Estate, Pipeline
from hybrid_airflow.watch import span


def pipeline_page(estate: Estate, pipeline: Pipeline) -> str:
    """Page of the DAG of one pipeline."""
    return "\n".join([f"### {pipeline.pipeline}", "", *_about(estate, pipeline), *_by_hand([pipeline])])


def paired_page(estate: Estate, name: str, pipelines: list[Pipeline]) -> str:
    """Page of a DAG that runs several pipelines side by side."""
    lines = [f"### {name}", ""]
    if description := estate.dags[name].description:
        lines += [description, ""]
    for pipeline in pipelines:
        lines += [f"#### {pipeline.pipeline}", "", *_about(estate, pipeline)]
    return "\n".join([*lines, *_by_hand(pipelines)])


def _about(estate: Estate, pipeline: Pipeline) -> list[str]:
    site = estate.sites[pipeline.site]
    where = "its own machines (ECS Anywhere)" if site.launch_type == "EXTERNAL" else "AWS Fargate"
    lines = [pipeline.description, ""] if pipeline.description else []
    return [
        *lines,
        "| | |",
        "|---|---|",
        f"| Source | `{pipeline.source}` ({pipeline.engine}) |",
        f"| Site | `{pipeline.site}`, on {where}; cluster `{site.cluster}`, pool `{site.pool}` |",
        f"| Lands in | `s3://{estate.lake_bucket}/{pipeline.prefix}/` |",
        f"| A run reads | {_reads(pipeline)} |",
        f"| Container log | `{site.log_group}`, stream `{pipeline.log_stream_prefix}/TASK_ID` |",
        f"| Ends at the latest | {span(pipeline.start_deadline_seconds)} to start, "
        f"{span(pipeline.run_deadline_seconds)} to run |",
        f"| Specification | `{pipeline.specification[:12]}` |",
        "",
        "```sql",
        pipeline.query.strip(),
        "```",
        "",
    ]


def _reads(pipeline: Pipeline) -> str:
    if pipeline.incremental:
        return "what is new in the run's interval"
    return (
        "the run's interval"
        if pipeline.uses_interval
        else "everything, as one snapshot that replaces the last"
    )


def _by_hand(pipelines: list[Pipeline]) -> list[str]:
    if not any(pipeline.uses_interval for pipeline in pipelines):
        return ["To run it by hand: *Trigger*."]
    return [
        "To run it by hand: *Trigger*, with `from` and `to` for an interval of your own. "
        "A run of the same interval replaces what landed before, never beside it."
    ]
