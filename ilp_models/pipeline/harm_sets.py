"""Load the harm sets that the package has, from the files that the command line reads."""

from pathlib import Path
from typing import Any, Final

import yaml

import ilp_models
from ilp_models.domain.errors import InputError
from ilp_models.domain.harm import OWN, HarmSet

_GROUP: Final = "harm"
_TARGET: Final = "_target_"


def load_harm_set(name: str) -> HarmSet:
    """Return a harm set of the package, such as the weights of Canada's Crime Severity Index.

    The numbers are quoted from other documents and were not compared with the originals; see ``docs/harm.md``.

    Parameters
    ----------
    name : str
        ``csi_2009`` (Canada) or ``ons_css`` (England and Wales). For a set of your own see
        :meth:`~ilp_models.HarmSet.from_csv`.

    Returns
    -------
    HarmSet
        The same that ``harm=[NAME]`` gives on the command line.

    Raises
    ------
    InputError
        If the package has no set of this name.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> ilp.load_harm_set("csi_2009").for_types(["Robbery", "Auto Theft"]).weight
    array([583.,  84.])
    """
    files = {path.stem: path for place in _places() for path in sorted(place.glob("*.yaml")) if path.stem != OWN}
    if name not in files:
        msg = f"There is no harm set {name!r}. Choose one of {', '.join(files)}, or HarmSet.from_csv for your own."
        raise InputError(msg)
    content: dict[str, Any] = yaml.safe_load(files[name].read_text(encoding="utf-8"))
    return HarmSet(**{key: value for key, value in content.items() if key != _TARGET})


def _places() -> tuple[Path, ...]:
    package = Path(ilp_models.__file__).resolve().parent
    return tuple(place / "configs" / _GROUP for place in (package, package.parent))
