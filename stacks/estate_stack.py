"""What every stack of an estate has in common."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from hybrid.estate.model import Estate, Removal
from hybrid.estate.naming import Names
from hybrid_constructs.acknowledgement import acknowledge
from hybrid_constructs.site import ESTATE_TAG

#: Context key of the second switch that lets `cdk destroy` delete data.
ALLOW_DATA_LOSS = "allow-data-loss"


class EstateStack(cdk.Stack):
    """A stack in the estate's account and Region, with its tags and permissions boundary.

    Args:
        scope: parent.
        estate: the estate.
        part: of the estate, as in `network`; the stack is named after both.
        description: what is in it.

    Attributes:
        estate: as given.
        names: names of the estate.
        stateful_removal: what `cdk destroy` does with stateful resources.
    """

    def __init__(self, scope: Construct, *, estate: Estate, part: str, description: str) -> None:
        environment = estate.environment
        self.estate = estate
        self.names = Names(environment.name)
        tags = {**environment.tags, ESTATE_TAG: environment.name}
        boundary = environment.permissions_boundary
        super().__init__(
            scope,
            self.names.stack(part),
            stack_name=self.names.stack(part),
            description=f"{environment.name}: {description}",
            env=cdk.Environment(account=environment.account, region=environment.region),
            permissions_boundary=cdk.PermissionsBoundary.from_arn(boundary) if boundary else None,
            tags=tags,
        )
        self._read_other_stacks_without_holding_them()
        # On each resource too, for policies that ask for the tag: a stack's own tags reach fewer types.
        for key, value in tags.items():
            cdk.Tags.of(self).add(key, value)
        self.stateful_removal = _removal(self, environment.removal)

    def _read_other_stacks_without_holding_them(self) -> None:
        """What another stack has is read when this one is deployed (Fn::GetStackOutput), never imported.

        An import would forbid the other stack to drop what it exports, for as long as this stack is not
        deployed; and that one is deployed first. The exports themselves stay for estates whose deployed
        stacks still import them (docs/decisions/cross-stack.md).
        """
        cdk.CrossStackReferences.of(self).consume(cdk.ReferenceStrength.BOTH)
        acknowledge(
            self,
            {
                "Annotation::@aws-cdk/core:crossStackReferencesBothTransitional": (
                    "Estates that were deployed with imports are updated in one deployment."
                )
            },
        )

    @property
    def availability_zones(self) -> list[str]:
        """The zones of the estate file: the AWS CDK would ask the account for them."""
        return list(self.estate.network.availability_zones)

    def output(self, name: str, value: str, description: str) -> None:
        """Add an output for people and scripts. Never a secret."""
        cdk.CfnOutput(self, name, value=value, description=description)


def _removal(scope: Construct, removal: Removal) -> cdk.RemovalPolicy:
    """Deleting data takes two switches: one in the estate file, one in the command.

    What is retained is deleted all the same where the very first deployment fails, so that the second
    one does not stumble over its names.
    """
    allowed = str(scope.node.try_get_context(ALLOW_DATA_LOSS)).lower() == "true"
    if removal is Removal.DESTROY and allowed:
        return cdk.RemovalPolicy.DESTROY
    return cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
