"""What is changed in a source file: cosmic-ray's operators, and the removal of whole statements.

Runs in the environment of requirements.txt beside this file.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import get_operator, operator_names
from parso.python.tree import Name

Place = tuple[tuple[int, int], tuple[int, int]]
"""Line from 1 and column from 0 of the first character, and those after the last."""


class RemoveStatement(Operator):  # type: ignore[misc]
    """Puts `pass` for a statement that raises, and for one that is a call: for a guard, in most cases."""

    def mutation_positions(self, node: Any) -> Iterator[Place]:
        """The statement, where it is one of the two."""
        if node.type == "simple_stmt" and _is_removable(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:  # noqa: ARG002 - one way each
        """The statement without its effect."""
        statement = node.children[0]
        node.children[0] = Name("pass", statement.start_pos, prefix=statement.get_first_leaf().prefix)
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """For cosmic-ray's own tests of an operator."""
        return (Example("check(1)\n", "pass\n"), Example("if a: raise B\n", "if a: pass\n"))


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change: its operator's name, and which of that operator's places in the file it is."""

    operator: str
    occurrence: int
    place: Place


def mutants(source: str) -> Iterator[Mutant]:
    """Every change of a file, but for annotations and what only a type checker or a main program reads."""
    tree = get_ast(source)
    unread = [*_unread(ast.parse(source))]
    for name, operator in _operators().items():
        places = (place for node in ast_nodes(tree) for place in operator.mutation_positions(node))
        for occurrence, (start, end) in enumerate(places):
            if not any(first <= start and end <= last for first, last in unread):
                yield Mutant(operator=name, occurrence=occurrence, place=(start, end))


def mutated(source: str, mutant: Mutant) -> str | None:
    """The file with the change; None where that is no program, or the same one."""
    changed: str | None = mutate_code(source, _operators()[mutant.operator], mutant.occurrence)
    if changed is None:
        return None
    try:
        if ast.dump(ast.parse(changed)) == ast.dump(ast.parse(source)):
            return None
    except SyntaxError:
        return None
    return changed


def _operators() -> dict[str, Any]:
    """By name; those that want to be told the names of variables are left out."""
    found = {name.removeprefix("core/"): get_operator(name) for name in operator_names()}
    return {
        **{name: operator() for name, operator in sorted(found.items()) if not operator.arguments()},
        "RemoveStatement": RemoveStatement(),
    }


def _is_removable(statement: Any) -> bool:
    if statement.type == "raise_stmt":
        return True
    return bool(
        statement.type == "atom_expr"
        and statement.children[-1].type == "trailer"
        and statement.children[-1].children[0].value == "("
        and not statement.get_code().strip().startswith("super(")
    )


def _unread(tree: ast.Module) -> Iterator[Place]:
    """Where no running program comes: annotations, TYPE_CHECKING, `__main__`, and versions that are told."""
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.arg | ast.AnnAssign):
            parts = [node.annotation]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts = [node.returns]
        elif isinstance(node, ast.If) and ast.unparse(node.test) in _NOT_HERE:
            parts = [node]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "cast":
            parts = [node.args[0]]
        for part in parts:
            if part is not None:
                yield _span(part)


_NOT_HERE = ("TYPE_CHECKING", "__name__ == '__main__'")


def _span(node: Any) -> Place:
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
