"""ARNs that are made from names, so that no stack exports what another one can spell.

Resource types as the Service Authorization Reference has them for Amazon ECS, IAM, CloudWatch Logs,
Secrets Manager and Amazon MWAA.
"""

from __future__ import annotations

from aws_cdk import ArnFormat, Stack


def cluster(stack: Stack, name: str) -> str:
    """An ECS cluster."""
    return stack.format_arn(service="ecs", resource="cluster", resource_name=name)


def family(stack: Stack, name: str) -> str:
    """Every revision of a task definition family."""
    return stack.format_arn(service="ecs", resource="task-definition", resource_name=f"{name}:*")


def tasks(stack: Stack, cluster_name: str) -> str:
    """Every task of a cluster."""
    return stack.format_arn(service="ecs", resource="task", resource_name=f"{cluster_name}/*")


def container_instances(stack: Stack, cluster_name: str) -> str:
    """Every container instance of a cluster."""
    return stack.format_arn(service="ecs", resource="container-instance", resource_name=f"{cluster_name}/*")


def role(stack: Stack, *, path: str, name: str) -> str:
    """A role; the path begins and ends with a slash."""
    return stack.format_arn(
        service="iam", region="", resource="role", resource_name=f"{path.removeprefix('/')}{name}"
    )


def log_streams(stack: Stack, log_group: str, streams: str = "*") -> str:
    """Log streams of a log group."""
    return stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"{log_group}:log-stream:{streams}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def log_group(stack: Stack, name: str) -> str:
    """A log group with everything in it."""
    return stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"{name}:*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def secret(stack: Stack, name: str) -> str:
    """A secret by its name: Secrets Manager ends the ARN with a hyphen and six random characters."""
    return stack.format_arn(
        service="secretsmanager",
        resource="secret",
        resource_name=f"{name}-??????",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def airflow_environment(stack: Stack, name: str) -> str:
    """An MWAA environment."""
    return stack.format_arn(service="airflow", resource="environment", resource_name=name)


def service_endpoint(stack: Stack, service: str) -> str:
    """DNS name of a regional endpoint, as `kms:ViaService` spells it."""
    return f"{service}.{stack.region}.{stack.url_suffix}"
