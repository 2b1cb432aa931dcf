"""Say where a setting belongs that the data or grid of only some jurisdictions of a region has."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from hydra.errors import HydraException
from omegaconf import OmegaConf

from ilp_models.cli.errors import UsageError
from ilp_models.cli.help import find_options
from ilp_models.cli.jurisdiction import JURISDICTION
from ilp_models.cli.settings import Settings

REGION: Final = "region"
_PLAIN: Final = re.compile(r"[\w./=-]+")  # a word that YAML reads as text without quotes


def region_hint(settings: Settings) -> str:
    """Return the line for the file of the region where a command has a setting of only some options; else empty."""
    chosen = [word.partition("=")[2] for word in settings.overrides if word.startswith(f"{REGION}=")]
    folders = [settings.configs, *([settings.extra] if settings.extra else [])]
    path = find_options(folders).get(REGION, {}).get(chosen[-1]) if chosen else None
    if path is None:
        return ""
    plan: Any = OmegaConf.to_container(OmegaConf.load(path))
    names = list(map(str, plan.get("jurisdictions") or [])) if isinstance(plan, dict) else []
    for word in settings.overrides:
        if word.startswith(f"{REGION}=") or _accepts(settings, word):
            continue
        having = [name for name in names if _accepts(settings, word, name)]
        if having:
            where = f"Leave it out of the command, and add to {path}"
            if settings.configs in path.parents:  # a packaged file, which an update would replace
                where = f"Copy {path} to region/ in your folder of --config-dir under a new name, and add to it"
            verb = "has" if len(having) == 1 else "have"
            return f"Of the region, {', '.join(having)} {verb} it. {where}: {_line(word, having, names)}"
    return ""


def _accepts(settings: Settings, word: str, name: str = "") -> bool:
    """Return whether a command with this setting alone can be composed, or that of a jurisdiction."""
    words = (*([f"{JURISDICTION}={name}"] if name else []), word)
    one = replace(settings, overrides=words).with_additions()
    try:
        with one.fitted_to(name or None) as fitted:
            fitted.compose(one.overrides)
    except (HydraException, UsageError):
        return False
    return True


def _line(word: str, having: Sequence[str], names: Sequence[str]) -> str:
    """Return the lines of the file in YAML's short form."""
    text = word if _PLAIN.fullmatch(word) else json.dumps(word, ensure_ascii=False)
    if list(having) == list(names):
        return f"settings: [{text}]"
    return f"exceptions: {{{', '.join(f'{name}: [{text}]' for name in having)}}}"
