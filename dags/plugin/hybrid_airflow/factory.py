"""The DAGs of an estate: one per pipeline, and one per entry of `dags` that runs its pipelines side by side.

DAG ids are `ESTATE-PIPELINE` and `ESTATE-NAME`. Every task that lands a pipeline has the pipeline's asset
as its outlet, so that a pipeline with `schedule: after` runs when all that it waits for has landed.

A fault costs the DAG that it is of: the others are built, and `refuse_faults` says it in a file of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Asset, Param, TaskGroup, get_parsing_context

from hybrid_airflow import pages
from hybrid_airflow.compat import COUNTS_DEFERRED
from hybrid_airflow.deadline import deadline_arguments
from hybrid_airflow.estate_dag import EstateDag
from hybrid_airflow.manifest import (
    MANIFEST,
    Estate,
    ManifestError,
    Pipeline,
    Scheduled,
    read_estate,
    read_pipeline,
)
from hybrid_airflow.operators import RunPipelineOperator, task_arguments
from hybrid_airflow.overlap import RunAgainOperator
from hybrid_airflow.parts import CommitPartsOperator, RunPartOperator
from hybrid_airflow.timetables import AFTER, Timing, refuse_schedule, timetable, timing
from hybrid_airflow.upstream import UpstreamIntervalsOperator

if TYPE_CHECKING:
    from airflow.sdk.definitions.asset import AssetNameRef, AssetUriRef

    AssetLike = Asset | AssetNameRef | AssetUriRef


@dataclass(frozen=True)
class Built:
    """What a manifest becomes.

    Attributes:
        dags: The DAGs by DAG id, in order of their names.
        faults: Key of the estate file → why there is no DAG of it, a sentence.
    """

    dags: Mapping[str, DAG]
    faults: Mapping[str, str]


def build_dags(directory: Path) -> dict[str, DAG]:
    """The DAGs of the manifest in `directory`, by DAG id, in order of their names; without those that have a
    fault, which `refuse_faults` tells.

    At the start of a task only the DAG of that task is built, from two small files
    (Airflow, "Optimizing Dag parsing delays during execution").

    Raises:
        ManifestError: The estate's part of the manifest is missing or wrong; or a task starts whose DAG
            has a fault.
    """
    wanted = get_parsing_context().dag_id
    built = build(directory, wanted=wanted)
    if wanted is not None and built.faults:
        raise ManifestError(*built.faults.values())
    return dict(built.dags)


def refuse_faults(directory: Path) -> None:
    """Say which DAGs of the manifest in `directory` are not there; nothing at the start of a task, and where
    the estate's part cannot be read, which `build_dags` says.

    Raises:
        ManifestError: A DAG has a fault; the message names each, with what is wrong.
    """
    if get_parsing_context().dag_id is not None:
        return
    try:
        built = build(directory)
    except ManifestError:
        return
    if built.faults:
        named = [f"{key} of the estate file has no DAG: {fault}" for key, fault in built.faults.items()]
        raise ManifestError("\n".join(named))


def build(directory: Path, *, wanted: str | None = None) -> Built:
    """Every DAG of the manifest in `directory` that can be built, and why the others cannot.

    Args:
        wanted: Build only the DAG of this id.

    Raises:
        ManifestError: The estate's part of the manifest is missing or wrong.
    """
    estate = read_estate(directory)
    makers: list[tuple[str, str, Callable[[], DAG]]] = []
    for name in estate.pipelines:
        single = partial(_read_single, directory, name, estate=estate)
        makers.append((estate.dag_id(name), f"pipelines.{name}", single))
    for name in estate.dags:
        paired = partial(_read_paired, directory, name, estate=estate)
        makers.append((estate.dag_id(name), f"dags.{name}", paired))
    dags: dict[str, DAG] = {}
    faults: dict[str, str] = {}
    for dag_id, key, make in sorted(makers, key=lambda maker: maker[0]):
        if wanted not in (None, dag_id):
            continue
        try:
            dag = make()
            refuse_schedule(dag)
        except ManifestError as error:
            faults[key] = str(error)
        except Exception as error:  # noqa: BLE001  what Airflow refuses is of this one alone
            faults[key] = f"Airflow does not take it ({type(error).__name__}: {error})."
        else:
            dags[dag_id] = dag
    return Built(dags=dags, faults=faults)


def _read_single(directory: Path, name: str, *, estate: Estate) -> DAG:
    pipeline = read_pipeline(directory, name, estate=estate)
    after = [_landed_by(directory, other, estate=estate) for other in pipeline.after]
    return pipeline_dag(estate, pipeline, after=[*after, *map(_reference, pipeline.after_assets)])


def _read_paired(directory: Path, name: str, *, estate: Estate) -> DAG:
    parts = estate.dags[name].pipelines
    if name in estate.pipelines:
        raise ManifestError(
            f"{directory / MANIFEST}: dags.{name} has the name of a pipeline, and both would be the DAG "
            f"'{estate.dag_id(name)}'. Rename one of them in the estate file."
        )
    if unknown := sorted(set(parts) - set(estate.pipelines)):
        raise ManifestError(
            f"{directory / MANIFEST}: dags.{name} runs {', '.join(unknown)}, which 'pipelines' does not list."
        )
    return paired_dag(estate, name, [read_pipeline(directory, part, estate=estate) for part in sorted(parts)])


def _landed_by(directory: Path, name: str, *, estate: Estate) -> AssetLike:
    """What a pipeline lands; by name alone where its own part has a fault, which is not the waiting one's."""
    if name not in estate.pipelines:
        raise ManifestError(
            f"{directory / MANIFEST}: 'pipelines' does not list '{name}', which this pipeline waits for."
        )
    try:
        return asset(estate, read_pipeline(directory, name, estate=estate))
    except ManifestError:
        return Asset.ref(name=estate.dag_id(name))


