"""The options of an activation: how many hosts, for how long, with which tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from hybrid.fleet import errors

#: Source: AWS Systems Manager API Reference, CreateActivation: RegistrationLimit 1 to 1,000,
#: ExpirationDate at
#: most 30 days ahead, Tags; "Tag": key 128 characters, value 256, not beginning with `aws:`.
MOST_HOSTS = 1000
LONGEST = timedelta(days=30)
SHORTEST = timedelta(minutes=1)
_TAG_CHARACTERS = re.compile(r"[^\W]|[ _.:/=+\-@]")
_MOST_TAGS, _KEY, _VALUE = 50, 128, 256

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)


@dataclass(frozen=True)
class ActivationOptions:
    """What an activation allows.

    Attributes:
        count: hosts that may register, exactly.
        lifetime: until it expires.
        tags: of the nodes that register; those of estate and site are added.

    Raises:
        errors.OptionsRefused: AWS would not take one of them.
    """

    count: int = 1
    lifetime: timedelta = timedelta(hours=4)
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_HOSTS:
            raise errors.OptionsRefused(
                f"--count {self.count}: one activation takes 1 to {MOST_HOSTS:,} hosts; for more, run the "
                "command again when this activation is used up"
            )
        if not SHORTEST <= self.lifetime <= LONGEST:
            raise errors.OptionsRefused(
                f"--ttl {as_text(self.lifetime)}: an activation lives one minute to 30 days; for a longer "
                "roll-out, `bin/hybrid sites rotate` makes another"
            )
        _check_tags(self.tags)


def duration(text: str) -> timedelta:
    """A time such as `4h`, `90m`, `1d12h` or `30s`.

    Raises:
        errors.OptionsRefused: it is not one.
    """
    found = _DURATION.fullmatch(text.strip())
    if not text.strip() or found is None:
        raise errors.OptionsRefused(f"`{text}` is not a time; write for example 30m, 4h, 2d or 1d12h")
    try:
        return timedelta(
            **{unit: int(n or 0) for unit, n in zip(_UNITS.values(), found.groups(), strict=True)}
        )
    except OverflowError:
        raise errors.OptionsRefused(f"`{text}` is too long a time; the most is 30d") from None


def as_text(length: timedelta) -> str:
    """A time as people write it, to its two largest units: `1d12h`, `3h59m`, `12s`."""
    left, parts = max(int(length.total_seconds()), 0), []
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        number, left = divmod(left, seconds)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts[:2]) or "0s"


def pairs(given: list[str], *, option: str) -> dict[str, str]:
    """`key=value` texts as a mapping.

    Raises:
        errors.OptionsRefused: one has no `=`, no key, or is given twice.
    """
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise errors.OptionsRefused(f"{option} {text}: write key=value")
        if key in found:
            raise errors.OptionsRefused(f"{option} {key} is given twice; keep one")
        found[key] = value
    return found


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > _MOST_TAGS - 2:
        raise errors.OptionsRefused(
            f"{len(tags)} tags; a node takes {_MOST_TAGS}, and two are the estate's and site's"
        )
    for key, value in tags.items():
        if key.lower().startswith(("aws:", "hybrid:")):
            raise errors.OptionsRefused(
                f"--tag {key}: keys beginning with aws: or hybrid: are reserved; use another"
            )
        for what, text, most in (("key", key, _KEY), ("value", value, _VALUE)):
            wrong = sorted({c for c in text if not _TAG_CHARACTERS.fullmatch(c)})
            if wrong or len(text) > most:
                why = f"has {' '.join(map(repr, wrong))}" if wrong else f"is longer than {most} characters"
                raise errors.OptionsRefused(
                    f"--tag {key}: the {what} {why}; letters, digits and _.:/=+-@ are taken"
                )
