"""What a deployment does to what is deployed: in place, by replacing what holds no data, or not at all."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from hybrid.review.assembly import OPEN_ACCOUNT, Stack, deployment_order
from hybrid.review.differences import Differences, Place, fixed_name, resources
from hybrid.review.references import held_up

#: Types whose resources hold data, run work, or are in use by a service that lets nothing go: replacing one
#: loses something or fails. Value: why.
_HOLD = {
    "AWS::EC2::Subnet": "network interfaces of MWAA and of tasks are in it",
    "AWS::EC2::VPC": "everything of the network is in it",
    "AWS::ECR::Repository": "it holds the images",
    "AWS::KMS::Key": "what is encrypted with it could not be read any more",
    "AWS::Logs::LogGroup": "it holds logs",
    "AWS::MWAA::Environment": "it holds Airflow's database: the history of all runs",
    "AWS::S3::Bucket": "it holds data",
    "AWS::SecretsManager::Secret": "it holds credentials",
}

#: Types that may go without a loss of data when a stack has them no more; a secret and logs are retained.
_MAY_GO = {"AWS::EC2::Subnet"}


class Outcome(StrEnum):
    """What a deployment comes to."""

    NOTHING = "nothing"
    IN_PLACE = "in place"
    REPLACES = "replaces what holds no data"
    REFUSED = "refused"


@dataclass(frozen=True)
class Verdict:
    """What a deployment comes to, and why.

    Attributes:
        outcome: what it comes to.
        reasons: of a refusal, each with the way round.
        replaced: stack, logical id and type of what is replaced or goes.
        left: stacks that no deployment touches any more.
        order: the stacks that change, in the order of their deployment.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    replaced: tuple[tuple[str, str, str], ...]
    left: tuple[str, ...]
    order: tuple[str, ...]


def judge(before: Sequence[Stack], after: Sequence[Stack]) -> Verdict:
    """What the deployment of some stacks does to those that are deployed.

    Args:
        before: what is deployed.
        after: what is to be deployed; a stack that is not in it stays as it is.
    """
    differences = Differences(before, after)
    if elsewhere := tuple(_elsewhere(before, after)):
        return Verdict(Outcome.REFUSED, elsewhere, (), tuple(sorted(differences.left)), ())
    reasons = (
        *(f"{one.stack}: {one.reason}" for one in held_up(before, after)),
        *_lost(differences),
        *_overlaps(differences),
        *_names(differences),
    )
    touched = {*differences.replaced, *differences.gone}
    changed = {stack for stack, _ in differences.changed if stack not in differences.left}
    outcome = Outcome.REFUSED if reasons else Outcome.REPLACES if touched else Outcome.IN_PLACE
    if not reasons and not changed:
        outcome = Outcome.NOTHING
    return Verdict(
        outcome=outcome,
        reasons=tuple(dict.fromkeys(reasons)),
        replaced=tuple(sorted((*place, str(differences.old[place]["Type"])) for place in touched)),
        left=tuple(sorted(differences.left)),
        order=tuple(stack.name for stack in deployment_order(after) if stack.name in changed),
    )


def _elsewhere(before: Sequence[Stack], after: Sequence[Stack]) -> Iterator[str]:
    """Another Region, or another account, under the same names: nothing of it would be an edit."""
    if not before or not after:
        return
    old, new = before[0], after[0]
    # An assembly that names no account fits any.
    is_open = OPEN_ACCOUNT in (old.account, new.account) or not old.account
    if old.region == new.region and (is_open or old.account == new.account):
        return
    yield (
        f"the estate is deployed to {_place(old)}, and this one is of {_place(new)}: nothing moves there. "
        "Take the edit back, or make another estate under another name beside this one, and move"
    )


def _place(stack: Stack) -> str:
    return stack.region if stack.account == OPEN_ACCOUNT else f"{stack.region} of account {stack.account}"


def _lost(differences: Differences) -> Iterator[str]:
    for place in sorted(differences.replaced):
        kind = str(differences.old[place]["Type"])
        why = ", ".join(differences.replaced[place])
        if kind in _HOLD:
            yield (
                f"{_named(place)} would be replaced because of {why} ({kind}): {_HOLD[kind]}. Take the edit "
                "back, or make another estate beside this one and move"
            )
        elif name := fixed_name(differences.old[place]):
            yield (
                f"{_named(place)} would be replaced because of {why}, and CloudFormation does not replace "
                f"{kind} `{name[1]}`, which has a name of its own. Give it another name, deploy, and remove "
                "the old one"
            )
    for place in sorted(differences.gone):
        resource = differences.old[place]
        kind = str(resource["Type"])
        kept = str(resource.get("DeletionPolicy", "Delete")).startswith("Retain")
        if kind in _HOLD and kind not in _MAY_GO and not kept:
            yield f"{_named(place)} would be deleted ({kind}): {_HOLD[kind]}. Take the edit back"


def _overlaps(differences: Differences) -> Iterator[str]:
    """New subnets in a range that an old one still has: CloudFormation creates before it deletes."""
    old = {place: one for place, one in differences.old.items() if one["Type"] == "AWS::EC2::Subnet"}
    new = {
        place: one
        for place, one in differences.new.items()
        if one["Type"] == "AWS::EC2::Subnet" and (place not in old or place in differences.replaced)
    }
    for (place, created), (other, existing) in product(new.items(), old.items()):
        ranges = [one["Properties"].get("CidrBlock") for one in (created, existing)]
        if not all(isinstance(one, str) for one in ranges) or place[0] != other[0]:
            continue
        if ipaddress.ip_network(ranges[0]).overlaps(ipaddress.ip_network(ranges[1])):
            yield (
                f"{_named(place)} would get {ranges[0]}, over {ranges[1]} of {other[1]}, which is still "
                "there when it is created. Take the edit back"
            )


def _names(differences: Differences) -> Iterator[str]:
    """Names that are contract, created while somebody has them: in another stack, or retained."""
    deployed = {
        stack.name: {fixed_name(one): place for place, one in resources([stack]).items() if fixed_name(one)}
        for stack in differences.before
    }
    for stack in deployment_order(differences.after):
        mine = {fixed_name(one): place for place, one in resources([stack]).items() if fixed_name(one)}
        taken = deployed.get(stack.name, {})
        for name, place in sorted(mine.items(), key=str):
            holder = next(
                (other for other in deployed if other != stack.name and name in deployed[other]), None
            )
            renamed = name in taken and taken[name] != place
            if name is None or not (holder or renamed):
                continue
            if holder in differences.left:
                yield (
                    f"{_named(place)} is to be `{name[1]}`, a name that {holder} still has, which is in the "
                    "estate no more. Deploy without what has this name first, take that stack away "
                    f"(bin/hybrid sites retire {holder.partition('-site-')[2]}), and deploy this then"
                )
                continue
            yield (
                f"{_named(place)} is to be `{name[1]}`, a name that {holder or stack.name} still has. Take "
                "it away there and deploy, then add it here and deploy again: `bin/hybrid deploy` carries "
                "over the content of a secret that was kept, and takes over a log group"
            )
        # What it keeps when it lets go of it keeps its name.
        kept = {
            name: place
            for name, place in taken.items()
            if name not in mine
            and str(differences.old[place].get("DeletionPolicy", "Delete")).startswith("Retain")
        }
        deployed[stack.name] = {**kept, **mine}


def _named(place: Place) -> str:
    return f"{place[0]}: {place[1]}"