def _reference(asset: str) -> AssetNameRef | AssetUriRef:
    """An asset of another DAG, which alone says what else it is."""
    return Asset.ref(uri=asset) if "://" in asset else Asset.ref(name=asset)


def asset(estate: Estate, pipeline: Pipeline) -> Asset:
    """What a pipeline lands: its prefix of the lake, with the receipt as the event's `extra`."""
    return Asset(
        name=estate.dag_id(pipeline.pipeline),
        uri=f"s3://{estate.lake_bucket}/{pipeline.prefix}/",
        group=estate.estate,
    )


def pipeline_dag(estate: Estate, pipeline: Pipeline, *, after: Sequence[AssetLike] = ()) -> DAG:
    """The DAG of one pipeline: one task by the name of the pipeline, or one for each part and their commit.

    Args:
        after: What the pipelines of `pipeline.after` land, and the assets of `pipeline.after_assets`.

    Raises:
        ManifestError: Schedule and `after` do not fit, or the start date is none.
    """
    start = _start_date(pipeline, zone=pipeline.schedule_zone)
    with EstateDag(
        dag_id=estate.dag_id(pipeline.pipeline),
        description=pipeline.description or f"{pipeline.source} at {pipeline.site}",
        schedule=_schedule(pipeline, after),
        start_date=start,
        catchup=pipeline.catchup,
        max_active_runs=pipeline.max_active_runs,
        tags=sorted({*pipeline.tags, f"site:{pipeline.site}", f"source:{pipeline.source}"}),
        doc_md=pages.pipeline_page(estate, pipeline),
        default_args={"owner": pipeline.owner},
        auto_register=False,
        **_common(pipeline),
        **deadline_arguments(
            estate,
            pipeline.deadline_seconds,
            dag_id=estate.dag_id(pipeline.pipeline),
            pipelines=[pipeline],
            after=after,
        ),
    ) as dag:
        _tasks(estate, pipeline, after=after)
        _read_again(estate, pipeline, due=timing(pipeline), start=start)
    if pipeline.uses_interval:
        _ask_for_interval(dag)
    return dag


