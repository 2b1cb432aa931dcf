"""Run tasks on a Dask cluster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from distributed import Client
from joblib import Parallel, delayed, parallel_config

from ilp_models.compute.progress import show_progress
from ilp_models.domain.errors import StorageError

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class DaskCluster:
    """Run tasks on the workers of a running Dask scheduler.

    Start the workers with one thread each (``dask worker --nthreads 1``) and install this package on them.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as ``tcp://10.0.0.5:8786``.
    timeout_s : float, default 10
        Seconds to wait for the scheduler.
    """

    address: str
    timeout_s: float = 10.0

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task], description: str) -> list[Result]:
        """Return the function's result for each task, in the order of the tasks."""
        try:
            client = Client(self.address, timeout=self.timeout_s, set_as_default=False)
        except OSError as error:
            msg = f"No Dask scheduler answers at {self.address}. Start one, or set compute=local."
            raise StorageError(msg) from error
        with client, parallel_config(backend="dask", client=client):
            results = Parallel(return_as="generator")(delayed(function)(task) for task in tasks)
            return list(show_progress(results, len(tasks), description))
