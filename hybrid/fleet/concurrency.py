"""The same piece of work for many things, a bounded number at once, ending cleanly when interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TypeVar

from hybrid.fleet.errors import FleetError

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    items: Iterable[Item], work: Callable[[Item], Result], *, workers: int
) -> Iterator[tuple[Item, Result | FleetError]]:
    """Do work for each item; yields an item with its result, or its error, as soon as it is done.

    An interruption (KeyboardInterrupt, or the reader stopping) lets what has begun come to its end and
    begins nothing more: the work runs in threads of its own, which signals do not reach.

    Args:
        items: what to work on.
        work: done in a thread; a FleetError it raises is the item's result.
        workers: pieces of work at once.
    """
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="fleet")
    try:
        futures: dict[Future[Result], Item] = {pool.submit(work, item): item for item in items}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except FleetError as error:
                yield futures[future], error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
