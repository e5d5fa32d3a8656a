"""What the roles are allowed and nobody called in the end-to-end run: each with the reason why it stays."""

from __future__ import annotations

_MWAA = "MWAA itself does it, as its User Guide says ('Amazon MWAA execution role'): only an account shows it"
_ECS_AGENT = (
    "the ECS agent does it (aws/amazon-ecs-agent, ecs-agent/api/ecs/interface.go, agent/acs, agent/stats)"
)
_SSM_AGENT = "the SSM agent does it (aws/amazon-ssm-agent, agent/ssm/service.go, agent/session/communicator)"
_ECR = "ECS does it, to pull from ECR; the images of the demo are built where they run"

#: Kind of role → actions that it is allowed and that nobody called in the end-to-end run → why they stay.
UNUSED: dict[str, dict[str, str]] = {
    "airflow": {
        "airflow:PublishMetrics": _MWAA,
        "kms:DescribeKey": _MWAA,
        "kms:Encrypt": _MWAA,
        "kms:GenerateDataKey*": _MWAA,
        "logs:CreateLogGroup": _MWAA,
        "logs:CreateLogStream": _MWAA,
        "logs:DescribeLogGroups": _MWAA,
        "logs:GetLogGroupFields": _MWAA,
        "logs:GetLogRecord": _MWAA,
        "logs:GetQueryResults": _MWAA,
        "logs:PutLogEvents": _MWAA,
        "s3:GetAccountPublicAccessBlock": _MWAA,
        "s3:GetBucket*": _MWAA,
        "s3:GetObject?*": _MWAA,
        "s3:List*": _MWAA,
        "sqs:*": _MWAA,
    },
    "anywhere": {
        "ecs:Poll": _ECS_AGENT,
        "ecs:StartTelemetrySession": _ECS_AGENT,
        "ecs:SubmitContainerStateChange": _ECS_AGENT,
        "ssm:UpdateInstanceInformation": _SSM_AGENT,
        "ssmmessages:*": _SSM_AGENT,
    },
    "execution": {
        "ecr:BatchCheckLayerAvailability": _ECR,
        "ecr:BatchGetImage": _ECR,
        "ecr:GetAuthorizationToken": _ECR,
        "ecr:GetDownloadUrlForLayer": _ECR,
    },
    "task": {
        "s3:AbortMultipartUpload": "a run that fails while it writes takes its upload back (tests/etl)",
    },
}
