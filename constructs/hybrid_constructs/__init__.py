"""Constructs of a hybrid Airflow: one idea a file, its role and its grants inside."""

from hybrid_constructs.airflow_alarms import AirflowAlarms
from hybrid_constructs.airflow_bundle import AirflowBundle
from hybrid_constructs.airflow_environment import DAG_PREFIX, AirflowEnvironment, Logging, Scale
from hybrid_constructs.anywhere_site import AnywhereSite
from hybrid_constructs.cloud_site import CloudSite
from hybrid_constructs.estate_key import EstateKey
from hybrid_constructs.etl_source import Buckets, EtlSource
from hybrid_constructs.existing_network import ExistingNetwork
from hybrid_constructs.image_repository import ImageRepository
from hybrid_constructs.network import EndpointEgress, NatEgress, Network
from hybrid_constructs.object_deployment import ObjectDeployment
from hybrid_constructs.private_bucket import AccessLogBucket, PrivateBucket
from hybrid_constructs.run_permissions import RunTarget
from hybrid_constructs.site import SiteServices

__all__ = [
    "DAG_PREFIX",
    "AccessLogBucket",
    "AirflowAlarms",
    "AirflowBundle",
    "AirflowEnvironment",
    "AnywhereSite",
    "Buckets",
    "CloudSite",
    "EndpointEgress",
    "EstateKey",
    "EtlSource",
    "ExistingNetwork",
    "ImageRepository",
    "Logging",
    "NatEgress",
    "Network",
    "ObjectDeployment",
    "PrivateBucket",
    "RunTarget",
    "Scale",
    "SiteServices",
]
