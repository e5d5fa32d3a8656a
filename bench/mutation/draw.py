"""`draw.py ROOT NUMBER SEED FILE …`: mutants of files below ROOT, drawn at random, as JSON.

A place is drawn first and one of its changes then, so that a comparison, which can be changed in eight ways,
weighs no more than a removed call. Runs in the environment of requirements.txt beside this file.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.mutation.operators import Mutant, mutants, mutated


def main(root: Path, number: int, seed: int, names: list[str]) -> None:
    """Print how many mutants there are and those that were drawn."""
    sources = {name: (root / name).read_text() for name in names}
    places: dict[tuple[str, object], list[Mutant]] = {}
    for name, source in sources.items():
        for mutant in mutants(source):
            places.setdefault((name, mutant.place), []).append(mutant)
    chance = random.Random(seed)  # noqa: S311 - a sample, no secret
    order = sorted(places, key=str)
    chance.shuffle(order)
    drawn: list[dict[str, object]] = []
    for place in order:
        if len(drawn) == number:
            break
        name, mutant = place[0], chance.choice(places[place])
        if text := mutated(sources[name], mutant):
            drawn.append(
                {
                    "file": name,
                    "line": mutant.place[0][0],
                    "operator": mutant.operator,
                    "text": text,
                }
            )
    json.dump({"mutants": sum(map(len, places.values())), "drawn": drawn}, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
