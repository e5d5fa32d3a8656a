"""The DAG of an estate, which `dag.test()` and `airflow dags test` run to its end."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG


class EstateDag(DAG):
    """A DAG whose deadline does not end its test.

    `dag.test()` of Airflow 3.3.1 looks for the deadline of a DAG that is in no database, and breaks on it
    when the run ends. A test has no deadline to keep: somebody watches it.
    """

    def test(self, *args: Any, **kwargs: Any) -> Any:
        """As `airflow.sdk.DAG.test`, without the deadline."""
        deadline = getattr(self, "deadline", None)
        if not deadline:
            return super().test(*args, **kwargs)
        self.deadline = None
        try:
            return super().test(*args, **kwargs)
        finally:
            self.deadline = deadline
