"""docs/reference/api.md: what may be imported, by its signatures and docstrings, as the code has them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workspace.paths import ROOT

_HEAD = """\
# What may be imported

Made by `bin/hybrid docs generate` from signatures and docstrings. What is not here may change with any
release. The *Args* of a construct are its props.
"""


@dataclass(frozen=True)
class Section:
    """Modules of one part.

    Attributes:
        title: its heading.
        text: what the part is for.
        files: its modules, from the root of the clone.
    """

    title: str
    text: str
    files: Sequence[str]


_CONSTRUCTS = "constructs/hybrid_constructs"
SECTIONS = (
    Section(
        "hybrid_constructs",
        "The CDK side of each thing, for stacks of your own.",
        [
            f"{_CONSTRUCTS}/{name}.py"
            for name in (
                *("estate_key", "private_bucket", "image_repository", "network", "existing_network"),
                *("site", "anywhere_site", "cloud_site", "etl_source", "run_permissions"),
                *("airflow_bundle", "airflow_environment", "airflow_alarms", "object_deployment"),
            )
        ],
    ),
    Section(
        "hybrid.estate",
        "The estate file, read and checked.",
        ["hybrid/estate/loading.py", "hybrid/estate/model.py", "hybrid/estate/naming.py"],
    ),
    Section(
        "hybrid.extensions",
        'What another distribution may bring ([CONTRIBUTING](../../CONTRIBUTING.md), "Extend").',
        [
            *("hybrid/extensions.py", "hybrid/cli/command.py", "hybrid/estate/site_kinds/kind.py"),
            *("etl/hybrid_etl/engines/engine.py", "etl/hybrid_etl/readers/__init__.py"),
            "etl/hybrid_etl/sinks/__init__.py",
        ],
    ),
    Section(
        "hybrid_airflow",
        "For DAGs of your own; see [DAGs](../how-to/dags.md).",
        [
            f"dags/plugin/hybrid_airflow/{name}.py"
            for name in ("factory", "operators", "receipt", "manifest", "interval")
        ],
    ),
)


def page() -> str:
    """The page."""
    return "\n".join([_HEAD, *(line for section in SECTIONS for line in _section(section))]).rstrip() + "\n"


def _section(section: Section) -> Iterator[str]:
    yield from (f"## {section.title}", "", section.text, "")
    for file in section.files:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                yield from _definition(node, module=_module(file))


def _module(file: str) -> str:
    path = Path(file).with_suffix("")
    parts = [part for part in path.parts if part not in {"constructs", "etl", "plugin", "dags", "__init__"}]
    return ".".join(parts)


def _definition(node: ast.ClassDef | ast.FunctionDef, *, module: str) -> Iterator[str]:
    if not (document := ast.get_docstring(node)):
        return
    yield from (f"### `{module}.{node.name}`", "")
    yield from ("```python", _signature(node), "```", "")
    yield from _described(document)
    if isinstance(node, ast.ClassDef):
        for method in node.body:
            if not isinstance(method, ast.FunctionDef) or method.name.startswith("_"):
                continue
            if said := ast.get_docstring(method):
                yield from ("```python", _signature(method), "```", "")
                yield from _described(said)


def _described(document: str) -> Iterator[str]:
    """A docstring: its text as it is, its lists of arguments, attributes and errors as code keeps them."""
    text, _, lists = inspect.cleandoc(document).partition("\n\nArgs:")
    head, marker = (text, "Args:") if lists else (text, "")
    for word in ("Attributes:", "Returns:", "Raises:", "Groups:"):
        if not lists and f"\n\n{word}" in head:
            head, _, lists = head.partition(f"\n\n{word}")
            marker = word
    yield from (head, "")
    if lists:
        yield from ("```text", f"{marker}{lists}".rstrip(), "```", "")


def _signature(node: ast.ClassDef | ast.FunctionDef) -> str:
    if isinstance(node, ast.FunctionDef):
        decorated = {getattr(one, "id", "") for one in node.decorator_list}
        kind = "property " if decorated & {"property", "cached_property"} else ""
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        return f"{kind}{node.name}({_arguments(node)}){returns}" if not kind else f"{node.name}{returns}"
    bases = ", ".join(map(ast.unparse, node.bases))
    made = next((one for one in node.body if getattr(one, "name", "") == "__init__"), None)
    if isinstance(made, ast.FunctionDef):
        return f"class {node.name}({_arguments(made)})"
    fields = [
        f"    {ast.unparse(one)}"
        for one in node.body
        if isinstance(one, ast.AnnAssign) and not ast.unparse(one.target).startswith("_")
    ]
    head = f"class {node.name}({bases})" if bases else f"class {node.name}"
    # The keys of an estate have a page of their own, with all that a model says of each.
    return "\n".join([f"{head}:", *fields]) if fields and not bases else head


def _arguments(node: ast.FunctionDef) -> str:
    text = ast.unparse(node.args)
    own = node.args.args[:1]
    if own and own[0].arg in {"self", "cls"}:
        text = text[len(own[0].arg) :].lstrip(", ")
    return text
