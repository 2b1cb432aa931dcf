"""Run tasks in processes of this machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from ilp_models.compute.progress import show_progress
from ilp_models.domain.errors import InputError, NotRunError

Task = TypeVar("Task")
Result = TypeVar("Result")

_IDLE_SECONDS: Final = 10  # then a worker ends and frees its memory; loading it again takes about 3 seconds


@dataclass(frozen=True)
class LocalProcesses:
    """Run tasks in processes of this machine, with one BLAS and OpenMP thread each.

    Parameters
    ----------
    jobs : int, default -1
        Number of processes; -1 means one for each available core, 1 means this process with all its threads.

    Raises
    ------
    InputError
        If the number is 0 or below -1.

    Examples
    --------
    >>> LocalProcesses(1).map(abs, [-1, 2], "absolute values")
    [1, 2]
    """

    jobs: int = -1

    def __post_init__(self) -> None:
        """Check the number of processes."""
        if self.jobs < -1 or self.jobs == 0:
            msg = f"compute.jobs={self.jobs} is not valid. Set a number of processes, or -1 for one on each core."
            raise InputError(msg)

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task], description: str) -> list[Result]:
        """Return the function's result for each task, in the order of the tasks."""
        jobs = min(cpu_count() if self.jobs == -1 else self.jobs, len(tasks))
        if jobs <= 1:
            return list(show_progress(map(function, tasks), len(tasks), description))
        with parallel_config(backend="loky", n_jobs=jobs, inner_max_num_threads=1, idle_worker_timeout=_IDLE_SECONDS):
            results = Parallel(return_as="generator")(delayed(function)(task) for task in tasks)
            try:
                return list(show_progress(results, len(tasks), description))
            except TerminatedWorkerError as error:
                msg = "The system stopped a worker process, usually because memory ran out. Lower compute.jobs."
                raise NotRunError(msg) from error
