"""Work on the processes of this machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from ilp_models.compute.progress import show_progress
from ilp_models.domain.errors import InputError, NotRunError

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class LocalProcesses:
    """Processes of this machine, with one BLAS and OpenMP thread each.

    Parameters
    ----------
    jobs : int
        Processes at once; -1 for as many as this process may use cores, 1 for this very process with all its threads.

    Raises
    ------
    InputError
        If the number is 0 or below -1.
    """

    jobs: int = -1

    def __post_init__(self) -> None:
        """Refuse a number of processes that means nothing."""
        if self.jobs < -1 or self.jobs == 0:
            msg = f"compute.jobs={self.jobs}: give a number of processes, or -1 for one on each core."
            raise InputError(msg)

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task], description: str) -> list[Result]:
        """Return the function's result for each task, in the order of the tasks."""
        jobs = min(cpu_count() if self.jobs == -1 else self.jobs, len(tasks))
        if jobs <= 1:
            return list(show_progress(map(function, tasks), len(tasks), description))
        with parallel_config(backend="loky", n_jobs=jobs, inner_max_num_threads=1):
            results = Parallel(return_as="generator")(delayed(function)(task) for task in tasks)
            try:
                return list(show_progress(results, len(tasks), description))
            except TerminatedWorkerError as error:
                msg = "The system stopped a working process, most often for want of memory: lower compute.jobs."
                raise NotRunError(msg) from error
