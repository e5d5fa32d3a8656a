"""What holds between the parts of an estate: references, prefixes, lengths of AWS names, versions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from hybrid.estate import incremental
from hybrid.estate.addresses import LONGEST_FOR_SIX
from hybrid.estate.airflow_options import option_problems
from hybrid.estate.airflow_versions import refusal
from hybrid.estate.column_rules import column_findings
from hybrid.estate.contract_rules import contract_findings
from hybrid.estate.default_rules import default_findings
from hybrid.estate.document import Finding, Path
from hybrid.estate.engines import ENGINES, listed
from hybrid.estate.model import Estate
from hybrid.estate.naming import AIRFLOW_LOG_COMPONENTS, Names
from hybrid.estate.query_rules import parameters_named, query_findings
from hybrid.estate.regions import region_findings
from hybrid.estate.schedule_rules import schedule_findings
from hybrid.estate.suggestion import suggestion

#: Characters that AWS allows: IAM role name 64, MWAA environment name 80, CloudFormation stack name 128
#: (IAM, MWAA and CloudFormation API references).
_ROLE, _ENVIRONMENT, _STACK = 64, 80, 128


def findings(estate: Estate) -> Iterator[Finding]:
    """Every rule that the estate breaks, as (path, sentence)."""
    yield from _references(estate)
    yield from _prefixes(estate)
    yield from query_findings(estate)
    yield from _incremental(estate)
    yield from _passthroughs(estate)
    yield from contract_findings(estate)
    yield from column_findings(estate)
    yield from _lengths(estate)
    yield from region_findings(estate)
    yield from _places(estate)
    yield from _sizes(estate)
    yield from schedule_findings(estate)
    yield from _deadlines(estate)
    yield from _airflow_options(estate)
    version = estate.airflow.version
    if reason := refusal(version, allow_unlisted=estate.airflow.allow_unlisted_version):
        yield ("airflow", "version"), reason


def _airflow_options(estate: Estate) -> Iterator[Finding]:
    options = estate.airflow.configuration
    for name, sentence in option_problems(options):
        yield ("airflow", "configuration", name), sentence
    # MWAA API Reference, CreateEnvironment, WebserverAccessMode.
    major, minor, *_ = (int(part) for part in estate.airflow.version.split("."))
    if estate.airflow.access == "PUBLIC_AND_PRIVATE" and (major, minor) < (3, 2):
        yield (
            ("airflow", "access"),
            f"Airflow {estate.airflow.version} has no PUBLIC_AND_PRIVATE; write PUBLIC_ONLY, or choose "
            "airflow.version 3.2.1 or later",
        )
    if estate.airflow.secrets_backend:
        for name in sorted({"secrets.backend", "secrets.backend_kwargs"} & options.keys()):
            yield (
                ("airflow", "configuration", name),
                "`airflow.secrets_backend` sets it; take out one of them",
            )


def _references(estate: Estate) -> Iterator[Finding]:
    yield from default_findings(estate)
    yield from _source_references(estate)
    yield from _pipeline_references(estate)
    yield from _cycles(estate)
    yield from _dag_references(estate)


def _source_references(estate: Estate) -> Iterator[Finding]:
    for name, source in estate.sources.items():
        if source.site not in estate.sites:
            yield (
                ("sources", name, "site"),
                f"no site `{source.site}`; {suggestion(source.site, estate.sites)}",
            )


def _pipeline_references(estate: Estate) -> Iterator[Finding]:
    for name, pipeline in estate.pipelines.items():
        if pipeline.source not in estate.sources:
            yield (
                ("pipelines", name, "source"),
                f"no source `{pipeline.source}`; {suggestion(pipeline.source, estate.sources)}",
            )
        for index, other in enumerate(pipeline.after):
            if other not in estate.pipelines or other == name:
                yield (
                    ("pipelines", name, "after", index),
                    f"no other pipeline `{other}`; {suggestion(other, set(estate.pipelines) - {name})}",
                )
        for key in ("after", "after_assets"):
            if getattr(pipeline, key) and pipeline.schedule is not None:
                yield ("pipelines", name, "schedule"), f"has `{key}` too; a pipeline takes one of the two"


def _dag_references(estate: Estate) -> Iterator[Finding]:
    for name, dag in estate.dags.items():
        for index, pipeline_name in enumerate(dag.pipelines):
            if pipeline_name not in estate.pipelines:
                yield (
                    ("dags", name, "pipelines", index),
                    f"no pipeline `{pipeline_name}`; {suggestion(pipeline_name, estate.pipelines)}",
                )
            if pipeline_name in dag.pipelines[:index]:
                yield ("dags", name, "pipelines", index), f"`{pipeline_name}` is listed twice; remove one"
        if name in estate.pipelines:
            yield ("dags", name), f"a pipeline is called `{name}` too, and both become a DAG of that name"


def _cycles(estate: Estate) -> Iterator[Finding]:
    for start in sorted(estate.pipelines):
        seen: set[str] = set()
        waiting = list(estate.pipelines[start].after)
        while waiting:
            name = waiting.pop()
            if name == start and name not in estate.pipelines[start].after:
                yield ("pipelines", start, "after"), f"`{start}` waits for itself by way of another pipeline"
                break
            if name not in seen and name in estate.pipelines:
                seen.add(name)
                waiting.extend(estate.pipelines[name].after)


def _prefixes(estate: Estate) -> Iterator[Finding]:
    prefixes = {name: estate.prefix_of(name) for name in sorted(estate.pipelines)}
    for (first, one), (second, other) in combinations(prefixes.items(), 2):
        if one == other:
            yield (
                ("pipelines", second),
                f"writes prefix `{other}`, as `{first}` does; give one another `prefix`",
            )
        elif one.startswith(f"{other}/") or other.startswith(f"{one}/"):
            yield (
                ("pipelines", second),
                f"prefix `{other}` and `{one}` of `{first}` are nested; give one another `prefix`",
            )


def _incremental(estate: Estate) -> Iterator[Finding]:
    for name, pipeline in estate.pipelines.items():
        source = estate.sources.get(pipeline.source)
        if source is None:
            continue
        named = parameters_named(pipeline.query, engine=source.engine, known=pipeline.parameters)
        uses = pipeline.incremental_column is not None or "from" in named
        for key, sentence in incremental.findings(pipeline, uses_interval=uses):
            yield ("pipelines", name, key), sentence


def _passthroughs(estate: Estate) -> Iterator[Finding]:
    """A pass-through knows no values, so what needs them cannot be asked of it."""
    writers = listed(engine for engine in ENGINES.values() if engine.passthrough)
    for name, pipeline in estate.pipelines.items():
        if not pipeline.format.passthrough:
            continue
        source = estate.sources.get(pipeline.source)
        if source and not ENGINES[source.engine].passthrough:
            yield (
                ("pipelines", name, "format", "passthrough"),
                f"source `{pipeline.source}` is {source.engine}, and only {writers} writes CSV itself; "
                "take it out",
            )
        for key in ("masks", "partition_by"):
            if getattr(pipeline, key):
                yield (
                    ("pipelines", name, key),
                    f"`format.passthrough` sends what the server writes, without a look at its values; "
                    f"take out `{key}` or `passthrough`",
                )
        if pipeline.unrepresentable != "fail":
            yield (
                ("pipelines", name, "unrepresentable"),
                "`format.passthrough` refuses no value; take out this key",
            )


def _lengths(estate: Estate) -> Iterator[Finding]:
    names = Names(estate.environment.name)
    limited: list[tuple[Path, str, str, int]] = [
        (("environment", "name"), "MWAA environment", names.airflow_environment, _ENVIRONMENT),
        (("environment", "name"), "IAM role", names.airflow_role, _ROLE),
        (("environment", "name"), "log group", names.airflow_log_group(AIRFLOW_LOG_COMPONENTS[0]), 512),
    ]
    for site, declared in estate.sites.items():
        limited.append((("sites", site), "IAM role", names.execution_role(site), _ROLE))
        limited += [(("sites", site), *name) for name in declared.limited_names(names, site)]
        limited.append((("sites", site), "stack", names.site_stack(site), _STACK))
    for source in estate.sources:
        limited.append((("sources", source), "IAM role", names.task_role(source), _ROLE))
    for path, kind, name, limit in limited:
        if len(name) > limit:
            yield (
                path,
                f"the name `{name}` of the {kind} has {len(name)} characters and AWS allows {limit}: "
                f"shorten this name or environment.name by {len(name) - limit}",
            )


def _places(estate: Estate) -> Iterator[Finding]:
    region, zones = estate.environment.region, estate.network.availability_zones
    for index, zone in enumerate(zones):
        path = ("network", "availability_zones", index)
        if zone[:-1] != region:
            yield path, f"`{zone}` is not in environment.region `{region}`; write `{region}{zone[-1]}`"
        if zone in zones[:index]:
            yield path, f"`{zone}` is listed twice; MWAA needs two different ones"
    existing = estate.network.existing
    prefix = int(estate.network.cidr.partition("/")[2])
    if (
        not existing
        and estate.network.addresses == "reserved"
        and len(zones) > 3
        and prefix > LONGEST_FOR_SIX
    ):
        yield (
            ("network", "availability_zones"),
            f"{estate.network.cidr} has room for three zones, not {len(zones)}; "
            f"write a cidr of /{LONGEST_FOR_SIX} or larger",
        )
    if existing and estate.network.egress == "endpoints" and "cidr" not in estate.network.model_fields_set:
        yield (
            ("network", "existing"),
            "`egress: endpoints` needs `network.cidr`, the range of this VPC: its endpoints admit that range "
            "only, and Airflow fails after half an hour where it is another one",
        )
    if existing and len(existing.private_subnets) != len(zones):
        yield (
            ("network", "existing", "private_subnets"),
            f"{len(existing.private_subnets)} subnets for {len(zones)} availability zones; name one for each",
        )
    makes_s3 = existing and estate.network.egress == "endpoints" and "s3" not in existing.endpoints
    if existing and makes_s3 and len(existing.route_tables) != len(zones):
        yield (
            ("network", "existing", "route_tables"),
            "`egress: endpoints` needs the route table of each private subnet, for the S3 gateway endpoint",
        )
    elif existing and existing.route_tables and len(existing.route_tables) != len(zones):
        yield (
            ("network", "existing", "route_tables"),
            f"{len(existing.route_tables)} route tables for {len(zones)} private subnets; name one for each, "
            "or take them out: `egress: nat` needs none",
        )


def _deadlines(estate: Estate) -> Iterator[Finding]:
    """Deadline alerts came with Airflow 3.1 (its release notes)."""
    major, minor, *_ = (int(part) for part in estate.airflow.version.split("."))
    if (major, minor) >= (3, 1):
        return
    declared = [("pipelines", name, pipeline.deadline) for name, pipeline in estate.pipelines.items()]
    declared += [("dags", name, dag.deadline) for name, dag in estate.dags.items()]
    for kind, name, deadline in declared:
        if deadline is not None:
            yield (
                (kind, name, "deadline"),
                f"Airflow {estate.airflow.version} has no deadline alerts; take it out, "
                "or choose airflow.version 3.2.1 or later",
            )


def _sizes(estate: Estate) -> Iterator[Finding]:
    for name, source in estate.sources.items():
        if site := estate.sites.get(source.site):
            for key, sentence in site.source_problems(source):
                yield ("sources", name, key), sentence
