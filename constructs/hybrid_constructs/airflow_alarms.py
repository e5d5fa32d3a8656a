"""Alarms on a managed Airflow, and the topic that they speak to."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

#: Namespaces of what Airflow reports and of what the service measures (MWAA User Guide, "Apache Airflow
#: environment metrics in CloudWatch" and "Container, queue, and database metrics").
_AIRFLOW, _SERVICE = "AmazonMWAA", "AWS/MWAA"


@dataclass(frozen=True)
class _Watch:
    """One metric and when it is bad. Periods are five minutes."""

    construct_id: str
    description: str
    namespace: str
    metric: str
    dimensions: dict[str, str]
    statistic: str
    threshold: float
    periods: int
    below: bool = False
    silence_is_bad: bool = False


_WATCHES = (
    _Watch(
        construct_id="SchedulerHeartbeat",
        description="No scheduler has given a sign of life for 15 minutes: no task starts.",
        namespace=_AIRFLOW,
        metric="SchedulerHeartbeat",
        dimensions={"Function": "Scheduler"},
        statistic="Sum",
        threshold=1,
        periods=3,
        below=True,
        silence_is_bad=True,
    ),
    _Watch(
        construct_id="QueuedTasks",
        description="Tasks have waited in the queue for half an hour: more workers or fewer tasks at once.",
        namespace=_AIRFLOW,
        metric="QueuedTasks",
        dimensions={"Function": "Executor"},
        statistic="Minimum",
        threshold=10,
        periods=6,
    ),
    _Watch(
        construct_id="ImportErrors",
        description="A DAG file cannot be imported: its pipelines do not run.",
        namespace=_AIRFLOW,
        metric="ImportErrors",
        dimensions={"Function": "DAG Processing"},
        statistic="Maximum",
        threshold=0,
        periods=2,
    ),
    _Watch(
        construct_id="OrphanedTasksCleared",
        description="A scheduler cleared tasks that another one had left: a scheduler or worker was lost.",
        namespace=_AIRFLOW,
        metric="OrphanedTasksCleared",
        dimensions={"Function": "Scheduler"},
        statistic="Sum",
        threshold=0,
        periods=1,
    ),
    _Watch(
        construct_id="DeadlineMissed",
        description="A run has not ended by its deadline; the triggerer's log says which, and it goes on.",
        namespace=_AIRFLOW,
        metric="DeadlineMissed",
        dimensions={},
        statistic="Sum",
        threshold=0,
        periods=1,
    ),
    _Watch(
        construct_id="SchedulerCpu",
        description="Schedulers are at their limit: a larger class, or fewer DAGs in a file.",
        namespace=_SERVICE,
        metric="CPUUtilization",
        dimensions={"Cluster": "Scheduler"},
        statistic="Average",
        threshold=90,
        periods=6,
    ),
    _Watch(
        construct_id="WorkerCpu",
        description="Workers are at their limit: more workers, or a larger class.",
        namespace=_SERVICE,
        metric="CPUUtilization",
        dimensions={"Cluster": "BaseWorker"},
        statistic="Average",
        threshold=90,
        periods=6,
    ),
    _Watch(
        construct_id="WorkerMemory",
        description="Workers run out of memory: tasks will be killed.",
        namespace=_SERVICE,
        metric="MemoryUtilization",
        dimensions={"Cluster": "BaseWorker"},
        statistic="Average",
        threshold=90,
        periods=3,
    ),
    _Watch(
        construct_id="DatabaseCpu",
        description="The metadata database is at its limit: every component slows down.",
        namespace=_SERVICE,
        metric="CPUUtilization",
        dimensions={"DatabaseRole": "WRITER"},
        statistic="Average",
        threshold=90,
        periods=6,
    ),
)


class AirflowAlarms(Construct):
    """A topic under the estate's key, and an alarm for each thing that stops pipelines.

    Args:
        scope: parent.
        construct_id: id in the parent.
        environment_name: of the MWAA environment.
        key: the estate's key.
        email: who gets the alarms; None leaves the subscription to others.

    Attributes:
        topic: where the alarms go.
        alarms: one for each thing that stops pipelines.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        key: kms.IKey,
        email: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = self._topic(key)
        if email is not None:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))
        self.alarms = [self._alarm(watch, environment_name) for watch in _WATCHES]

    def _topic(self, key: kms.IKey) -> sns.Topic:
        stack = Stack.of(self)
        topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        alarms = stack.format_arn(
            service="cloudwatch",
            resource="alarm",
            resource_name="*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": alarms},
                },
            )
        )
        return topic

    def _alarm(self, watch: _Watch, environment_name: str) -> cloudwatch.Alarm:
        metric = cloudwatch.Metric(
            namespace=watch.namespace,
            metric_name=watch.metric,
            dimensions_map={**watch.dimensions, "Environment": environment_name},
            statistic=watch.statistic,
            period=Duration.minutes(5),
        )
        operators = cloudwatch.ComparisonOperator
        missing = cloudwatch.TreatMissingData
        alarm = metric.create_alarm(
            self,
            watch.construct_id,
            alarm_description=watch.description,
            threshold=watch.threshold,
            evaluation_periods=watch.periods,
            comparison_operator=(
                operators.LESS_THAN_THRESHOLD if watch.below else operators.GREATER_THAN_THRESHOLD
            ),
            treat_missing_data=missing.BREACHING if watch.silence_is_bad else missing.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        alarm.add_ok_action(actions.SnsAction(self.topic))
        return alarm
