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
    lines = [pipeline.description, ""] if pipeline.description else []
    return [
        *lines,
        "| | |",
        "|---|---|",
        f"| Source | `{pipeline.source}` ({pipeline.engine}) |",
        f"| Site | `{pipeline.site}`, on {site.where}; cluster `{site.cluster}`, pool `{site.pool}` |",
        f"| Lands in | `s3://{estate.lake_bucket}/{pipeline.prefix}/` |",
        f"| A run reads | {_reads(pipeline)} |",
        f"| Who may see it | {_readers(pipeline)} |",
        f"| Columns | {_columns(pipeline)} |",
        f"| Container log | `{site.log_group}`, stream `{pipeline.log_stream_prefix}/TASK_ID` |",
        f"| Ends at the latest | {span(pipeline.start_deadline_seconds)} to start, "
        f"{span(pipeline.run_deadline_seconds)} to run{_alarm(pipeline.deadline_seconds)} |",
        f"| Specification | `{pipeline.specification[:12]}` |",
        "",
        "```sql",
        pipeline.query.strip(),
        "```",
        "",
    ]


def _reads(pipeline: Pipeline) -> str:
    apart = f", in {pipeline.parts} key ranges that become visible at once" if pipeline.parts else ""
    if pipeline.incremental:
        return f"what is new in the run's interval{apart}"
    if pipeline.uses_interval:
        return f"the run's interval{apart}"
    return f"everything{apart}, and replaces the last" if apart else _SNAPSHOT


_SNAPSHOT = "everything, as one snapshot that replaces the last"


def _readers(pipeline: Pipeline) -> str:
    """The estate's own words, then what holds anyway, then what nobody sees."""
    named = f"{', '.join(pipeline.readers)}: " if pipeline.readers else ""
    masked = ", ".join(f"`{column}` ({kind})" for column, kind in sorted(pipeline.masks.items()))
    return (
        f"{named}who is granted `s3:GetObject` below this prefix, and `kms:Decrypt` by the estate's key"
        f"{f'. Masked before it leaves the site: {masked}' if masked else ''}"
    )


def _columns(pipeline: Pipeline) -> str:
    which = ", ".join(f"`{name}`" for name in pipeline.columns) or "all that the query returns"
    then = {
        "fail": "a run with others than the run before fails",
        "accept": "a run with others than the run before lands, and tells it",
    }.get(pipeline.on_drift, "wider types than those of the run before are told, other changes fail")
    held = f"; its rows are held to {', '.join(pipeline.expects)}" if pipeline.expects else ""
    return f"{which}; {then}{held}"


def _alarm(seconds: int | None) -> str:
    return f"; an alarm {span(seconds)} after it was queued" if seconds else ""


def _by_hand(pipelines: list[Pipeline]) -> list[str]:
    if not any(pipeline.uses_interval for pipeline in pipelines):
        return ["To run it by hand: *Trigger*."]
    return [
        "To run it by hand: *Trigger*, with `from` and `to` for an interval of your own. "
        "A run of the same interval replaces what landed before, never beside it. "
        "With `full_refresh` it reads everything, which then stands for all earlier intervals."
    ]
