"""Which jurisdictions a region has, with which settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ilp_models.domain.errors import InputError

Words = Sequence[str]  # settings as typed in a command, such as grid.size=500


@dataclass(frozen=True)
class RegionPlan:
    """The jurisdictions of a region.

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

    Raises
    ------
    InputError
        If there is no jurisdiction, a name repeats or cannot be a folder, an unknown jurisdiction is named, settings
        are not a list, or residents are not above 0.
    """

    jurisdictions: Sequence[str]
    settings: Words = ()
    exceptions: Mapping[str, Words] = field(default_factory=dict)
    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    population: Mapping[str, float] = field(default_factory=dict)
    population_source: str = ""

    def __post_init__(self) -> None:
        """Check names, settings and residents."""
        names = [str(name) for name in self.jurisdictions] if _is_list(self.jurisdictions) else []
        wrong = [name for name in names if not name.replace("-", "").replace("_", "").isalnum()]
        if not names or wrong or len(set(names)) < len(names):
            msg = (
                f"region.jurisdictions={self.jurisdictions} must list jurisdictions by the names of their files, each "
                "once, such as [north, south]. Correct the file of the region."
            )
            raise InputError(msg)
        members = [name for inside in self.parts.values() for name in inside]
        check_members(names, exceptions=self.exceptions, parts=members, population=self.population)
        check_residents(self.population)
        for setting, words in {"settings": self.settings, **self.exceptions}.items():
            where = setting if words is self.settings else f"exceptions.{setting}"
            if not _is_list(words) or not all(isinstance(word, str) and "=" in word for word in words):
                msg = f"region.{where}={words} must be a list of settings as typed in a command: [grid.size=500]."
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


def _is_list(given: object) -> bool:
    return isinstance(given, Sequence) and not isinstance(given, str)
