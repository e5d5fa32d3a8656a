"""Who signs in to Airflow, and with which of its roles."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct


class AirflowPeople(iam.CfnManagedPolicy):
    """The right to sign in to one environment with one role of Airflow, given to IAM roles.

    Args:
        scope: parent.
        construct_id: id in the parent.
        environment: name of the MWAA environment.
        airflow_role: `Admin`, `Op`, `User`, `Viewer` or `Public`.
        roles: names of IAM roles of the account.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: str,
        airflow_role: str,
        roles: Sequence[str],
    ) -> None:
        # MWAA User Guide, "Accessing an Amazon MWAA environment": the resource is role/ENVIRONMENT/ROLE.
        resource = Stack.of(scope).format_arn(
            service="airflow", resource="role", resource_name=f"{environment}/{airflow_role}"
        )
        statement = {
            "Sid": "SignIn",
            "Effect": "Allow",
            "Action": "airflow:CreateWebLoginToken",
            "Resource": resource,
        }
        super().__init__(
            scope,
            construct_id,
            description=f"Sign in to Airflow of {environment} as {airflow_role}",
            policy_document={"Version": "2012-10-17", "Statement": [statement]},
            roles=sorted(roles),
        )
