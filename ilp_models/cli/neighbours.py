"""Find the records of neighbours: a jurisdiction names its neighbours, and their files say where the records are."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from omegaconf import OmegaConf

from ilp_models.cli.errors import BROKEN, UsageError, error_message
from ilp_models.cli.help import find_options
from ilp_models.cli.instantiate import build_parts
from ilp_models.cli.jurisdiction import JURISDICTION
from ilp_models.cli.settings import Settings

_UNUSABLE: Final = "ilp_models.data.neighbours.UnusableRecords"  # by its name, because a command must start fast
_SCHEME: Final = "crime_scheme"  # of the crime types; records of neighbours get that of the jurisdiction


def with_neighbours(config: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the settings of a task with the data declarations of the neighbours instead of their names."""
    node = config.get("neighbours")
    names = node.get("jurisdictions") if isinstance(node, dict) else None
    if isinstance(names, str):
        msg = f"neighbours.jurisdictions={names} must be a list of names of files in jurisdiction/, such as [{names}]."
        raise UsageError(msg)
    if isinstance(names, list) and settings.jurisdiction in names:
        msg = f"neighbours.jurisdictions names {settings.jurisdiction}, which is the jurisdiction itself. Remove it."
        raise UsageError(msg)
    if not isinstance(names, list) or not names or not isinstance(node, dict):
        return config
    own = config.get("data")
    scheme = own.get(_SCHEME) if isinstance(own, dict) else None
    declared = {str(name): _usable(str(name), settings, scheme) for name in names}
    return {**config, "neighbours": {**node, "jurisdictions": declared}}


def _usable(name: str, settings: Settings, scheme: Any) -> Any:
    """Return the data declaration of a neighbour; if its settings are wrong, one whose records cannot be read."""
    _check_name(name, settings)
    words = (f"{JURISDICTION}={name}",)
    one = replace(settings, overrides=words)
    one.check_hydra()  # also that the file of the user is not hidden by a packaged one
    try:
        with one.fitted_to(name) as fitted:
            declared: Any = OmegaConf.to_container(fitted.compose(words).data, resolve=True)
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
