"""Where work runs, whatever does it."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class Compute(Protocol):
    """Something that applies a function to many tasks."""

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task], description: str) -> list[Result]:
        """Return the function's result for each task, in the order of the tasks.

        Parameters
        ----------
        function : callable
            Takes one task; it must be importable by other processes, and so must the task.
        tasks : sequence
            What to apply it to.
        description : str
            What is being done, for the progress bar.

        Returns
        -------
        list
            One result for each task; the first error of a task is raised as it is.
        """