def paired_dag(estate: Estate, name: str, pipelines: list[Pipeline]) -> DAG:
    """A DAG with one task per pipeline and no order between them: one that fails leaves the others be."""
    entry = estate.dags[name]
    starts = {one.pipeline: _start_date(one, zone=entry.schedule_zone) for one in pipelines}
    uses_interval = any(pipeline.uses_interval for pipeline in pipelines)
    with EstateDag(
        dag_id=estate.dag_id(name),
        description=entry.description or f"{', '.join(entry.pipelines)} side by side",
        schedule=timetable(entry, uses_interval=uses_interval),
        start_date=max(starts.values()),
        catchup=False,
        max_active_runs=1,
        tags=sorted({*entry.tags, *(f"site:{pipeline.site}" for pipeline in pipelines)}),
        doc_md=pages.paired_page(estate, name, pipelines),
        default_args={"owner": entry.owner},
        auto_register=False,
        **_common(entry),
        **deadline_arguments(estate, entry.deadline_seconds, dag_id=estate.dag_id(name), pipelines=pipelines),
    ) as dag:
        for pipeline in pipelines:
            _tasks(estate, pipeline)
            _read_again(estate, pipeline, due=timing(entry), start=starts[pipeline.pipeline])
    if uses_interval:
        _ask_for_interval(dag)
    return dag


def _tasks(estate: Estate, pipeline: Pipeline, *, after: Sequence[AssetLike] = ()) -> None:
    """One task that lands the pipeline; or a group: one for each key range, then one that commits them.

    After others, a run reads each interval that they landed: a task finds them, and those that land are
    mapped over them.
    """
    lands = asset(estate, pipeline)
    each: dict[str, Any] = {}
    if after and pipeline.uses_interval:
        each["interval"] = UpstreamIntervalsOperator(
            task_id=f"{pipeline.pipeline}-intervals",
            pipeline=pipeline,
            after=after,
            lands=lands,
            **task_arguments(estate, pipeline) | {"pool": "default_pool"},
        ).output
    if pipeline.parts is None:
        _land(RunPipelineOperator, estate, pipeline, each, task_id=pipeline.pipeline, outlets=[lands])
        return
    with TaskGroup(group_id=pipeline.pipeline):
        parts = _parts if COUNTS_DEFERRED else _parts_in_lanes
        _land(
            CommitPartsOperator,
            estate,
            pipeline,
            each,
            task_id="commit",
            receipts=parts(estate, pipeline, each, count=pipeline.parts),
            outlets=[lands],
        )


def _parts(estate: Estate, pipeline: Pipeline, each: Mapping[str, Any], *, count: int) -> Any:
    """Receipts of a task that is mapped over the key ranges, as many at a time as the source bears."""
    parts = RunPartOperator.partial(
        task_id="part", **_mapped(estate, pipeline), max_active_tis_per_dagrun=pipeline.parts_at_once
    )
    return parts.expand(part=list(range(count)), **each).output


def _parts_in_lanes(estate: Estate, pipeline: Pipeline, each: Mapping[str, Any], *, count: int) -> Any:
    """Receipts of a task for each key range, in as many lanes as the source bears, in each one at a time.

    An Airflow before 3.3 does not count what is deferred, and would start all at once. A part that fails
    holds up no other.
    """
    receipts: list[Any] = []
    last: dict[int, Any] = {}
    for number in range(count):
        lane = number % pipeline.parts_at_once
        own: dict[str, Any] = {"task_id": f"part-{number}", "part": number}
        if each:
            part: Any = RunPartOperator.partial(**_mapped(estate, pipeline), **own).expand(**each)
        else:
            part = RunPartOperator(estate=estate, pipeline=pipeline, trigger_rule="all_done", **own)
        if lane in last:
            last[lane] >> part
        last[lane] = part
        receipts.append(part.output)
    return receipts


