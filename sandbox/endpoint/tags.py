"""Tags of tasks and container instances."""

from __future__ import annotations

from sandbox.endpoint.errors import invalid_parameter
from sandbox.endpoint.model import Json
from sandbox.endpoint.shapes import Instance, InstanceState, Tag, Task
from sandbox.endpoint.store import Store

#: Most tags of a resource. Source: Amazon ECS API Reference, TagResource.
MOST_TAGS = 50


class Tags:
    """TagResource, UntagResource and ListTagsForResource.

    Args:
        store: the state.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def tag(self, params: Json) -> Json:
        """TagResource: add tags, or give those there another value."""
        with self._store.change() as state:
            target = _target(state, params["resourceArn"])
            merged = {tag.key: tag for tag in [*target.tags, *map(Tag.model_validate, params["tags"])]}
            if len(merged) > MOST_TAGS:
                raise invalid_parameter(f"A resource can have at most {MOST_TAGS} tags.")
            target.tags = list(merged.values())
        return {}

    def untag(self, params: Json) -> Json:
        """UntagResource."""
        with self._store.change() as state:
            target = _target(state, params["resourceArn"])
            target.tags = [tag for tag in target.tags if tag.key not in params["tagKeys"]]
        return {}

    def list_tags(self, params: Json) -> Json:
        """ListTagsForResource."""
        with self._store.read() as state:
            return {"tags": [tag.wire() for tag in _target(state, params["resourceArn"]).tags]}


def _target(state: InstanceState, arn: str) -> Task | Instance:
    if arn in state.tasks:
        return state.tasks[arn].task
    if arn in state.instances:
        return state.instances[arn]
    raise invalid_parameter(f"The specified resource {arn} was not found.")
