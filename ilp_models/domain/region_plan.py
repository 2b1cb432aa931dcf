"""Which jurisdictions a region has, with which settings."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ilp_models.domain.errors import InputError

_LEAST_MB: Final = 200
Words = Sequence[str]  # settings as typed in a command, such as grid.size=500
# The run of the region sets these for each jurisdiction: another value could write into the folder or the register of
# another jurisdiction, or forecast it in place of the one that is named.
OWN: Final = ("region", "jurisdiction", "output", "name", "register", "last", "compute", "exit_code", "hydra")


@dataclass(frozen=True)
class RegionPlan:
    """The jurisdictions of a region, as the file of a region lists them. Run it with :func:`run_region`.

    Parameters
    ----------
    jurisdictions : sequence of str
        Names of their files.
    settings : sequence of str, optional
        Settings of all jurisdictions, as typed in a command.
    exceptions : mapping of str to sequence of str, optional
        Settings of single jurisdictions.
    parts : mapping of str to sequence of str, optional
        Jurisdictions of larger areas, of which totals are given.
    population : mapping of str to float, optional
        Residents of jurisdictions, for rates.
    population_source : str, optional
        Where the numbers of residents come from.
    memory_mb : int, optional
        Memory that the process of each jurisdiction may use, in megabytes. One that needs more fails, and does not slow
        down the machine. By default there is no limit. Linux only.

    Raises
    ------
    InputError
        If there is no jurisdiction, or a name repeats, is unknown or cannot be a folder. If settings are not a list, or
        set what the region sets. If residents are not above 0, or the memory is below 200 MB.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> plan = ilp.RegionPlan(["leeds", "york"], exceptions={"york": ["grid.size=400"]}, parts={"Yorkshire": ["leeds"]})
    >>> plan.jurisdictions
    ['leeds', 'york']
    """

    jurisdictions: Sequence[str]
    settings: Words = ()
    exceptions: Mapping[str, Words] = field(default_factory=dict)
    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    population: Mapping[str, float] = field(default_factory=dict)
    population_source: str = ""
    memory_mb: int | None = None

    def __post_init__(self) -> None:
        """Check names, settings and residents."""
        names = list(self.jurisdictions) if _is_list(self.jurisdictions) else []
        wrong = [name for name in names if not _is_name(name)]
        if not names or wrong or len(set(names)) < len(names):
            msg = (
                f"region.jurisdictions={self.jurisdictions} must list jurisdictions by the names of their files, each "
                "once, such as [north, south]. Names have letters, digits, - and _. Write a number, or the word no, in "
                "quotes."
            )
            raise InputError(msg)
        self._check_kinds()
        members = [name for inside in self.parts.values() for name in inside]
        check_members(names, exceptions=self.exceptions, parts=members, population=self.population)
        check_residents(self.population)
        self._check_memory()
        _check_words("settings", self.settings)
        for name, words in self.exceptions.items():
            _check_words(f"exceptions.{name}", words)

    def _check_memory(self) -> None:
        """Raise InputError unless a limit of memory is one that a program can start with, on a system that keeps it."""
        memory = self.memory_mb
        if memory is None:
            return
        if isinstance(memory, bool) or not isinstance(memory, int) or memory < _LEAST_MB:
            msg = f"region.memory_mb={memory} must be a whole number of megabytes, at least {_LEAST_MB}, such as 4000."
            raise InputError(msg)
        if sys.platform != "linux":
            msg = f"region.memory_mb={memory} can be set on Linux only. Leave it out."
            raise InputError(msg)

    def _check_kinds(self) -> None:
        """Raise InputError unless settings that give a value for each name do so."""
        for setting in ("exceptions", "parts", "population"):
            if not isinstance(getattr(self, setting), Mapping):
                msg = f"region.{setting}={getattr(self, setting)} must give a value for each name, such as name: value."
                raise InputError(msg)
        for part, inside in self.parts.items():
            if not _is_list(inside):
                msg = f"region.parts.{part}={inside} must be a list of jurisdictions, such as [{inside}]."
                raise InputError(msg)


def check_members(names: Sequence[str], **named: object) -> None:
    """Raise InputError where a setting names a jurisdiction that the region does not have."""
    for setting, given in named.items():
        unknown = [name for name in given if name not in names] if isinstance(given, Mapping | Sequence) else []
        if unknown:
            msg = f"region.{setting} names {unknown[0]}, which is not among the jurisdictions: {', '.join(names)}."
            raise InputError(msg)


def check_residents(population: Mapping[str, float]) -> None:
    """Raise InputError unless residents are numbers above 0."""
    for name, people in population.items():
        if isinstance(people, bool) or not isinstance(people, int | float) or not 0 < people < float("inf"):
            msg = f"region.population.{name}={people} must be a number of residents above 0. Leave it out if unknown."
            raise InputError(msg)


def key_of(word: str) -> str:
    """Return the first part of the key of a setting, such as grid of ``++grid.size=500``."""
    return re.split(r"[=.@/:]", word.strip().lstrip("+~").strip())[0].strip()


def as_setting(key: str, path: str) -> str:
    """Return a setting with a path, in quotes where Hydra would read its signs, such as commas, as syntax."""
    if re.fullmatch(r"[\w./\\:-]+", path):
        return f"{key}={path}"
    escaped = path.rstrip("\\").replace("'", "\\'")  # a last backslash would escape the quote
    return f"{key}='{escaped}'"


def _check_words(where: str, words: Words) -> None:
    """Raise InputError unless settings are words of a command, and none is one that the region sets."""
    if not _is_list(words) or not all(isinstance(word, str) and "=" in word for word in words):
        msg = f"region.{where}={words} must be a list of settings as typed in a command: [grid.size=500]."
        raise InputError(msg)
    for word in words:
        if key_of(word) in OWN:
            msg = f"region.{where} has {word}, but the region sets {key_of(word)} for each jurisdiction. Remove it."
            raise InputError(msg)


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name.replace("-", "").replace("_", "").isalnum()


def _is_list(given: object) -> bool:
    return isinstance(given, Sequence) and not isinstance(given, str)
