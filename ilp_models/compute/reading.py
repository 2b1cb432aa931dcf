"""Read on workers what they wrote, so that only summaries come to the client."""

import logging
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import NotRunError, StorageError

Task = TypeVar("Task")
Result = TypeVar("Result")

_LOG: Final = logging.getLogger(__name__)
_DELAY_S: Final = 60.0  # until a file of the client is seen: as long as NFS may remember that it was not there


def read_on_workers(
    compute: Compute, function: Callable[[Task], Result], tasks: Sequence[Task], unreadable: Callable[[Result], bool]
) -> list[Result]:
    """Return what a function that only reads gives for each task.

    This process reads again what a worker found unreadable, because a shared folder can be missing on its machine. If
    the workers are lost, it reads everything.
    """
    try:
        found = compute.map(function, tasks, "reading results")
    except (NotRunError, StorageError) as error:
        _LOG.warning("Workers cannot read the results (%s) This process reads them, one after the other.", error)
        return [function(task) for task in tasks]
    return [function(task) if unreadable(one) else one for task, one in zip(tasks, found, strict=True)]


def check_seen(path: Path) -> None:
    """Raise StorageError unless this machine sees a file or folder of the client, perhaps with a delay."""
    until = time.monotonic() + _DELAY_S
    while not path.exists():
        if time.monotonic() > until:
            msg = (
                f"The worker on {socket.gethostname()} does not see {path.parent} of the client. Mount one folder at "
                "the same path on all machines."
            )
            raise StorageError(msg)
        time.sleep(1)
