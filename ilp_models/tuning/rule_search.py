"""Settings of the search for an allocation rule: what is tried, and on how many periods before the audited ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ilp_models.domain.allocation import Allocator
from ilp_models.domain.errors import InputError


@dataclass(frozen=True)
class RuleSearch:
    """Compare allocation rules on the periods before the audited ones.

    Every candidate is named in the decision, and the search counts as an earlier decision for later audits. Limits and
    groups are never changed.

    Parameters
    ----------
    shares : sequence of float, default (0.5, 1, 2)
        Budgets to try, as multiples of the audited budget.
    periods : int, default 52
        Test periods of the search, all before the first audited period.
    other_models : bool, default True
        Whether other backtested forecasters are tried with the audited rule.
    leave_out : bool, default True
        Whether each crime type is left out in turn.
    rules : mapping of str to Allocator, optional
        Further rules to try, by name; their own budget applies.

    Raises
    ------
    InputError
        If a number is out of range.

    Examples
    --------
    >>> RuleSearch(shares=(1,)).periods
    52
    """

    shares: Sequence[float] = (0.5, 1.0, 2.0)
    periods: int = 52
    other_models: bool = True
    leave_out: bool = True
    rules: Mapping[str, Allocator] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.periods < 1 or not self.shares or not all(0 < share < float("inf") for share in self.shares):
            msg = (
                f"rule_search needs periods >= 1 and shares above 0, not periods={self.periods}, "
                f"shares={list(self.shares)}. Write shares as multiples of the audited budget, such as [1, 2]."
            )
            raise InputError(msg)
