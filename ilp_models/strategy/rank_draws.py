"""How often a ranking is drawn, and from which probability an order counts as certain."""

from dataclasses import dataclass
from typing import Final

from ilp_models.domain.errors import InputError

_DRAWS: Final = (1_000, 100_000)
_SEPARATION: Final = (0.5, 1.0)


@dataclass(frozen=True)
class RankDraws:
    """How often the ranking is drawn, and when two items count as separated.

    Parameters
    ----------
    draws : int, default 10000
        Number of draws, 1,000 to 100,000.
    separation : float, default 0.9
        Two items are separated if one outranks the other with this probability or more; otherwise they are tied.
    seed : int, default 0
        Seed of the draws.

    Raises
    ------
    InputError
        If a setting is out of its range.

    Examples
    --------
    >>> RankDraws(separation=0.95).draws
    10000
    """

    draws: int = 10_000
    separation: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        if isinstance(self.draws, bool) or not isinstance(self.draws, int) or not _DRAWS[0] <= self.draws <= _DRAWS[1]:
            msg = f"ranking.draws={self.draws!r} must be a whole number from {_DRAWS[0]:,} to {_DRAWS[1]:,}."
            raise InputError(msg)
        if isinstance(self.separation, bool | str) or not _SEPARATION[0] < self.separation <= _SEPARATION[1]:
            msg = f"ranking.separation={self.separation!r} must be above {_SEPARATION[0]} and at most {_SEPARATION[1]}."
            raise InputError(msg)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            msg = f"ranking.seed={self.seed!r} must be a whole number of 0 or more."
            raise InputError(msg)
