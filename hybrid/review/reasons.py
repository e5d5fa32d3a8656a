"""Why each statement of the estate's roles is there, in a sentence, for the person who signs it."""

from __future__ import annotations

import re

_REASONS = {
    ("airflow", "CheckPublicAccess"): "MWAA starts only where the account's buckets are private.",
    ("airflow", "DescribeHosts"): "No run starts at a site without a connected host: look at its hosts.",
    ("airflow", "DescribeManagedHosts"): "The same question to Systems Manager: when did a host last answer?",
    ("airflow", "FindLogGroups"): "MWAA looks for its log groups; the action knows no narrower resource.",
    ("airflow", "FindTasks"): "A worker that was lost finds its task again instead of starting a second one.",
    ("airflow", "ListHosts"): "No run starts at a site without a connected host: which hosts are there?",
    ("airflow", "ListNoOtherBuckets"): "MWAA's own list of permissions denies it, whatever else allows it.",
    ("airflow", "PassRolesToTasks"): "A task starts with its task role and its execution role, and ECS only.",
    ("airflow", "PublishMetrics"): "MWAA reports the health of the environment.",
    ("airflow", "PutMetrics"): "Metrics of Airflow, in MWAA's namespace only.",
    (
        "airflow",
        "ReadDagBucket",
    ): "MWAA loads DAGs, plugins and requirements, and checks that the bucket is private.",
    ("airflow", "ReadReceipts"): "A run has landed when its receipt is there; data files cannot be read.",
    ("airflow", "ReadTaskLogs"): "The log of the container is shown in the log of the Airflow task.",
    ("airflow", "RunTasks"): "DAGs start the containers of the sources, each in the cluster of its site.",
    (
        "airflow",
        "UseCeleryQueue",
    ): "Scheduler and workers talk over a queue in an account of the MWAA service.",
    (
        "airflow",
        "UseKey",
    ): "Bucket and queue are encrypted with the estate's key; only S3 and SQS use it for Airflow.",
    (
        "airflow",
        "TagStartingTasks",
    ): "A task gets the tags of its source, for costs and policies, as it starts.",
    ("airflow", "WatchAndStopTasks"): "DAGs wait for their task, and stop it when their run is stopped.",
    (
        "airflow",
        "WriteAndReadAirflowLogs",
    ): "Airflow writes its five log groups and shows them in its web pages.",
    ("anywhere", "FindEcs"): "The agent asks where ECS is reached.",
    ("anywhere", "HoldChannels"): "Systems Manager reaches its agent on the host over these channels.",
    ("anywhere", "JoinCluster"): "The host registers with the cluster of its site and reports on its tasks.",
    (
        "anywhere",
        "ReportToSystemsManager",
    ): "The host reports that it is alive, and no run starts where none does.",
    ("anywhere", "TakeWork"): "The agent waits for tasks, and reports load.",
    ("execution", "AuthorizeAtRegistry"): "ECS signs in at the registry; the action knows no resource.",
    ("execution", "PullImage"): "ECS pulls the image of the ETL container, from this repository only.",
    ("execution", "WriteLogs"): "What the container says goes to the log group of its site.",
    (
        "task",
        "DecryptOwnSecret",
    ): "The secret is encrypted with the estate's key; only Secrets Manager uses it here.",
    (
        "task",
        "NeverOverwriteFiles",
    ): "A data file is written where nothing is; only the receipt is replaced, by a rerun.",
    (
        "task",
        "FindOwnReceipts",
    ): "Columns and rows are compared with the run before: which of its own intervals are there?",
    ("task", "ReadOwnSecret"): "The container reads the password of its own database.",
    ("task", "ReadSpecifications"): "The container reads what to run, of its own source only.",
    (
        "task",
        "UseKeyForObjects",
    ): "The lake is encrypted with the estate's key; an upload in parts decrypts as well.",
    (
        "task",
        "UseOwnLake",
    ): "The container writes below its pipelines' prefixes, takes uploads back, reads what landed before.",
}

_ON_RESOURCES = {
    "CloudWatchAlarms": "Alarms of this account reach the encrypted topic.",
    "CloudWatchLogs": "CloudWatch Logs encrypts the log groups of this account and Region.",
    "AlarmsOfThisAccount": "Alarms of this account publish to the topic.",
    "AllowPublishThroughSSLOnly": "Nothing is published without TLS.",
}

_KIND = re.compile(r":role/hybrid/[^/]+/([^/]+)/")


def reason_of_role(role_arn: str, sid: str) -> str:
    """Why a role has a statement; empty for the roles that the AWS CDK makes for its own functions.

    Statements that are numbered (`RunTasks3`) share their reason.
    """
    kind = _KIND.search(role_arn)
    return _REASONS.get((kind.group(1), sid.rstrip("0123456789")), "") if kind else ""


def reason_of_resource(sid: str) -> str:
    """Why the policy of a resource has a statement; empty where its sid says nothing."""
    return _ON_RESOURCES.get(sid, "")


def known_reasons() -> frozenset[tuple[str, str]]:
    """Kind of role and sid of every statement that has a reason."""
    return frozenset(_REASONS)
