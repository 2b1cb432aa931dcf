"""Words that name persons, their attributes and their identifiers, read from `personal_words.toml`."""

import tomllib
from importlib.resources import files
from typing import Final

_TEXTS: Final[dict[str, str]] = tomllib.loads(
    files("ilp_models.data").joinpath("personal_words.toml").read_text(encoding="utf-8")
)

SUBJECTS: Final = frozenset(_TEXTS["subjects"].split())
ATTRIBUTES: Final = frozenset(_TEXTS["attributes"].split())
EMBEDDED: Final = tuple(_TEXTS["embedded"].split())
PAIRS: Final = frozenset(tuple(pair.split("_")) for pair in _TEXTS["pairs"].split())
PATROLS: Final = frozenset(_TEXTS["patrols"].split())
PATROL_PAIRS: Final = frozenset(tuple(pair.split("_")) for pair in _TEXTS["patrol_pairs"].split())
POSITIONS: Final = frozenset(_TEXTS["positions"].split())
IMPERSONAL: Final = frozenset(_TEXTS["impersonal"].split())
GIVEN_NAMES: Final = frozenset(_TEXTS["given_names"].split())
PERSON_GROUPS: Final = frozenset(_TEXTS["person_groups"].split())
UNKNOWN: Final = frozenset(_TEXTS["unknown"].split())
LOOK_ALIKES: Final = str.maketrans(_TEXTS["look_alikes"], _TEXTS["latin"])
