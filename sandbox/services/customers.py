"""The customers of the demonstration: made up, the same on every machine.

Columns are those of the original demonstration: id, date, first_name, last_name, email, gender,
ip_address, country, consent. Addresses are of the ranges kept for documentation (RFC 5737), e-mail
domains of those kept for examples (RFC 2606).
"""

from __future__ import annotations

import csv
import datetime
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

COLUMNS = ("id", "date", "first_name", "last_name", "email", "gender", "ip_address", "country", "consent")

_FIRST = {
    "Female": ("Ana", "Beatriz", "Chiara", "Dóra", "Eilidh", "Freya", "Greta", "Hélène", "Inês", "Zoë"),
    "Male": (
        "Antonio",
        "Bruno",
        "Callum",
        "Dániel",
        "Emil",
        "François",
        "Giulio",
        "Henrik",
        "Iker",
        "Łukasz",
    ),
}
_LAST = (
    "Almeida",
    "Björk",
    "Castro",
    "D'Angelo",
    "Eriksen",
    "Ferreira",
    "García",
    "Hughes",
    "Ivanović",
    "Jansen",
)
_COUNTRY = ("DE", "ES", "FR", "HU", "IT", "NL", "NO", "PL", "PT", "SE")
_RANGES = ("192.0.2", "198.51.100", "203.0.113")
_FIRST_DAY = datetime.date(2024, 1, 1)


class Customer(NamedTuple):
    """A row of the table `customers`."""

    id: int
    date: datetime.date
    first_name: str
    last_name: str
    email: str
    gender: str
    ip_address: str
    country: str
    consent: bool


def customers(*, region: str, count: int = 1500) -> Iterator[Customer]:
    """The customers of a region: the same rows at every call with the same arguments."""
    # Not for secrets: the seed is what makes the rows the same everywhere.
    chance = random.Random(region)  # noqa: S311
    for number in range(1, count + 1):
        gender = chance.choice(("Female", "Male"))
        first, last = chance.choice(_FIRST[gender]), chance.choice(_LAST)
        yield Customer(
            id=number,
            date=_FIRST_DAY + datetime.timedelta(days=chance.randrange(1000)),
            first_name=first,
            last_name=last,
            email=f"customer{number}@{region}.example",
            gender=gender,
            ip_address=f"{chance.choice(_RANGES)}.{chance.randrange(1, 255)}",
            country=chance.choice(_COUNTRY),
            consent=chance.random() < 0.8,
        )


def write_csv(path: Path, *, region: str, count: int = 1500) -> Path:
    """Write a region's customers with a header line; booleans as 1 and 0, which both engines load."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for customer in customers(region=region, count=count):
            writer.writerow([*customer[:-1], int(customer.consent)])
    return path
