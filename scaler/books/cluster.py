"""What a cluster tells the books, and what they remember for it."""

import json
import logging

from scaler.books.books import Approvals, Books, Record, nobody_tells
from scaler.ports import Cluster

logger = logging.getLogger(__name__)

OWNER, STARTS, FORMAT = "cluster", "starts", "starts/1"


def annotations_of(cluster: Cluster | None) -> Approvals:
    """Return who tells of approvals: the annotation on the ScaledObject, where it can be read."""
    if cluster is None:
        return nobody_tells

    def is_approved(namespace: str, name: str) -> bool | None:
        view = cluster.look(namespace, name)
        return None if view is None else view.workload.is_approved

    return is_approved


async def recall_starts(books: Books, cluster: Cluster | None) -> None:
    """Give a cluster the starts that an earlier run has seen, and remember those of this one."""
    if cluster is None:
        return
    payload = await books.recall_of(OWNER, STARTS, form=FORMAT)
    if payload is not None:
        try:
            cluster.restore(json.loads(payload))
        except (ValueError, TypeError, AttributeError) as exc:
            logger.warning("starts not remembered", extra={"why": str(exc)})

    def written() -> bytes:
        return json.dumps(cluster.to_state()).encode()

    books.remember_also(Record(owner=OWNER, kind=STARTS, format=FORMAT, write=written))