def _land(
    kind: type[RunPipelineOperator], estate: Estate, pipeline: Pipeline, each: Mapping[str, Any], **own: Any
) -> None:
    """A task that lands the pipeline, mapped over `each` where there is anything to map it over."""
    if each:
        kind.partial(
            **_mapped(estate, pipeline),
            max_active_tis_per_dag=pipeline.max_active_runs,
            map_index_template="{{ task.interval['from'] }}",
            **own,
        ).expand(**each)
    else:
        kind(estate=estate, pipeline=pipeline, **own)


def _mapped(estate: Estate, pipeline: Pipeline) -> dict[str, Any]:
    """What a mapped task is given of the estate."""
    return {
        "estate": estate.of_site(pipeline.site),
        "pipeline": pipeline,
        **task_arguments(estate, pipeline),
    }


def _read_again(estate: Estate, pipeline: Pipeline, *, due: Timing | None, start: datetime) -> None:
    """A task for each interval of `overlap`, with no order to the run's own: one that fails leaves it be."""
    if not pipeline.overlap or not pipeline.uses_interval or due is None:
        return
    RunAgainOperator.partial(
        task_id=f"{pipeline.pipeline}-again",
        due=due,
        not_before=start,
        **_mapped(estate, pipeline),
    ).expand(back=list(range(1, pipeline.overlap + 1)))


def _common(scheduled: Scheduled) -> dict[str, Any]:
    """Arguments of a DAG that pipelines and entries of `dags` have."""
    return {
        "is_paused_upon_creation": scheduled.paused_at_creation,
        "on_failure_callback": _callback("on_failure", scheduled.on_failure),
        "on_success_callback": _callback("on_success", scheduled.on_success),
    }


def _callback(key: str, named: str | None) -> Callable[[Any], Any] | None:
    """The function that is named; None at the start of a task, which calls none.

    Raises:
        ManifestError: There is no such function.
    """
    if named is None or get_parsing_context().dag_id is not None:
        return None
    module, _, function = named.partition(":")
    try:
        found = getattr(import_module(module), function)
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever code of others does at its import
        raise ManifestError(
            f"{key} is '{named}', and that cannot be imported ({type(error).__name__}: {error}). Put the "
            "module beside the DAG files, or correct the estate file."
        ) from None
    if not callable(found):
        raise ManifestError(f"{key} is '{named}', and that is no function. Correct the estate file.")
    return found  # type: ignore[no-any-return]


def _schedule(pipeline: Pipeline, after: Sequence[AssetLike]) -> Any:
    if pipeline.schedule != AFTER:
        return timetable(pipeline, uses_interval=pipeline.uses_interval)
    if not after:
        raise ManifestError(
            f"manifest/{pipeline.pipeline}.json: schedule is 'after', and neither 'after' nor "
            "'after_assets' names anything."
        )
    return list(after)


def _start_date(pipeline: Pipeline, *, zone: str) -> datetime:
    try:
        start = datetime.fromisoformat(pipeline.start_date)
    except ValueError:
        raise ManifestError(
            f"manifest/{pipeline.pipeline}.json: start_date '{pipeline.start_date}' is no date "
            "such as 2026-01-01."
        ) from None
    if start.tzinfo:
        return start
    # Airflow shows a DAG's times in the zone of its start date.
    return start.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


#: ISO 8601 with a zone. A `format` alone is only checked where a further package is installed.
_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$"


def _ask_for_interval(dag: DAG) -> None:
    """Parameters of a run by hand, set after the DAG is made: given to it, each is checked against the
    whole of JSON Schema, which takes longer than all the rest of the DAG."""
    dag.params["from"] = _time("From", "Begin of the interval. Empty: the run's own data interval.")
    dag.params["to"] = _time("To", "End of the interval, not included. Empty: the run's own data interval.")
    dag.params["full_refresh"] = Param(
        False,
        type="boolean",
        title="Full refresh",
        description="Read everything before the end of the interval, and let it stand for all that landed.",
    )


def _time(title: str, description: str) -> Param:
    example = "ISO 8601 with a zone, such as 2026-11-01T00:00:00+00:00."
    return Param(
        None,
        type=["null", "string"],
        format="date-time",
        pattern=_TIME,
        title=title,
        description=f"{description} {example}",
    )
