"""A pipeline that is read in key ranges: a container for each, and one that commits them.

What a part leaves nobody sees. The commit is told the parts' tries by name, so that it makes visible what
this run's parts landed, and never a mixture with another run's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import XComArg

from hybrid_airflow.interval import of_receipt
from hybrid_airflow.operators import RunPipelineOperator
from hybrid_airflow.plan import Plan


class RunPartOperator(RunPipelineOperator):
    """Read one key range of a pipeline; to be mapped over `part`. Its XCom is the part's receipt.

    Args:
        part: Number of the range, from 0.
    """

    _of_part = True

    def __init__(self, *, part: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.part = part

    def _command(self, plan: Plan) -> tuple[str, ...]:
        return (*super()._command(plan), "--part", str(self.part))


class CommitPartsOperator(RunPipelineOperator):
    """Make the parts of a run visible, all at once. Its XCom is the receipt of the whole run.

    Args:
        receipts: Of the parts, in the order of the ranges (templated: the mapped task's output). With an
            `interval`, also those of other intervals.
    """

    template_fields: Sequence[str] = (*RunPipelineOperator.template_fields, "receipts")

    def __init__(self, *, receipts: Sequence[Mapping[str, Any]] | XComArg, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.receipts: Any = receipts

    def _command(self, plan: Plan) -> tuple[str, ...]:
        receipts = [receipt for receipt in _flat(self.receipts) if self._is_of(receipt, plan)]
        tries: list[str] = [receipt["attempt"] for receipt in receipts]
        _, *rest = super()._command(plan)
        return ("commit", *rest, "--parts", ",".join(tries))

    def _is_of(self, receipt: Mapping[str, Any], plan: Plan) -> bool:
        """Whether a part is of the interval that is committed: a run after others reads several."""
        return self.interval is None or of_receipt(receipt) == plan.interval


def _flat(receipts: Any) -> list[Mapping[str, Any]]:
    """Receipts of the output of one mapped task, or of those of several tasks."""
    # A slice of a mapped task's output is one call, and an iteration one for each part.
    found: list[Mapping[str, Any]] = []
    for one in receipts[:]:
        found += [one] if isinstance(one, Mapping) else _flat(one)
    return found
