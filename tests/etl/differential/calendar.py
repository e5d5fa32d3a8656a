"""Days and microseconds of a date's own text, for years that Python's datetime does not have."""

from __future__ import annotations

import re

_DATE = re.compile(r"(-?\d{4,})-(\d\d)-(\d\d)")
_CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?")


def days(text: str) -> int:
    """Days since 1970 of `2026-11-22`, `0044-03-15 BC` or `-0043-03-15`, in the proleptic calendar."""
    found = _DATE.match(text)
    if not found:
        raise ValueError("no date")
    year, month, day = (int(part) for part in found.groups())
    year = 1 - year if text.endswith("BC") else year
    shifted = year - (month <= 2)
    era, of_era = divmod(shifted, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def clock(text: str) -> int:
    """Microseconds since midnight of `03:04:05.5`."""
    found = _CLOCK.match(text)
    if not found:
        raise ValueError("no time")
    hours, minutes, seconds, fraction = found.groups()
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 10**6 + int(
        (fraction or "").ljust(6, "0")
    )


def instant(text: str) -> int:
    """Microseconds since 1970 of a time in UTC, whatever names the zone behind it."""
    date, _, time = text.replace("T", " ").partition(" ")
    return days(date + (" BC" if text.endswith("BC") else "")) * 86400 * 10**6 + clock(time)
