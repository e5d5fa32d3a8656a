"""Under which licences the installed packages are, and which of them this repository takes.

Source of the fields: Python Packaging User Guide, "Core metadata specifications": License-Expression,
License and Classifier. Why these: docs/decisions/licences.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

#: SPDX identifiers that are taken.
ALLOWED = frozenset(
    {
        *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0"),
        *("LGPL-2.0-or-later", "LGPL-3.0-only", "MPL-2.0"),
    }
)

#: What packages without an expression write → SPDX identifier.
_SPELLED = {
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "bsd license": "BSD-3-Clause",
    # Where a package names no version of the LGPL, its text lets one choose any.
    "gnu library or lesser general public license (lgpl)": "LGPL-2.0-or-later",
    "isc license (iscl)": "ISC",
    "mit": "MIT",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}
#: Classifiers that name no licence.
_NO_LICENCE = {"osi approved", "dfsg approved"}


def refused(site_packages: Path) -> Iterator[tuple[str, str]]:
    """Packages of a directory whose licence is not taken, or not said, with what they say."""
    for found in sorted(distributions(path=[str(site_packages)]), key=lambda one: one.metadata["Name"]):
        said = licence(found)
        if not _is_allowed(said):
            yield found.metadata["Name"], said


def licence(distribution: Distribution) -> str:
    """What a package says of its licence, as an SPDX expression where that can be made, else empty."""
    metadata: Any = distribution.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classifiers = [one for one in metadata.get_all("Classifier") or [] if one.startswith("License")]
    named = [one.rpartition(" :: ")[2] for one in classifiers]
    text = str(metadata.get("License") or "").split("\n")[0]
    words = [one for one in named if one.lower() not in _NO_LICENCE] or [text]
    return " OR ".join(_SPELLED.get(word.strip().lower(), word.strip()) for word in words)


def _is_allowed(expression: str) -> bool:
    """Whether one of the alternatives of an expression is taken, with all of its parts."""
    alternatives = re.split(r"\s+OR\s+", expression.strip("()"))
    return any(set(re.split(r"\s+AND\s+", one.strip("()"))) <= ALLOWED for one in alternatives)
