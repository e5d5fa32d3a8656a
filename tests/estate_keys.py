"""An estate in which every key of the estate file can be tried, and the same with a key's example."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from hybrid.estate.reference import Key

EXISTING = {
    "vpc": "vpc-00000000000000000",
    "private_subnets": ["subnet-00000000000000000", "subnet-00000000000000001"],
    "route_tables": ["rtb-00000000000000000", "rtb-00000000000000001"],
}

BASE: dict[str, Any] = {
    "environment": {"name": "acme", "region": "eu-west-1", "alarm_email": "one@example.com"},
    "network": {"availability_zones": ["eu-west-1a", "eu-west-1b"]},
    "sites": {"headquarters": {"kind": "cloud"}, "on-premises": {"kind": "anywhere"}},
    "sources": {
        "crm": {"site": "headquarters", "engine": "postgresql"},
        "erp": {"site": "on-premises", "engine": "postgresql"},
    },
    "pipelines": {
        "customers": {"source": "crm", "query": "select * from customers"},
        "orders": {"source": "erp", "query": "select * from orders"},
    },
    "dags": {"pair": {"pipelines": ["customers"]}},
}

#: The entry that stands for a name of the page's paths.
_ENTRIES = {"SOURCE": "erp", "PIPELINE": "orders", "COLUMN": "email", "DAG": "pair"}

_CALENDARS = {"calendars": {"portugal": ["2026-12-25"]}}

#: What must be there before a key of a part makes sense, by the beginning of the key's path.
_BEFORE: dict[str, dict[str, Any]] = {
    "pipelines.PIPELINE.calendar": _CALENDARS,
    "dags.DAG.calendar": _CALENDARS,
    "network.existing.": {"network": {"existing": EXISTING, "egress": "endpoints", "cidr": "10.20.0.0/16"}},
    "pipelines.PIPELINE.masks.": {"pipelines": {"orders": {"masks": {"email": {"kind": "drop"}}}}},
    "pipelines.PIPELINE.partitions.": {
        "pipelines": {"orders": {"partitions": {"column": "id", "lower": 0, "upper": 900, "count": 2}}}
    },
    "pipelines.PIPELINE.expect.freshness.": {
        "pipelines": {"orders": {"expect": {"freshness": {"column": "day", "within": "2d"}}}}
    },
    "pipelines.PIPELINE.parameters": {
        "pipelines": {
            "orders": {
                "query": "select id from orders where country in (:countries)",
                "parameters": {"countries": ["DE"]},
            }
        }
    },
}

#: What changes together with a key, elsewhere in the file.
_TOGETHER: dict[str, dict[str, Any]] = {
    "environment.region": {"network": {"availability_zones": ["eu-west-2a", "eu-west-2b"]}},
}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping with changes, key by key and downwards."""
    result = copy.deepcopy(dict(base))
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def before(key: Key) -> dict[str, Any]:
    """The estate in which the key is about to be changed."""
    made = BASE
    for beginning, changes in _BEFORE.items():
        if key.path.startswith(beginning):
            made = merged(made, changes)
    return made


def with_example(key: Key) -> dict[str, Any]:
    """The same estate with the key's example."""
    changes: dict[str, Any] = copy.deepcopy(key.example)
    for step in reversed(_steps(key)):
        changes = {step: changes}
    return merged(_replacing(before(key), key), merged(changes, _TOGETHER.get(key.path, {})))


def _replacing(estate: dict[str, Any], key: Key) -> dict[str, Any]:
    """The estate without the key's value, so that an example which is a mapping takes its whole place."""
    made = copy.deepcopy(estate)
    place = made
    for step in _steps(key):
        place = place.setdefault(step, {})
    if key.section.path:
        place.pop(key.name, None)
    return made


def _steps(key: Key) -> list[str]:
    site = "headquarters" if key.section.definition == "CloudSite" else "on-premises"
    entries = {**_ENTRIES, "SITE": site}
    return [entries.get(step, step) for step in key.section.path.split(".") if step]
