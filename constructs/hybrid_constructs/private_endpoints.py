"""VPC endpoints: AWS services inside the VPC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from hybrid.estate.mwaa_regions import mwaa_endpoints

#: Construct id → service. MWAA with private routing needs monitoring, logs, sqs, kms, ecr and its own
#: (MWAA User Guide, "Creating the required VPC service endpoints"); the rest is what the DAGs and the
#: containers of Fargate sites call. Those of MWAA are made where they are (hybrid/estate/mwaa_regions.py).
INTERFACE_SERVICES = {
    "AirflowApi": "airflow.api",
    "AirflowEnv": "airflow.env",
    "AirflowOps": "airflow.ops",
    "EcrApi": "ecr.api",
    "EcrDocker": "ecr.dkr",
    "Ecs": "ecs",
    "Kms": "kms",
    "Logs": "logs",
    "Monitoring": "monitoring",
    "SecretsManager": "secretsmanager",
    "Sqs": "sqs",
    "Ssm": "ssm",
    "Sts": "sts",
}


class PrivateEndpoints(Construct):
    """Endpoints for S3, and where there is no way to the internet for every other service in use.

    Args:
        scope: parent.
        construct_id: id in the parent.
        vpc: where they are.
        cidr: range of the VPC; only it may reach the interface endpoints.
        subnets: where the interface endpoints have their addresses, and whose routes lead to S3.
        further_cidrs: other ranges of the VPC that may reach them.
        there: services that have an endpoint already, `s3` among them: none is made.
        services: `gateway` is S3 alone, which costs nothing; `all` adds the interface endpoints.

    Attributes:
        security_group: of the interface endpoints; None with `gateway`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        cidr: str,
        subnets: Sequence[ec2.ISubnet],
        services: Literal["gateway", "all"],
        further_cidrs: Sequence[str] = (),
        there: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        selection = ec2.SubnetSelection(subnets=list(subnets))
        if "s3" not in there:
            ec2.GatewayVpcEndpoint(
                self, "S3", vpc=vpc, service=ec2.GatewayVpcEndpointAwsService.S3, subnets=[selection]
            )
        self.security_group: ec2.SecurityGroup | None = None
        if services == "gateway":
            return
        self.security_group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=vpc,
            description="AWS services inside the VPC: HTTPS from the VPC only",
            allow_all_outbound=False,
        )
        for admitted in (cidr, *further_cidrs):
            self.security_group.add_ingress_rule(
                ec2.Peer.ipv4(admitted), ec2.Port.tcp(443), "HTTPS from the VPC"
            )
        of_mwaa = mwaa_endpoints(Stack.of(self).region)
        for endpoint_id, service in INTERFACE_SERVICES.items():
            if service in there or (service.startswith("airflow.") and service not in of_mwaa):
                continue
            ec2.InterfaceVpcEndpoint(
                self,
                endpoint_id,
                vpc=vpc,
                # The private DNS name is the service's own, so that no client has to know of the endpoint.
                service=ec2.InterfaceVpcEndpointAwsService(service, of_mwaa.get(service)),
                private_dns_enabled=True,
                subnets=selection,
                security_groups=[self.security_group],
                open=False,
            )
