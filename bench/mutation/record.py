"""Which mutants of a part were killed, kept from run to run, so that an interrupted one can go on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from bench.mutation.trial import Drawn, Fate
from workspace.files import write_whole


class Record:
    """A file that knows a mutant by its whole text: a change of the source makes it another one."""

    def __init__(self, file: Path, *, resume: bool) -> None:
        self._file = file
        self._killed: dict[str, str] = json.loads(file.read_text()) if resume and file.exists() else {}

    def fate(self, mutant: Drawn) -> Fate | None:
        """How it was killed; None where it was not, or never judged."""
        found = self._killed.get(_digest(mutant))
        return Fate(found) if found else None

    def keep(self, mutant: Drawn, fate: Fate) -> None:
        """Write down that it was killed; a survivor is judged again next time."""
        if fate is not Fate.SURVIVED:
            self._killed[_digest(mutant)] = fate
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._file, json.dumps(self._killed), mode=0o644)


def _digest(mutant: Drawn) -> str:
    return hashlib.sha256(f"{mutant.file}\0{mutant.text}".encode()).hexdigest()
