"""Find the records of neighbours: a jurisdiction names its neighbours, and their files say where the records are."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from omegaconf import OmegaConf

from ilp_models.cli.errors import BROKEN, UsageError, error_message
from ilp_models.cli.help import find_options
from ilp_models.cli.instantiate import build_parts
from ilp_models.cli.jurisdiction import JURISDICTION
from ilp_models.cli.settings import Settings
from ilp_models.domain.region_plan import key_of

_UNUSABLE: Final = "ilp_models.data.neighbours.UnusableRecords"  # by its name, because a command must start fast
DATA: Final = "data"  # the group of settings that say where records come from
_SCHEME: Final = "crime_scheme"  # of the crime types; records of neighbours get that of the jurisdiction


def with_neighbours(config: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the settings of a task with the data declarations of the neighbours instead of their names.

    Instead of a name, an entry can give settings of the records, as typed in a command: ``{north: [data.weeks=60]}``.
    """
    node = config.get("neighbours")
    names = node.get("jurisdictions") if isinstance(node, dict) else None
    if isinstance(names, str):
        msg = f"neighbours.jurisdictions={names} must be a list of names of files in jurisdiction/, such as [{names}]."
        raise UsageError(msg)
    words = words_by_name(names)
    if settings.jurisdiction in words:
        msg = f"neighbours.jurisdictions names {settings.jurisdiction}, which is the jurisdiction itself. Remove it."
        raise UsageError(msg)
    if not words or not isinstance(node, dict):
        return config
    data = config.get(DATA)
    scheme = data.get(_SCHEME) if isinstance(data, dict) else None
    declared = {name: _usable(name, settings, scheme, own) for name, own in words.items()}
    return {**config, "neighbours": {**node, "jurisdictions": declared}}


def setting_of(words: Mapping[str, Sequence[str]]) -> str:
    """Return the setting of a command that names neighbours, with settings of their records."""
    each = [f"{{{name}:[{','.join(map(_quoted, own))}]}}" if own else name for name, own in words.items()]
    return f"neighbours.jurisdictions=[{','.join(each)}]"


def _quoted(word: str) -> str:
    """Return a text in quotes, as Hydra reads it; backslashes count only before a quote."""
    return "'" + re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), word) + "'"


def words_by_name(names: Any) -> dict[str, tuple[str, ...]]:
    """Return the settings of the records of each neighbour; nothing where their declarations are already there."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in names if isinstance(names, list) else []:
        for name, words in (entry if isinstance(entry, dict) else {entry: []}).items():
            if not isinstance(words, list) or not all(key_of(str(word)) == DATA for word in words):
                msg = (
                    f"neighbours.jurisdictions has {name}: {words}, which must be a list of settings of the group "
                    f"{DATA}, such as [data.weeks=60]."
                )
                raise UsageError(msg)
            found[str(name)] = tuple(map(str, words))
    return found


def _usable(name: str, settings: Settings, scheme: Any, own: Sequence[str]) -> Any:
    """Return the data declaration of a neighbour; if its settings are wrong, one whose records cannot be read."""
    _check_name(name, settings)
    replace(settings, overrides=(f"{JURISDICTION}={name}",)).check_hydra()  # no packaged file hides that of the user
    one = replace(settings, overrides=(f"{JURISDICTION}={name}", *own))
    try:
        one = one.with_additions()
        with one.fitted_to(name) as fitted:
            declared: Any = OmegaConf.to_container(fitted.compose(one.overrides).data, resolve=True)
        if scheme is not None and _SCHEME in declared:
            declared[_SCHEME] = scheme
        build_parts({"data": declared})
    except BROKEN as error:
        why = f"jurisdiction/{name}.yaml cannot be used: {error_message(error)[0]}"
        return {"_target_": _UNUSABLE, "why": why}
    return declared


def _check_name(name: str, settings: Settings) -> None:
    """Raise UsageError unless a jurisdiction has a file."""
    folders = [settings.configs, *([settings.extra] if settings.extra else [])]
    known: dict[str, Path] = find_options(folders).get(JURISDICTION, {})
    if name not in known:
        msg = (
            f"neighbours.jurisdictions names {name}, and there is no jurisdiction/{name}.yaml. Give the folder with "
            f"it with --config-dir, or name one of {', '.join(known) or 'none'}."
        )
        raise UsageError(msg)
