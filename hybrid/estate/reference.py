"""docs/reference/estate.md: every key of the estate file, made from the model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from hybrid.estate.change import MEANING, Effect
from hybrid.estate.model import Estate
from hybrid.estate.site_kinds import KINDS

_INTRODUCTION = """# The estate file, key by key

Made from the model by `bin/hybrid docs generate`; a test holds this page to it. Editors show the same texts
with [the JSON Schema](hybrid.schema.json), which a first line in the file names:

```yaml
# yaml-language-server: $schema=docs/reference/hybrid.schema.json
```

`bin/hybrid validate` says what is wrong with a file, with the line and the remedy. Words in capitals (`SITE`,
`SOURCE`, `PIPELINE`, `DAG`) stand for names that you choose: lower-case letters, digits and single hyphens, a
letter first, 40 characters at most.
"""


@dataclass(frozen=True)
class Section:
    """A part of the file.

    Attributes:
        path: of its keys, as `sources.SOURCE`; empty for the file itself.
        definition: its name in the JSON Schema; empty for the file itself.
        title: heading of the page.
        suffix: tells keys of the same path apart.
    """

    path: str
    definition: str
    title: str
    suffix: str = ""


SECTIONS = (
    Section("", "", "The parts of the file"),
    Section("environment", "Environment", "Keys of environment"),
    Section("network", "Network", "Keys of network"),
    Section("network.existing", "ExistingVpc", "Keys of network.existing"),
    Section("airflow", "Airflow", "Keys of airflow"),
    Section("airflow.reachable_from", "ReachableFrom", "Keys of airflow.reachable_from"),
    Section("airflow.logging", "AirflowLogging", "Keys of airflow.logging"),
    *(
        Section("sites.SITE", kind.__name__, f"Keys of a site of kind {name}", f" ({name})")
        for name, kind in KINDS.items()
    ),
    Section("sources.SOURCE", "Source", "Keys of a source"),
    Section("pipelines.PIPELINE", "Pipeline", "Keys of a pipeline"),
    Section("pipelines.PIPELINE.format", "Format", "Keys of format"),
    Section("pipelines.PIPELINE.partitions", "Partitions", "Keys of partitions"),
    Section("pipelines.PIPELINE.masks.COLUMN", "Mask", "Keys of a mask"),
    Section("pipelines.PIPELINE.expect", "Expect", "Keys of expect"),
    Section("pipelines.PIPELINE.expect.rows", "Rows", "Keys of expect.rows"),
    Section("pipelines.PIPELINE.expect.freshness", "Freshness", "Keys of expect.freshness"),
    Section("dags.DAG", "Dag", "Keys of a DAG"),
)


@dataclass(frozen=True)
class Key:
    """One key of the file, as the JSON Schema has it.

    Attributes:
        name: the key.
        section: the part of the file that it is in.
        schema: its JSON Schema.
        required: whether it must be given.
    """

    name: str
    section: Section
    schema: dict[str, Any]
    required: bool

    @property
    def path(self) -> str:
        """Where it stands, as `sources.SOURCE.memory`."""
        return f"{self.section.path}.{self.name}".lstrip(".")

    @property
    def heading(self) -> str:
        """Heading of its paragraph."""
        return self.path + self.section.suffix

    @property
    def anchor(self) -> str:
        """Anchor of its heading."""
        return anchor(self.heading)

    @property
    def change(self) -> Effect:
        """What it costs to change it."""
        return Effect(self.schema["x-change"])

    @property
    def example(self) -> dict[str, Any]:
        """The example, and what must stand beside it."""
        return {self.name: self.schema["examples"][0], **self.schema.get("x-beside", {})}


def keys() -> Iterator[Key]:
    """Every key of the estate file, in the order of the page."""
    schema = Estate.model_json_schema()
    for section in SECTIONS:
        part = schema["$defs"][section.definition] if section.definition else schema
        for name, described in part["properties"].items():
            yield Key(name, section, described, name in part.get("required", ()))


def page() -> str:
    """The page, as it is kept in docs/reference/estate.md."""
    every = list(keys())
    texts = [_INTRODUCTION, *_costs(every)]
    parts = Estate.model_json_schema()["$defs"]
    for section in SECTIONS:
        texts.append(f"## {section.title}\n")
        if section.definition:
            texts.append(f"{_plain(parts[section.definition]['description'])}\n")
        texts += [_paragraph(key) for key in every if key.section == section]
    return "\n".join(texts)


def _costs(every: list[Key]) -> Iterator[str]:
    yield "## What it costs to change a key later\n"
    yield "Each key says one of these. A test compares it with the templates before and after a change.\n"
    yield "| cost | what happens |\n|---|---|"
    for change in Effect:
        yield f"| {change} | {MEANING[change]} |"
    yield "\nThe keys that cost more than the next run:\n"
    for change in Effect:
        if change not in (Effect.NOTHING, Effect.NEXT_RUN, Effect.FULL_REFRESH):
            listed = ", ".join(f"[{key.heading}](#{key.anchor})" for key in every if key.change == change)
            yield f"- **{change}**: {listed}"
    yield ""


def _paragraph(key: Key) -> str:
    value, *beside = [f"`{_yaml({name: value})}`" for name, value in key.example.items()]
    note = f" {key.schema['x-change-note']}" if "x-change-note" in key.schema else ""
    lines = [
        f"### {key.heading}\n",
        f"{key.schema['description']}\n",
        f"- Value: {_with_unit(kind(key.schema), key.schema.get('x-unit'))}",
        "- It must be given." if key.required else f"- Default: {_default(key)}",
        f"- Example: {value}" + (f" beside {', '.join(beside)}" if beside else ""),
        f"- To change it later: **{key.change}**.{note}\n",
    ]
    return "\n".join(lines)


def _with_unit(text: str, unit: str | None) -> str:
    if unit is None:
        return text
    with_unit = text.replace("whole number", f"whole number ({unit})")
    return with_unit if with_unit != text else f"{text} ({unit})"


def _default(key: Key) -> str:
    default = key.schema.get("default", _empty(key.schema))
    if isinstance(default, dict) and default:
        return "those of its keys"
    return f"`{_yaml(default)}`"


def _empty(schema: dict[str, Any]) -> Any:
    """What a list or mapping is by default; the JSON Schema does not say it."""
    return [] if schema.get("type") == "array" else {}


def kind(schema: dict[str, Any]) -> str:
    """The values that a schema allows, in words."""
    match schema:
        case {"anyOf": ways} | {"oneOf": ways}:
            texts = list(dict.fromkeys(kind(way) for way in ways))
            return " or ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]
        case {"$ref": reference}:
            return _kind_of_part(reference.rpartition("/")[2])
        case {"const": value}:
            return f"`{value}`"
        case {"enum": values}:
            return f"one of {', '.join(f'`{value}`' for value in values)}"
    return _kind_of_type(schema)


def _kind_of_part(name: str) -> str:
    for section in SECTIONS:
        if section.definition == name:
            return f"[{section.title.lower()}](#{anchor(section.title)})"
    return kind(Estate.model_json_schema()["$defs"][name])


def _kind_of_type(schema: dict[str, Any]) -> str:
    match schema.get("type"):
        case "boolean":
            return "`true` or `false`"
        case "null":
            return "`null`"
        case "integer" | "number" as number:
            return ("whole number" if number == "integer" else "number") + _bounds(schema)
        case "array":
            return f"list of {kind(schema['items'])}"
        case "object":
            named = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
            return "keys with values" if named[0] is True else f"mapping of names to {kind(named[0])}"
        case _:
            return "date" if schema.get("format") == "date" else "text"


def _bounds(schema: dict[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f", {least} to {most}"
    return "" if least is None else f", at least {least}"


def anchor(heading: str) -> str:
    """Anchor of a heading, as GitHub and Python-Markdown make it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _plain(text: str) -> str:
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())


def _yaml(value: Any) -> str:
    """YAML in one line, of a mapping with one key without its braces."""
    alone = isinstance(value, dict) and len(value) == 1
    dumped = yaml.safe_dump(
        value if alone else [value],
        default_flow_style=True,
        width=10_000,
        allow_unicode=True,
        sort_keys=False,
    )
    return dumped.strip()[1:-1]
