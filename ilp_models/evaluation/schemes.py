"""Schemes of assignment: matched pairs, blocks, crossover, stepped wedge, and no randomisation at all."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.domain.trial import Scheme
from ilp_models.domain.trial_design import TrialDesign

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.integer[Any]]

OUT: Final = -1  # block of a unit that takes no part


@dataclass(frozen=True)
class BlockedRandomisation:
    """Units of similar usual counts form blocks; in each block a share is drawn for treatment, for the whole trial.

    Parameters
    ----------
    block_size : int, default 4
        Units in a block, 2 or more. Units that fill no block, those with the lowest counts, take no part.
    share : float, default 0.5
        Share of each block that is treated; it must give a whole number of units.

    Raises
    ------
    InputError
        If no whole number of units, or all or none of them, would be treated.

    Examples
    --------
    >>> import numpy as np
    >>> scheme = BlockedRandomisation(block_size=2)
    >>> scheme.blocks(np.array([1.0, 9.0, 8.0, 2.0])).tolist()
    [1, 0, 0, 1]
    """

    block_size: int = 4
    share: float = 0.5
    name: ClassVar[str] = "blocked randomisation"
    randomised: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse blocks of which all or none are treated."""
        if self.block_size < 2 or not 0 < self._treated < self.block_size or self._treated % 1:
            msg = (
                f"block_size={self.block_size} and share={self.share} treat {self._treated:g} units of each block. "
                "Give a share that treats a whole number of units, but not all of them."
            )
            raise InputError(msg)

    @property
    def _treated(self) -> float:
        return round(self.share * self.block_size, 9)

    def blocks(self, usual: Floats) -> Integers:
        """Return the block of each unit, in order of usual counts; -1 for units that fill no block."""
        order = np.argsort(-usual, kind="stable")
        blocks = np.full(len(usual), OUT)
        whole = len(usual) // self.block_size * self.block_size
        blocks[order[:whole]] = np.arange(whole) // self.block_size
        return blocks

    def draw(self, blocks: Integers, periods: int, draws: int, generator: np.random.Generator) -> Bools:
        """Return assignments of shape (draws, units, 1)."""
        del periods
        inside = np.flatnonzero(blocks >= 0)
        order = inside[np.argsort(blocks[inside], kind="stable")]
        drawn = np.zeros((draws, len(blocks)), dtype=bool)
        lots = generator.random((draws, len(order) // self.block_size, self.block_size))
        last = int(self._treated) - 1
        drawn[:, order] = (lots <= np.partition(lots, last, axis=2)[:, :, last : last + 1]).reshape(draws, -1)
        return drawn[:, :, None]

    def analysed(self, treated: Bools) -> Bools:
        """Return that all periods are analysed."""
        return np.ones_like(treated)


@dataclass(frozen=True)
class MatchedPairs(BlockedRandomisation):
    """Pairs of units with similar usual counts; a coin decides which one is treated.

    Parameters
    ----------
    block_size : int, default 2
        Units in a block. Other numbers are those of `BlockedRandomisation`.
    share : float, default 0.5
        Share of each block that is treated.

    Examples
    --------
    >>> import numpy as np
    >>> scheme = MatchedPairs()
    >>> blocks = scheme.blocks(np.array([5.0, 4.0, 1.0, 1.0]))
    >>> scheme.draw(blocks, 10, 1, np.random.default_rng(0)).shape
    (1, 4, 1)
    """

    block_size: int = 2
    share: float = 0.5
    name: ClassVar[str] = "matched pairs"


@dataclass(frozen=True)
class Crossover:
    """Each unit is treated in half of its slots of time, in an order that is drawn for each pair of slots.

    Parameters
    ----------
    slot : int, default 1
        Periods in a slot.
    washout : int, default 0
        Periods after each change of treatment that are not analysed, because the effect may last; below ``slot``.

    Raises
    ------
    InputError
        If a slot has no period that is analysed.

    Examples
    --------
    >>> import numpy as np
    >>> scheme = Crossover(slot=2, washout=1)
    >>> scheme.analysed(np.array([[True, True, False, False]])).tolist()
    [[True, True, False, True]]
    """

    slot: int = 1
    washout: int = 0
    name: ClassVar[str] = "crossover"
    randomised: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse slots without a period that is analysed."""
        if self.slot < 1 or not 0 <= self.washout < self.slot:
            msg = f"slot={self.slot} must be at least 1, and washout={self.washout} from 0 to less than slot."
            raise InputError(msg)

    def blocks(self, usual: Floats) -> Integers:
        """Return one block for each unit, which is compared with itself."""
        return np.arange(len(usual))

    def draw(self, blocks: Integers, periods: int, draws: int, generator: np.random.Generator) -> Bools:
        """Return assignments of shape (draws, units, periods); whole pairs of slots only."""
        pairs = periods // (2 * self.slot)
        if periods % (2 * self.slot) or not pairs:
            msg = f"{periods} periods are no whole number of pairs of slots of {self.slot}."
            raise InputError(msg, f"Give a multiple of {2 * self.slot} periods.")
        first = generator.random((draws, len(blocks), pairs)) < 0.5
        slots = np.stack([first, ~first], axis=3).reshape(draws, len(blocks), 2 * pairs)
        return np.repeat(slots, self.slot, axis=2)

    def analysed(self, treated: Bools) -> Bools:
        """Return which periods are not washout."""
        kept = np.ones_like(treated)
        changed = np.zeros_like(treated)
        changed[:, 1:] = treated[:, 1:] != treated[:, :-1]
        for later in range(self.washout):
            kept[:, later:] &= ~changed[:, : changed.shape[1] - later]
        return kept


@dataclass(frozen=True)
class SteppedWedge:
    """All units begin without treatment; at each step more of them, in random order, are treated until the end.

    Parameters
    ----------
    steps : int, default 4
        Steps at which units begin. The trial has ``steps + 1`` spans of equal length.

    Raises
    ------
    InputError
        If there are fewer than 2 steps.

    Examples
    --------
    >>> import numpy as np
    >>> scheme = SteppedWedge(steps=2)
    >>> drawn = scheme.draw(scheme.blocks(np.ones(4)), 6, 1, np.random.default_rng(0))
    >>> drawn[0].sum(axis=0).tolist()
    [0, 0, 2, 2, 4, 4]
    """

    steps: int = 4
    name: ClassVar[str] = "stepped wedge"
    randomised: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse a single step, which compares only times."""
        if self.steps < 2:
            msg = f"steps={self.steps} must be at least 2; with one step all units begin together."
            raise InputError(msg)

    def blocks(self, usual: Floats) -> Integers:
        """Return blocks of as many units as there are steps, in order of usual counts."""
        return BlockedRandomisation(self.steps, 1 / self.steps).blocks(usual)

    def draw(self, blocks: Integers, periods: int, draws: int, generator: np.random.Generator) -> Bools:
        """Return assignments of shape (draws, units, periods): one unit of each block begins at each step."""
        spans = self.steps + 1
        if periods % spans or not periods:
            msg = f"{periods} periods cannot be cut into {spans} equal spans."
            raise InputError(msg, f"Give a multiple of {spans} periods.")
        inside = np.flatnonzero(blocks >= 0)
        order = inside[np.argsort(blocks[inside], kind="stable")]
        lots = generator.random((draws, len(order) // self.steps, self.steps))
        begins = np.full((draws, len(blocks)), periods)
        ranks = lots.argsort(axis=2).argsort(axis=2).reshape(draws, -1)
        begins[:, order] = (ranks + 1) * (periods // spans)
        return np.arange(periods) >= begins[:, :, None]

    def analysed(self, treated: Bools) -> Bools:
        """Return that all periods are analysed."""
        return np.ones_like(treated)


@dataclass(frozen=True)
class Observational:
    """No randomisation: the treated units were chosen. What such a comparison shows may have other causes.

    Examples
    --------
    >>> Observational().randomised
    False
    """

    name: ClassVar[str] = "observational"
    randomised: ClassVar[bool] = False

    def blocks(self, usual: Floats) -> Integers:
        """Return one block of all units."""
        return np.zeros(len(usual), dtype=int)

    def draw(self, blocks: Integers, periods: int, draws: int, generator: np.random.Generator) -> Bools:
        """Raise InputError, because nothing was drawn."""
        del blocks, periods, draws, generator
        msg = (
            "An observational design has no draws, so that there is no randomisation test. Use differences, the "
            "displacement difference or a synthetic control."
        )
        raise InputError(msg)

    def analysed(self, treated: Bools) -> Bools:
        """Return that all periods are analysed."""
        return np.ones_like(treated)


_SCHEMES: Final = (MatchedPairs, BlockedRandomisation, Crossover, SteppedWedge, Observational)


def scheme_of(design: TrialDesign) -> Scheme:
    """Return the scheme of a design; InputError if its name or settings are unknown."""
    found = next((one for one in _SCHEMES if one.name == design.scheme), None)
    try:
        if found is not None:
            return found(**design.scheme_settings)
    except TypeError as error:
        msg = f"The settings {dict(design.scheme_settings)} do not fit the scheme {design.scheme}. Design it again."
        raise InputError(msg) from error
    msg = f"The scheme {design.scheme!r} is unknown. Use one of {', '.join(one.name for one in _SCHEMES)}."
    raise InputError(msg)
