"""One site: its cluster, its roles, and its sources."""

from __future__ import annotations

import importlib

from aws_cdk import aws_ecr as ecr
from constructs import Construct

from hybrid.estate.model import Estate
from hybrid_constructs import Buckets, EtlSource, SiteServices
from hybrid_constructs.site import Site, SitePlace
from stacks.estate_stack import EstateStack
from stacks.network_stack import VpcPlace


class SiteStack(EstateStack):
    """A site with its sources.

    Args:
        scope: parent.
        estate: the estate.
        name: of the site.
        network: of the estate.
        buckets: where specifications come from and data goes.
        repository: of the ETL image.
        image_tag: of the ETL image, where the estate names none.

    Attributes:
        target: what Airflow may run here.
        site_network: where its tasks run; empty where they use the network of their host.
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
        module, _, construct = declared.construct_class.partition(":")
        kind: type[Site] = getattr(importlib.import_module(module), construct)
        site = kind.from_declared(
            self,
            "Site",
            name=name,
            declared=declared,
            services=services,
            place=SitePlace(network.vpc, [subnet.subnet_id for subnet in network.private_subnets]),
        )
        self.site_network = site.network
        self.sources = {
            source: EtlSource(
                self,
                f"Source-{source}",
                name=source,
                site=site,
                buckets=buckets,
                prefixes=[estate.prefix_of(pipeline) for pipeline in estate.pipelines_of(source)],
                image_tag=estate.image_of(name) or image_tag,
                memory_mib=size.memory,
                cpu_units=size.cpu,
            )
            for source, size in estate.sources_at(name).items()
        }
        self.target = site.run_target(list(self.sources))
        for output, (value, description) in site.outputs.items():
            self.output(output, value, description)
