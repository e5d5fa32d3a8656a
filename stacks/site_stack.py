"""One site: its cluster, its roles, and its sources."""

from __future__ import annotations

from aws_cdk import aws_ecr as ecr
from constructs import Construct

from hybrid.artifacts.compile import SiteNetwork
from hybrid.estate.model import AnywhereSite as DeclaredAnywhereSite
from hybrid.estate.model import CloudSite as DeclaredCloudSite
from hybrid.estate.model import Estate
from hybrid_constructs import AnywhereSite, Buckets, CloudSite, EtlSource, SiteServices
from hybrid_constructs.run_permissions import RunTarget
from stacks.estate_stack import EstateStack
from stacks.network_stack import VpcPlace


class SiteStack(EstateStack):
    """A site with its sources.

    Args:
        scope: parent.
        estate: the estate.
        name: of the site.
        network: for cloud sites.
        buckets: where specifications come from and data goes.
        repository: of the ETL image.
        image_tag: of the ETL image.

    Attributes:
        target: what Airflow may run here.
        site_network: where its tasks run; empty for an anywhere site.
        sources: name → source.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        estate: Estate,
        name: str,
        network: VpcPlace,
        buckets: Buckets,
        repository: ecr.IRepository,
        image_tag: str,
    ) -> None:
        declared = estate.sites[name]
        super().__init__(scope, estate=estate, part=f"site-{name}", description=f"site {name}")
        services = SiteServices(
            names=self.names, key=buckets.key, repository=repository, removal_policy=self.stateful_removal
        )
        site: AnywhereSite | CloudSite
        if isinstance(declared, DeclaredAnywhereSite):
            site = self._anywhere(name, declared, services)
            self.site_network = SiteNetwork()
        else:
            site = self._cloud(name, declared, services, network)
            self.site_network = SiteNetwork(subnets=site.subnet_ids, security_groups=site.security_group_ids)
        self.sources = {
            source: EtlSource(
                self,
                f"Source-{source}",
                name=source,
                site=site,
                buckets=buckets,
                prefixes=[estate.prefix_of(pipeline) for pipeline in estate.pipelines_of(source)],
                image_tag=image_tag,
                memory_mib=size.memory,
                cpu_units=size.cpu,
            )
            for source, size in estate.sources_at(name).items()
        }
        self.target = RunTarget(
            site=name, sources=tuple(self.sources), anywhere=isinstance(site, AnywhereSite)
        )
        self.output("ClusterName", self.names.cluster(name), f"ECS cluster of {name}")

    def _anywhere(self, name: str, declared: DeclaredAnywhereSite, services: SiteServices) -> AnywhereSite:
        site = AnywhereSite(
            self,
            "Site",
            name=name,
            services=services,
            log_retention_days=declared.log_retention_days,
            network_mode=declared.network_mode,
        )
        self.output("AnywhereRoleName", self.names.anywhere_role(name), "Role that an activation names")
        return site

    def _cloud(
        self, name: str, declared: DeclaredCloudSite, services: SiteServices, network: VpcPlace
    ) -> CloudSite:
        return CloudSite(
            self,
            "Site",
            name=name,
            services=services,
            log_retention_days=declared.log_retention_days,
            vpc=network.vpc,
            subnet_ids=declared.subnets or [subnet.subnet_id for subnet in network.private_subnets],
            security_group_ids=declared.security_groups,
        )
