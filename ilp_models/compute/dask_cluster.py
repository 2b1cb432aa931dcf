"""Run tasks on a Dask cluster."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from dask import config
from distributed import Client, Future, KilledWorker, LocalCluster, get_worker
from distributed.client import FutureCancelledError
from distributed.comm.core import CommClosedError

from ilp_models.compute.progress import show_progress
from ilp_models.domain.errors import InputError, NotRunError, StorageError
from ilp_models.domain.recipe import program_digest

Task = TypeVar("Task")
Result = TypeVar("Result")

_LOG: Final = logging.getLogger(__name__)
LOCAL: Final = "local"
_POLL_S: Final = 0.2  # how often to look which tasks have ended
_LOOK_S: Final = 2.0  # and whether a worker is left
_FETCH_S: Final = 60.0  # for the result of a task
_FETCHES: Final = 3  # attempts
# A task whose worker was lost is run again, once. A worker has no tasks that wait: they would count as lost too.
_SCHEDULER: Final = {"distributed.scheduler.allowed-failures": 1, "distributed.scheduler.worker-saturation": 1.0}


@dataclass(frozen=True)
class DaskCluster:
    """Run tasks on the workers of a Dask scheduler: a running one, or one that is started on this machine.

    Start the workers with one thread each (``dask worker --nthreads 1``) and install this version of the package on
    them. Workers read and write files on paths that they share with the client.

    Parameters
    ----------
    address : str, optional
        Address of a running scheduler, such as ``tcp://10.0.0.5:8786``.
    timeout_s : float, default 10
        Seconds to wait for the scheduler, for its first worker, and for another one if all were lost.
    cluster : str, optional
        ``local`` starts a scheduler and workers on this machine for each call, instead of an address.
    workers : int, default 2
        Workers of a local cluster, with one thread each.
    memory_limit : str, default "auto"
        Memory of each worker of a local cluster, such as ``4GB``; a worker that exceeds it is stopped. ``auto`` is the
        memory of the machine, divided by its cores. The training of pooled models counts. The runs of a region are
        processes of their own, and do not count.

    Raises
    ------
    InputError
        Unless exactly one of ``address`` and ``cluster`` is given, or if a number is not usable.

    Examples
    --------
    >>> running = DaskCluster("tcp://10.0.0.5:8786")
    >>> DaskCluster(cluster="local", workers=4, memory_limit="4GB").workers
    4
    >>> DaskCluster()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ilp_models.domain.errors.InputError: compute.address=None and compute.cluster=None: set the address of a ...
    """

    address: str | None = None
    timeout_s: float = 10.0
    cluster: str | None = None
    workers: int = 2
    memory_limit: str = "auto"

    def __post_init__(self) -> None:
        """Check where the cluster is."""
        if (self.address is None) == (self.cluster is None) or self.cluster not in (None, LOCAL):
            msg = (
                f"compute.address={self.address} and compute.cluster={self.cluster}: set the address of a running "
                "scheduler, or compute.cluster=local to start one on this machine."
            )
            raise InputError(msg)
        if self.workers < 1:
            msg = f"compute.workers={self.workers} must be at least 1."
            raise InputError(msg)

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task], description: str) -> list[Result]:
        """Return the function's result for each task, in the order of the tasks.

        Raises StorageError before any task if the scheduler does not answer or has no worker, or if a worker has other
        code than the client. One with other code that joins later is closed. Raises NotRunError if the scheduler is
        lost, if no worker is left, or if a worker was lost twice with the same task.
        """
        if not tasks:
            return []
        logging.getLogger("distributed").setLevel(logging.WARNING)  # its import sets a level of its own
        with config.set(_SCHEDULER), self._client() as client:
            try:
                _check_versions(client)
                checked = partial(_run_with_same_code, function, _own_digest())
                futures = client.map(checked, list(tasks), pure=False)
                return _results(client, futures, description, self.timeout_s)
            except (CommClosedError, FutureCancelledError) as error:
                msg = "The connection to the Dask scheduler was lost. Start the scheduler, and run the command again."
                raise NotRunError(msg) from error
            except KilledWorker as error:
                msg = (
                    "A worker was lost twice with the same task, usually because memory ran out. Give the workers "
                    "more memory."
                )
                raise NotRunError(msg) from error

    @contextmanager
    def _client(self) -> Iterator[Client]:
        if self.cluster == LOCAL:
            settings = {"threads_per_worker": 1, "dashboard_address": ":0", "protocol": "tcp"}
            with (
                LocalCluster(n_workers=self.workers, memory_limit=self.memory_limit, **settings) as cluster,
                Client(cluster, set_as_default=False) as client,
            ):
                yield client
            return
        try:
            client = Client(self.address, timeout=self.timeout_s, set_as_default=False)
        except OSError as error:
            msg = f"No Dask scheduler answers at {self.address}. Start one, or set compute=local."
            raise StorageError(msg) from error
        with client:
            try:
                client.wait_for_workers(1, timeout=self.timeout_s)
            except TimeoutError as error:
                msg = (
                    f"The scheduler at {self.address} has no worker. Start one: dask worker {self.address} --nthreads "
                    "1. If workers need longer to start, raise compute.timeout_s."
                )
                raise StorageError(msg) from error
            yield client


class _OtherCodeError(NotRunError):
    """Raised on a worker that has other code than the client, with a message and the address of the worker."""


def _results(client: Client, futures: Sequence[Future[Result]], description: str, patience_s: float) -> list[Result]:
    """Return the results of all tasks. A task that lost its workers raises after the others have ended."""
    found: dict[Any, Result] = {}
    lost: KilledWorker | None = None
    for future, result in show_progress(_as_they_end(client, futures, patience_s), len(futures), description):
        if isinstance(result, KilledWorker):
            lost = result  # a worker cannot stop the tasks that run
        else:
            found[future.key] = result
        future.release()  # or Dask runs a finished task again if the worker that keeps its result is lost
    if lost is not None:
        raise lost
    return [found[future.key] for future in futures]


def _as_they_end(
    client: Client, futures: Sequence[Future[Result]], patience_s: float
) -> Iterator[tuple[Future[Result], Result | KilledWorker]]:
    """Yield each future when its task has ended, with its result.

    Unlike the iterators of Dask, it ends if the scheduler or all workers are lost, also with a result that they had. A
    task that met a worker with other code runs again on another worker.
    """
    pending, watch = list(futures), _Watch(client, patience_s)
    while pending:
        for future in list(pending):
            if not future.done() or _met_other_code(client, future):
                continue
            for result in watch.fetch(future):
                pending.remove(future)
                yield future, result
        if pending:
            with suppress(TimeoutError):
                pending[0].exception(timeout=_POLL_S)
            watch.look()


class _Watch:
    """Looks whether workers are left, and give their results; NotRunError if not."""

    def __init__(self, client: Client, patience_s: float) -> None:
        self._client, self._patience_s = client, patience_s
        self._looked = time.monotonic()
        self._without: float | None = None  # since when no worker is left
        self._failed: Counter[Any] = Counter()  # attempts to fetch a result

    def look(self) -> None:
        """Raise NotRunError if no worker was there for some time."""
        moment = time.monotonic()
        if moment - self._looked < _LOOK_S:
            return
        self._looked = moment
        if self._client.scheduler_info()["workers"]:
            self._without = None
        elif self._without is None:
            self._without = moment
        elif moment - self._without > self._patience_s:
            msg = "The work has not ended, and no worker is left. Start one, and run the command again."
            raise NotRunError(msg)

    def fetch(self, future: Future[Result]) -> list[Result | KilledWorker]:
        """Return the result of a task, or that it lost its workers; nothing if no worker gives the result now."""
        try:
            return [future.result(timeout=_FETCH_S)]
        except KilledWorker as error:
            return [error]
        except TimeoutError as error:
            if future.status == "error":  # it is that of the task
                raise
            self._failed[future.key] += 1
            if self._failed[future.key] == _FETCHES:
                msg = "A task has ended, and its worker does not send the result. Check the network of the workers."
                raise NotRunError(msg) from error
            return []


def _met_other_code(client: Client, future: Future[Result]) -> bool:
    """Return whether a task ended on a worker with other code; then close this worker, and run the task again."""
    error = future.exception() if future.status == "error" else None
    if not isinstance(error, _OtherCodeError):
        return False
    message, worker = error.args
    if worker in client.scheduler_info()["workers"]:
        client.retire_workers([worker], close_workers=True)
        _LOG.warning("%s The worker was closed.", message)
    if not client.scheduler_info()["workers"]:
        raise NotRunError(message)
    future.retry()
    return True


def _own_digest() -> str:
    return program_digest()


def _digest_or_error() -> str:
    """Return the digest of the program of a worker, or why it cannot be read."""
    try:
        return program_digest()
    except OSError as error:
        return repr(error)


def _check_versions(client: Client) -> None:
    """Raise StorageError unless all workers have the code, the default settings and the libraries of the client."""
    own = _own_digest()
    answers = client.run(_digest_or_error, on_error="return")
    silent = {address: answer for address, answer in answers.items() if isinstance(answer, OSError)}
    if answers and len(silent) == len(answers):
        msg = f"No worker answers, first {next(iter(silent))}. Start the workers again."
        raise StorageError(msg)
    for address, error in silent.items():
        _LOG.warning("The worker %s does not answer (%s), and is closed.", address, error)
    if silent:
        client.retire_workers(list(silent), close_workers=True)
    others = {address: answer for address, answer in answers.items() if address not in silent and answer != own}
    if others:
        address, answer = next(iter(others.items()))
        its = f"digest {answer[:16]}" if str(answer).isalnum() else str(answer)
        msg = (
            f"{len(others)} worker(s) have another version of ilp_models or its libraries, first {address} "
            f"({its}, here {own[:16]}). Install the same version and lock file on all of them."
        )
        raise StorageError(msg)


def _run_with_same_code(function: Callable[[Task], Result], digest: str, task: Task) -> Result:
    """Return the result of a task; an error on a worker that joined after the check and has other code."""
    if program_digest() != digest:
        worker = get_worker().address
        msg = (
            f"The worker {worker} joined later and has another version of ilp_models or its libraries (digest "
            f"{program_digest()[:16]}, here {digest[:16]}). Install the same version and lock file on all of them."
        )
        raise _OtherCodeError(msg, worker)
    return function(task)
