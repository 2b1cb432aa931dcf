"""Find the records of neighbours: a jurisdiction names its neighbours, and their files say where the records are."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from hydra.errors import HydraException
from omegaconf import OmegaConf

from ilp_models.cli.errors import UsageError
from ilp_models.cli.help import find_options
from ilp_models.cli.jurisdiction import JURISDICTION
from ilp_models.cli.settings import Settings

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
    declared = {str(name): _declaration(str(name), settings, scheme) for name in names}
    return {**config, "neighbours": {**node, "jurisdictions": declared}}


def _declaration(name: str, settings: Settings, scheme: Any) -> Any:
    """Return the data declaration in the file of a jurisdiction, with a scheme of crime types."""
    folders = [settings.configs, *([settings.extra] if settings.extra else [])]
    known: dict[str, Path] = find_options(folders).get(JURISDICTION, {})
    if name not in known:
        msg = (
            f"neighbours.jurisdictions names {name}, and there is no jurisdiction/{name}.yaml. Give the folder with "
            f"it with --config-dir, or name one of {', '.join(known) or 'none'}."
        )
        raise UsageError(msg)
    words = (f"{JURISDICTION}={name}",)
    one = replace(settings, overrides=words)
    one.check_hydra()  # also that the file of the user is not hidden by a packaged one
    with one.fitted_to(name) as fitted:
        try:
            cfg = fitted.compose(words)
        except HydraException as error:
            msg = f"jurisdiction/{name}.yaml, which neighbours.jurisdictions names, cannot be read: {error}"
            raise UsageError(msg) from error
    plain: Any = OmegaConf.to_container(cfg.data, resolve=True)
    if scheme is not None and _SCHEME in plain:
        plain[_SCHEME] = scheme
    return plain
