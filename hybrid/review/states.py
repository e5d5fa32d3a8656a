"""States of deployed stacks that an edit has to wait for, or that somebody has to put right first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hybrid.review.assembly import Stack

#: Ends of the states in which a deployment is over and the stack is as its template says, or as before.
_SETTLED = ("_COMPLETE", "_COMPLETE_CLEANUP_IN_PROGRESS")

#: State → what to do (CloudFormation User Guide, "Stack failure options" and "Continue rolling back an
#: update"); of every other one that is not settled, to wait.
_REMEDIES = {
    "CREATE_FAILED": "its deployment failed and was not rolled back; `bin/hybrid deploy` goes on with it",
    "UPDATE_FAILED": "its deployment failed and was not rolled back; `bin/hybrid deploy` goes on with it",
    "UPDATE_ROLLBACK_FAILED": "its deployment failed, and so did the way back: put right what its events "
    "say, then `aws cloudformation continue-update-rollback --stack-name {name}`",
    "ROLLBACK_FAILED": "it could not be made, nor taken away: put right what its events say, then "
    "`aws cloudformation delete-stack --stack-name {name}`",
    "DELETE_FAILED": "it could not be deleted: put right what its events say, then "
    "`aws cloudformation delete-stack --stack-name {name}`",
}

#: Those in which a deployment goes on.
PAUSED = frozenset({"CREATE_FAILED", "UPDATE_FAILED"})


@dataclass(frozen=True)
class Unsettled:
    """A stack whose state asks for something.

    Attributes:
        stack: its name.
        status: as CloudFormation spells it.
        remedy: what to do, as a sentence.
    """

    stack: str
    status: str
    remedy: str

    @property
    def moves(self) -> bool:
        """Whether it is being changed right now."""
        return self.status not in _REMEDIES

    def __str__(self) -> str:
        return f"{self.stack} is in state {self.status}: {self.remedy}"


def unsettled(stacks: Iterable[Stack]) -> Iterator[Unsettled]:
    """Stacks that are being changed, or whose last deployment did not end."""
    for stack in stacks:
        if not stack.status or stack.status.endswith(_SETTLED):
            continue
        remedy = _REMEDIES.get(
            stack.status, "somebody changes it right now; wait until that has ended, and look again"
        )
        yield Unsettled(stack.name, stack.status, remedy.format(name=stack.name))
