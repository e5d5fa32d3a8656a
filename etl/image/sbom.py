"""`sbom.py PYTHON_BOM BASE_PACKAGES SITE_PACKAGES BASE BASE_DIGEST`: what the image is made of, to stdout.

CycloneDX 1.6 JSON. To what cyclonedx-py found in the environment it adds the interpreter, the base and its
Debian packages (`dpkg-query`'s name, version, architecture), and the libraries compiled here.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from pathlib import Path
from urllib.parse import quote


def main(python_bom: Path, base_packages: Path, site_packages: Path, base: str, base_digest: str) -> None:
    """Print the bill; the order of its components is that of their names, so that two builds are alike."""
    bill = json.loads(python_bom.read_text())
    found = [*bill.get("components", []), _interpreter(), _base(base, base_digest)]
    found += [_debian(line) for line in base_packages.read_text().splitlines()]
    found += [_compiled(path, site_packages) for path in (site_packages / "hybrid_etl").rglob("*.so")]
    bill["components"] = sorted(found, key=lambda component: (component["type"], component["name"]))
    sys.stdout.write(json.dumps(bill, indent=1, ensure_ascii=False) + "\n")


def _interpreter() -> dict[str, object]:
    return {"type": "platform", "name": "cpython", "version": platform.python_version()}


def _base(name: str, digest: str) -> dict[str, object]:
    name, _, named_digest = name.partition("@")
    version = digest or named_digest
    return {"type": "container", "name": name, **({"version": version} if version else {})}


def _debian(line: str) -> dict[str, object]:
    name, version, architecture = line.split("\t")
    purl = f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}?arch={architecture}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _compiled(path: Path, site_packages: Path) -> dict[str, object]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    name = str(path.relative_to(site_packages))
    return {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), *sys.argv[4:])
