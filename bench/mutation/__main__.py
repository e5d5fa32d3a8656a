"""Mutation testing: sources are changed one place at a time, and the tests are to see it.

    .venv/bin/python -m bench.mutation --number 20 --seed 1

Draws mutants of each part by the seed, runs the part's quick tests over each, shows what is left to the
nearest tests with servers, and prints what survives. It works in a copy of the clone. `--document` writes the
page, with the reasons of reasons.json. Exit code 0: every survivor has its reason; 1: one has none, or the
tests fail as they are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from fnmatch import fnmatch
from pathlib import Path

from bench.mutation.page import PAGE, Result, Survivor, reasons, survivor, written
from bench.mutation.parts import PARTS, Part
from bench.mutation.trial import BaselineFailure, Drawn, Fate, Tree
from workspace.environments import EnvironmentFailure, PythonEnvironment
from workspace.paths import ROOT

HERE = Path(__file__).resolve().parent
MUTATION = PythonEnvironment("bench-mutation", (HERE / "requirements.txt",))


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--number", type=int, default=20, help="mutants of each part (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="repeats the draw (default: %(default)s)")
    parser.add_argument(
        "--part",
        action="append",
        choices=[part.name for part in PARTS],
        help="only this one; may be repeated",
    )
    parser.add_argument("--files", default="*", help="only files of this pattern, such as `readers/*`")
    parser.add_argument("--document", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    given = parser.parse_args()
    parts = [part for part in PARTS if not given.part or part.name in given.part]
    try:
        MUTATION.ensure()
        with tempfile.TemporaryDirectory(prefix="hybrid-mutation-", ignore_cleanup_errors=True) as directory:
            tree = Tree(Path(directory))
            results = [_run(part, tree, given) for part in parts]
    except (BaselineFailure, EnvironmentFailure) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    known = reasons()
    for result in results:
        sys.stdout.write(f"{result.summary()}\n")
        for one in result.survivors:
            sys.stdout.write(f"  {one.file}:{one.line} {one.operator}\n{one.difference}\n")
            sys.stdout.write(f"    {known.get(one.key, 'no reason is written in reasons.json')}\n")
    if given.document:
        PAGE.write_text(written(results, seed=given.seed, known=known))
    return 0 if all(one.key in known for result in results for one in result.survivors) else 1


def draw(
    part: Part, *, number: int, seed: int, root: Path = ROOT, pattern: str = "*"
) -> tuple[int, list[Drawn]]:
    """How many mutants a part has, and those that a seed draws, in the clone or a copy of it."""
    files = [name for name in part.files() if fnmatch(name, f"{part.sources}/{pattern}")]
    done = subprocess.run(
        [str(MUTATION.python), str(HERE / "draw.py"), str(root), str(number), str(seed), *files],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    return found["mutants"], [Drawn(**one) for one in found["drawn"]]


def _run(part: Part, tree: Tree, given: argparse.Namespace) -> Result:
    began = time.monotonic()
    possible, drawn = draw(
        part, number=given.number, seed=given.seed, root=tree.directory, pattern=given.files
    )
    fates: list[Fate] = []
    survivors: list[Survivor] = []
    tree.begin(part)
    for number, mutant in enumerate(drawn, 1):
        start = time.monotonic()
        fates.append(tree.judge(part, mutant))
        if fates[-1] is Fate.SURVIVED:
            survivors.append(survivor(mutant, (tree.directory / mutant.file).read_text()))
        where = f"{mutant.file}:{mutant.line} {mutant.operator}"
        seconds = time.monotonic() - start
        sys.stderr.write(f"{part.name} {number}/{len(drawn)} {where}: {fates[-1]}, {seconds:.0f} s\n")
    return Result(
        part=part.name,
        sources=part.sources,
        possible=possible,
        fates=fates,
        survivors=survivors,
        seconds=time.monotonic() - began,
    )


if __name__ == "__main__":
    sys.exit(main())
