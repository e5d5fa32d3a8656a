"""Alarms."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from constructs import Construct

from hybrid.estate.model import Estate
from hybrid_constructs import AirflowAlarms
from stacks.estate_stack import EstateStack


class ObservabilityStack(EstateStack):
    """Alarms on managed Airflow, and the topic that they speak to.

    Args:
        scope: parent.
        estate: the estate.
        key: the estate's key.
    """

    def __init__(self, scope: Construct, *, estate: Estate, key: kms.IKey) -> None:
        super().__init__(scope, estate=estate, part="observability", description="alarms")
        alarms = AirflowAlarms(
            self,
            "Alarms",
            environment_name=self.names.airflow_environment,
            key=key,
            email=estate.environment.alarm_email,
        )
        self.output("AlarmTopicArn", alarms.topic.topic_arn, "Where the alarms go; subscribe here")
