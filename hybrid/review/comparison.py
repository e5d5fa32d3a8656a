"""What a change of policies adds and takes: each permission that only one side has."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hybrid.review.permissions import EXCEPT, Conditions, GrantedPermission


@dataclass(frozen=True)
class PermissionChange:
    """A permission on one action and one resource that only one side has.

    Attributes:
        kind: `added` or `taken`.
        permission: with one action and one resource.
    """

    kind: Literal["added", "taken"]
    permission: GrantedPermission

    @property
    def widens(self) -> bool:
        """Whether somebody may do more than before: a new Allow, or a Deny that is gone."""
        return (self.kind == "added") == (self.permission.effect == "Allow")


def compare(old: Sequence[GrantedPermission], new: Sequence[GrantedPermission]) -> list[PermissionChange]:
    """Every permission of one side that no permission of the other covers, action by action.

    A permission covers another of the same principal and effect when its action and resource match
    everything that the other's match, and each of its conditions is one of the other's, at least as wide.
    Where two statements cover a third only together, the third counts as a change: nothing is missed.
    """
    olds, news = list(_each(old)), list(_each(new))
    added = [PermissionChange("added", one) for one in _uncovered(news, olds)]
    taken = [PermissionChange("taken", one) for one in _uncovered(olds, news)]
    return sorted(added + taken, key=_order)


def _order(change: PermissionChange) -> tuple[str, str, str, str]:
    one = change.permission
    return one.policy, one.actions[0].lower(), one.resources[0], change.kind


def _each(permissions: Iterable[GrantedPermission]) -> Iterator[GrantedPermission]:
    for one in permissions:
        for action in one.actions:
            for resource in one.resources:
                yield replace(one, actions=(action,), resources=(resource,))


def _uncovered(
    ones: Sequence[GrantedPermission], others: Sequence[GrantedPermission]
) -> list[GrantedPermission]:
    by_place: dict[tuple[str, str, str], list[GrantedPermission]] = {}
    for other in others:
        by_place.setdefault(_place(other), []).append(other)
    return [one for one in ones if not any(_covers(other, one) for other in by_place.get(_place(one), []))]


def _place(one: GrantedPermission) -> tuple[str, str, str]:
    return one.policy, one.who, one.effect


def _covers(wide: GrantedPermission, narrow: GrantedPermission) -> bool:
    return (
        _reaches(wide.actions[0].lower(), narrow.actions[0].lower())
        and _reaches(wide.resources[0], narrow.resources[0])
        and _at_least_as_wide(wide.conditions, narrow.conditions)
    )


def _at_least_as_wide(wide: Conditions, narrow: Conditions) -> bool:
    return all(
        key in narrow.get(operator, {}) and _admits(operator, values, narrow[operator][key])
        for operator, keys in wide.items()
        for key, values in keys.items()
    )


def _admits(operator: str, wide: Sequence[str], narrow: Sequence[str]) -> bool:
    """Whether a condition's values let in all that another's do; of what is negated, fewer let in more."""
    return set(wide) <= set(narrow) if "Not" in operator else set(narrow) <= set(wide)


def _reaches(wide: str, narrow: str) -> bool:
    """Whether one pattern reaches all that another does; `not A, B` reaches everything else.

    A pattern with exceptions is reached by another one that spares no more than it, and by `*`. That it
    reaches a plain pattern is never said, which shows a change too many and none too few.
    """
    if wide.startswith(EXCEPT):
        spared = narrow.removeprefix(EXCEPT).split(", ")
        return narrow.startswith(EXCEPT) and all(
            any(_matches(pattern, one) for pattern in spared) for one in wide.removeprefix(EXCEPT).split(", ")
        )
    return wide == "*" if narrow.startswith(EXCEPT) else _matches(wide, narrow)


def _matches(pattern: str, text: str) -> bool:
    """Whether everything that `text` matches is matched by `pattern`: wildcards in it count as characters."""
    return _compiled(pattern).fullmatch(text) is not None


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    # A question mark stands for one character, so it covers a question mark and never a star.
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", r"[^*]"), re.DOTALL)
