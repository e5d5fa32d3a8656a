"""Mutation testing: sources are changed in one place at a time, and a test should fail.

    .venv/bin/python -m bench.mutation --count 20 --seed 1

Draws mutants of each part by the seed, judges them in a copy of the clone, and prints those that survive,
with their reasons from reasons.json. Exit code 0: every survivor has a reason; 1: one has none, or the tests
fail without a mutant; 130: interrupted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.mutation.page import PAGE, Result, Survivor, reasons, survivor, written
from bench.mutation.parts import PARTS, Part
from bench.mutation.record import Record
from bench.mutation.trial import BaselineFailure, Drawn, Fate, Tree
from workspace.environments import EnvironmentFailure, PythonEnvironment
from workspace.paths import ROOT, STATE

_HERE = Path(__file__).resolve().parent
MUTATION = PythonEnvironment("bench-mutation", (_HERE / "requirements.txt",))


def main() -> int:
    """Run the command."""
    given = _arguments()
    known = reasons()
    is_explained = True
    try:
        MUTATION.ensure()
        for part in PARTS:
            if part.name in given.part:
                part.ensure()
                with tempfile.TemporaryDirectory(
                    prefix="hybrid-mutation-", ignore_cleanup_errors=True
                ) as directory:
                    result = _run(part, Tree(Path(directory)), given)
                sys.stdout.write(f"{result.sources}: {result.summary()}\n")
                for one in result.survivors:
                    reason = known.get(one.key, "no reason is written in reasons.json")
                    place = f"{one.file}:{one.line} {one.operator}"
                    sys.stdout.write(f"  {place}\n{one.difference}\n    {reason}\n")
                is_explained = is_explained and all(one.key in known for one in result.survivors)
                if given.document:
                    PAGE.write_text(written(PAGE.read_text() if PAGE.exists() else "", result, known))
    except (BaselineFailure, EnvironmentFailure) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; --resume goes on, and judges no killed mutant again\n")
        return 130
    return 0 if is_explained else 1


def draw(part: Part, *, count: int, seed: int, root: Path = ROOT) -> tuple[int, list[Drawn]]:
    """How many mutants a part has, and those that a seed draws, in the clone or a copy of it."""
    command = [str(MUTATION.python), str(_HERE / "drawing.py"), str(root), str(count), str(seed)]
    done = subprocess.run([*command, *part.files(root)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return found["possible"], [Drawn(**one) for one in found["drawn"]]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.mutation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [part.name for part in PARTS]
    parser.add_argument("--count", type=int, default=20, help="mutants of each part (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="repeats the draw (default: %(default)s)")
    parser.add_argument(
        "--minutes",
        type=float,
        default=60,
        help="begin no mutant of a part after these (default: %(default)s)",
    )
    parser.add_argument("--part", nargs="+", choices=names, default=names, help="only these (default: all)")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="judge no mutant that an earlier run killed, if its file is the same, and none with a reason",
    )
    parser.add_argument("--document", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    return parser.parse_args()


def _run(part: Part, tree: Tree, given: argparse.Namespace) -> Result:
    possible, drawn = draw(part, count=given.count, seed=given.seed, root=tree.directory)
    record = Record(STATE / "mutation" / f"{part.name}.json", resume=given.resume)
    known = reasons() if given.resume else {}
    fates: list[Fate] = []
    survivors: list[Survivor] = []
    has_begun = False
    end = time.monotonic() + 60 * given.minutes
    for number, mutant in enumerate(drawn, 1):
        start = time.monotonic()
        if start > end:
            sys.stderr.write(f"{part.name}: the {given.minutes:g} minutes are over\n")
            break
        perhaps = survivor(mutant, (tree.directory / mutant.file).read_text())
        fate = record.fate(mutant) or (Fate.SURVIVED if perhaps.key in known else None)
        if fate is None:
            if not has_begun:
                tree.begin(part)
                has_begun = True
            fate = tree.judge(part, mutant)
            record.keep(mutant, fate)
        fates.append(fate)
        survivors += [perhaps] if fate is Fate.SURVIVED else []
        place = f"{mutant.file}:{mutant.line} {mutant.operator}"
        seconds = time.monotonic() - start
        sys.stderr.write(f"{part.name} {number}/{len(drawn)} {place}: {fate}, {seconds:.0f} s\n")
    return Result(
        sources=part.sources,
        command=f"--part {part.name} --seed {given.seed} --count {len(fates)}",
        possible=possible,
        fates=fates,
        survivors=survivors,
        skipped=sorted(tree.skipped),
    )


if __name__ == "__main__":
    sys.exit(main())
