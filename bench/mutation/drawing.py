"""`drawing.py ROOT COUNT SEED FILE …`: mutants of files below ROOT, drawn by a seed, as JSON.

The operators are cosmic-ray's, and the removal of a statement. A place is drawn first and one of its changes
then, so that a comparison, which can be changed in eight ways, weighs no more than a removed call. The rank
of a place is a hash of the seed, the file and the line's text: what changes elsewhere leaves the draw as it
was. Runs in the environment of requirements.txt beside this file.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import get_operator, operator_names
from parso.python.tree import Name

_Place = tuple[tuple[int, int], tuple[int, int]]
#: Conditions of what only a type checker or a main program reads.
_NOT_RUN = ("TYPE_CHECKING", "__name__ == '__main__'")


class RemoveStatement(Operator):  # type: ignore[misc]
    """Puts `pass` for a statement that raises, and for one that is a call: for a guard, in most cases."""

    def mutation_positions(self, node: Any) -> Iterator[_Place]:
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
        """What cosmic-ray asks of an operator: sources before and after."""
        return (Example("check(1)\n", "pass\n"), Example("if a: raise B\n", "if a: pass\n"))


@dataclass(frozen=True, kw_only=True)
class _Mutant:
    file: str
    place: _Place
    operator: str
    occurrence: int
    rank: str


def main(root: Path, count: int, seed: int, names: list[str]) -> None:
    """Print how many mutants there are and those that were drawn."""
    sources = {name: (root / name).read_text() for name in names}
    operators = _operators()
    # Of each place the mutant of lowest rank.
    places: dict[tuple[str, _Place], _Mutant] = {}
    possible = 0
    for name, source in sources.items():
        for mutant in _mutants(name, source, operators, seed):
            possible += 1
            kept = places.setdefault((name, mutant.place), mutant)
            if mutant.rank < kept.rank:
                places[name, mutant.place] = mutant
    ranked = sorted(
        places.values(), key=lambda one: _rank(seed, one.file, _line(sources[one.file], one), one.place[0][1])
    )
    drawn: list[dict[str, object]] = []
    for one in ranked:
        if len(drawn) == count:
            break
        if text := _mutated(sources[one.file], operators[one.operator], one.occurrence):
            told = {"file": one.file, "line": one.place[0][0], "operator": one.operator, "text": text}
            drawn.append(told)
    json.dump({"possible": possible, "drawn": drawn}, sys.stdout)


def _operators() -> dict[str, Any]:
    """By name; those that want to be told the names of variables are left out."""
    found = {name.removeprefix("core/"): get_operator(name) for name in sorted(operator_names())}
    simple = {name: operator() for name, operator in found.items() if not operator.arguments()}
    return {**simple, "RemoveStatement": RemoveStatement()}


def _mutants(name: str, source: str, operators: dict[str, Any], seed: int) -> Iterator[_Mutant]:
    """Every change of a file, but for annotations and what only a type checker or a main program reads."""
    tree = get_ast(source)
    not_run = [*_not_run(ast.parse(source))]
    lines = source.splitlines()
    for operator, changes in operators.items():
        places = (place for node in ast_nodes(tree) for place in changes.mutation_positions(node))
        for occurrence, (start, end) in enumerate(places):
            if not any(first <= start and end <= last for first, last in not_run):
                rank = _rank(seed, name, lines[start[0] - 1], start[1], operator)
                yield _Mutant(
                    file=name, place=(start, end), operator=operator, occurrence=occurrence, rank=rank
                )


def _rank(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def _line(source: str, mutant: _Mutant) -> str:
    return source.splitlines()[mutant.place[0][0] - 1]


def _mutated(source: str, operator: Any, occurrence: int) -> str | None:
    """The file with the change; None where that is no program, or the same one."""
    changed: str | None = mutate_code(source, operator, occurrence)
    try:
        is_same = changed is None or ast.dump(ast.parse(changed)) == ast.dump(ast.parse(source))
    except SyntaxError:
        return None
    return None if is_same else changed


def _is_removable(statement: Any) -> bool:
    if statement.type == "raise_stmt":
        return True
    return bool(
        statement.type == "atom_expr"
        and statement.children[-1].type == "trailer"
        and statement.children[-1].children[0].value == "("
        and not statement.get_code().strip().startswith("super(")
    )


def _not_run(tree: ast.Module) -> Iterator[_Place]:
    for node in ast.walk(tree):
        part: Any = None
        if isinstance(node, ast.arg | ast.AnnAssign):
            part = node.annotation
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            part = node.returns
        elif isinstance(node, ast.If) and ast.unparse(node.test) in _NOT_RUN:
            part = node
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "cast":
            part = node.args[0]
        if part is not None:
            yield (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
