"""Errors that AWS answers with, by their real codes."""

from __future__ import annotations


class ServiceError(Exception):
    """An error answer in the AWS JSON protocol.

    Args:
        code: exception name in the service model, such as `ClusterNotFoundException`.
        message: what the caller reads.
        status: HTTP status; 400 for the caller's faults.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def invalid_parameter(message: str) -> ServiceError:
    """ECS: the specified parameter is not valid."""
    return ServiceError("InvalidParameterException", message)


def client_error(message: str) -> ServiceError:
    """ECS: an identifier that is not valid, or an action that the caller may not take."""
    return ServiceError("ClientException", message)


def cluster_not_found() -> ServiceError:
    """ECS: the cluster does not exist in this account and Region."""
    return ServiceError("ClusterNotFoundException", "Cluster not found.")


def validation(message: str) -> ServiceError:
    """SSM: a request that breaks a constraint of the API."""
    return ServiceError("ValidationException", message)
