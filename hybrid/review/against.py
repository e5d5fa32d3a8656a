"""Policies from outside of the estate's templates: files that the AWS CLI or this command wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from hybrid.review.permissions import (
    GrantedPermission,
    permissions_from_json,
    permissions_of_document,
    permissions_of_role,
)
from hybrid.review.policies import EstatePolicies, Role


class PolicyFileError(Exception):
    """A file is no policy; the message says what was expected."""


@dataclass(frozen=True)
class Others:
    """What a file says of some policies.

    Attributes:
        permissions: what is in the file.
        policies: which policies it speaks of, as in `GrantedPermission.policy`; None: all of the estate.
    """

    permissions: list[GrantedPermission]
    policies: frozenset[str] | None


def read_policy_file(path: Path, *, estate: EstatePolicies, role: str | None) -> Others:
    """What a file says of one role, or of several.

    Understood are a policy document; what `aws iam get-role-policy` and
    `aws iam get-account-authorization-details` print; and what `hybrid review roles --json` printed.

    Args:
        path: the file.
        estate: the estate whose roles the file is about.
        role: name of the role, needed where the file does not say.

    Raises:
        PolicyFileError: the file cannot be read, or is none of these; or the role is missing.
    """
    try:
        data = json.loads(path.read_text())
        if "permissions" in data:
            return Others(permissions_from_json(data), None)
        if "RoleDetailList" in data:
            return _of_details(data["RoleDetailList"], estate)
        document = _decoded(data["PolicyDocument"]) if "PolicyDocument" in data else data
        if "Statement" not in document:
            raise PolicyFileError(f"{path} has no Statement: a policy document is expected")
        name = role or data.get("RoleName")
        if name is None:
            raise PolicyFileError(f"{path} does not say whose policy it is: add --role NAME")
        return Others(permissions_of_document(document, _role(estate, name)), frozenset({f"role {name}"}))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise PolicyFileError(f"{path} is no JSON of a policy: {error}") from error
    except KeyError as error:
        raise PolicyFileError(f"{path}: {error.args[0]}") from error


def _of_details(details: list[Mapping[str, Any]], estate: EstatePolicies) -> Others:
    names = {role.name for role in estate.roles}
    found: list[GrantedPermission] = []
    policies: set[str] = set()
    for detail in details:
        if detail["RoleName"] not in names:
            continue
        role = Role(
            stack="",
            logical_id="",
            name=detail["RoleName"],
            arn=detail["Arn"],
            trust=_decoded(detail["AssumeRolePolicyDocument"]),
            policies={one["PolicyName"]: _decoded(one["PolicyDocument"]) for one in detail["RolePolicyList"]},
            managed=tuple(one["PolicyArn"] for one in detail.get("AttachedManagedPolicies", [])),
        )
        found += permissions_of_role(role)
        policies |= {f"role {role.name}", f"trust of {role.name}"}
    return Others(found, frozenset(policies))


def _decoded(document: Any) -> Mapping[str, Any]:
    """A policy document; the API of IAM gives it as text with percent signs."""
    decoded: Mapping[str, Any] = json.loads(unquote(document)) if isinstance(document, str) else document
    return decoded


def _role(estate: EstatePolicies, name: str) -> Role:
    return estate.role(name)
