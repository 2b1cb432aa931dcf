"""The interface of compute backends."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class Compute(Protocol):
    """A backend that applies a function to many tasks."""

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task], description: str) -> list[Result]:
        """Return the function's result for each task, in the order of the tasks.

        Function and tasks must be picklable. The first error of a task is raised unchanged. The description labels the
        progress bar.
        """
