"""A first estate file: one site, one source, the pipelines that were chosen, and what each key is for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hybrid.estate.site_kinds import KINDS

_NO_PIPELINE = """\
pipelines: {{}}
# What is read, for example (`bin/hybrid sources inspect {source}` writes it for the tables that you choose):
#   orders:
#     source: {source}
#     query: select id, amount, updated_at from orders
#     incremental_column: updated_at
"""


@dataclass(frozen=True, kw_only=True)
class FirstEstate:
    """What a first estate file says.

    Attributes:
        kind: of the site, `anywhere` or `cloud`.
        pipelines: each as lines of YAML, as they stand below `pipelines:`.
    """

    name: str
    region: str
    site: str
    kind: str
    source: str
    engine: str
    pipelines: Sequence[Sequence[str]] = field(default=())

    def text(self) -> str:
        """The file."""
        lines = (line for pipeline in self.pipelines for line in pipeline)
        pipelines = (
            "\n".join(["# What is read, and lands in the lake.", "pipelines:", *lines, ""])
            if self.pipelines
            else _NO_PIPELINE.format(source=self.source)
        )
        return f"""\
# The estate: check it with `bin/hybrid validate`; every key is in docs/reference/estate.md.

environment:
  name: {self.name}  # every name in AWS begins with it
  region: {self.region}

# A VPC of its own. To use one that is there, see `existing` in docs/reference/estate.md.
network:
  availability_zones: [{self.region}a, {self.region}b]

# Where containers run: beside the data.
sites:
  {self.site}:
    kind: {self.kind}  # {KINDS[self.kind].summary}

# The databases. Their credentials are in AWS Secrets Manager: `bin/hybrid sources secret {self.source}`.
sources:
  {self.source}:
    site: {self.site}
    engine: {self.engine}

{pipelines}"""
