"""Physical names that are a contract between parts (docs/reference/contracts.md, "Names").

Everything else is named by CloudFormation. A name here is never changed for a deployed estate:
to CloudFormation another name is another resource.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Name of the one container in every task definition.
CONTAINER = "etl"

#: Airflow components of an MWAA environment that log, in the spelling of their log groups.
#: Source: Amazon MWAA User Guide, "Viewing Airflow logs in Amazon CloudWatch".
AIRFLOW_LOG_COMPONENTS = ("DAGProcessing", "Scheduler", "Task", "WebServer", "Worker")


@dataclass(frozen=True)
class Names:
    """The names of one estate.

    Args:
        estate: `environment.name` of the estate file.
    """

    estate: str

    @property
    def prefix(self) -> str:
        """What every name of the estate begins with."""
        return f"hybrid-{self.estate}"

    def stack(self, part: str) -> str:
        """Name of a stack: `network`, `storage`, `site-SITE`, `airflow`, `dags`, `observability`."""
        return f"{self.prefix}-{part}"

    def site_stack(self, site: str) -> str:
        """Name of the stack of a site."""
        return self.stack(f"site-{site}")

    def cluster(self, site: str) -> str:
        """Name of the ECS cluster of a site."""
        return f"{self.prefix}-{site}"

    def log_group(self, site: str) -> str:
        """Name of the log group of a site's tasks."""
        return f"/hybrid/{self.estate}/{site}"

    def family(self, source: str) -> str:
        """Task definition family of a source."""
        return f"{self.prefix}-{source}"

    def pull_family(self, site: str) -> str:
        """Task definition family with which hosts of a site pull an image; no source can have this name."""
        return f"{self.prefix}-{site}_pull"

    def log_stream_prefix(self, source: str) -> str:
        """What the log streams of a source's tasks begin with: `SOURCE/etl`, then `/TASK_ID`."""
        return f"{source}/{CONTAINER}"

    def source_secret(self, source: str) -> str:
        """Name of the secret that holds a source's credentials."""
        return f"hybrid/{self.estate}/sources/{source}"

    def activation_secret(self, site: str) -> str:
        """Name of the secret that receives a site's activation."""
        return f"hybrid/{self.estate}/sites/{site}/activation"

    def role_path(self, kind: str) -> str:
        """IAM path of the roles of a kind: `task`, `execution`, `anywhere` or `airflow`."""
        return f"/hybrid/{self.estate}/{kind}/"

    def task_role(self, source: str) -> str:
        """Name of the task role of a source."""
        return f"{self.prefix}-{source}-task"

    def execution_role(self, site: str) -> str:
        """Name of the task execution role of a site."""
        return f"{self.prefix}-{site}-execution"

    def anywhere_role(self, site: str) -> str:
        """Name of the ECS Anywhere role of a site."""
        return f"{self.prefix}-{site}-anywhere"

    @property
    def airflow_environment(self) -> str:
        """Name of the MWAA environment."""
        return self.prefix

    @property
    def airflow_role(self) -> str:
        """Name of the MWAA execution role."""
        return f"{self.prefix}-airflow"

    def airflow_log_group(self, component: str) -> str:
        """Name of the log group that MWAA writes a component's log to."""
        return f"airflow-{self.airflow_environment}-{component}"

    @property
    def airflow_secrets(self) -> str:
        """What the names of the secrets begin with that Airflow reads, without a slash at the end."""
        return f"hybrid/{self.estate}/airflow"

    def pool(self, site: str) -> str:
        """Name of the Airflow pool of a site."""
        return f"site-{site}"
