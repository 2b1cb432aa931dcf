"""Take the settings of a task from the run that it is about, so that the user need not repeat them."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from ilp_models.cli.errors import UsageError
from ilp_models.cli.jurisdiction import replaced_group
from ilp_models.domain.local_file import file_in_folder

FROM_RUN: Final = "from_run"  # key of a task that lists what it takes from the run of `source`
_STORED: Final = ".hydra/config.yaml"
_JURISDICTION: Final = "jurisdiction"
_NEW_RECORDS: Final = "data"  # the records of a run grow: their path and span may differ
_MAX_BYTES: Final = 1 << 20
_RESOLVER: Final = re.compile(r"\$\{\s*([\w.]+)\s*:")
_ALLOWED: Final = ("oc.select",)


def with_run_settings(
    cfg: DictConfig,
    overrides: Sequence[str],
    options: Sequence[str],
    standing: Path | None = None,
    experiment: Path | None = None,
) -> DictConfig:
    """Return the settings of a task with those that its run recorded.

    A command that chooses options, such as ``data=NAME`` or an experiment with settings that the run gives, gives all
    settings itself. Otherwise
    settings of the run other than those of the records can only be repeated, and not changed. That also holds for the
    file of standing choices, a jurisdiction.
    """
    keys = [str(key) for key in cfg[FROM_RUN]]
    plain = OmegaConf.create({key: value for key, value in cfg.items_ex(resolve=False) if key != FROM_RUN})
    chosen = set(options) - {_JURISDICTION}
    words = [word for word in _parsed(overrides) if word.key_or_group.partition(".")[0] in keys]
    stored = _stored(Path(str(OmegaConf.select(plain, "source"))))
    if stored is None or _sets(experiment, keys) or any(word.key_or_group in chosen for word in words):
        return plain
    for key in keys:
        if key in stored:
            plain[key] = stored._get_node(key)
    for key, value in _leaves(standing, keys):
        _refuse_other(plain, key, value, f"{standing}: ")
    for word in words:
        if word.key_or_group.partition(".")[0] == _NEW_RECORDS:
            OmegaConf.update(plain, word.key_or_group, word.value(), force_add=True)
        else:
            _refuse_other(plain, word.key_or_group, word.value(), "")
    return plain


def _sets(experiment: Path | None, keys: Sequence[str]) -> bool:
    """Return whether an experiment chooses an option or gives a setting that the run has, too."""
    content: Any = OmegaConf.to_container(OmegaConf.load(experiment)) if experiment is not None else {}
    replaced = map(replaced_group, content.get("defaults") or [])
    return any(name.partition("/")[0] in keys for name in (*content, *filter(None, replaced)))


def _refuse_other(plain: DictConfig, key: str, value: Any, where: str) -> None:
    """Raise UsageError if a setting differs from that of the run."""
    raw = OmegaConf.to_container(plain)
    for name in key.split("."):
        raw = raw.get(name) if isinstance(raw, dict) else None
    if value not in (raw, _selected(plain, key)):
        msg = (
            f"{where}{key}={value} contradicts the run in {plain.source}, which has {key}={raw}. Leave it out, or make "
            "a new run with it."
        )
        raise UsageError(msg)


def _leaves(standing: Path | None, keys: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield the single settings of a file that the run also has, without those of the records."""
    content: Any = OmegaConf.to_container(OmegaConf.load(standing)) if standing is not None else {}
    parts = [(str(key), value) for key, value in content.items() if key in keys and key != _NEW_RECORDS]
    while parts:
        key, value = parts.pop(0)
        if isinstance(value, dict):
            parts += [(f"{key}.{name}", part) for name, part in value.items()]
        else:
            yield key, value


def _parsed(overrides: Sequence[str]) -> Iterator[Override]:
    # reading an item of Hydra's list would replace ${data} by all settings of the records
    words: Any = OmegaConf.to_container(overrides, resolve=False) if OmegaConf.is_config(overrides) else overrides
    yield from OverridesParser.create().parse_overrides([str(word) for word in words])


def _selected(cfg: DictConfig, key: str) -> Any:
    found = OmegaConf.select(cfg, key)
    return OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found


def _stored(source: Path) -> DictConfig | None:
    """Return the settings that a run recorded; None if it has none."""
    if not (source / _STORED).exists():
        return None
    path = file_in_folder(source, _STORED)
    text = path.read_bytes()[: _MAX_BYTES + 1]
    try:
        resolvers = set(_RESOLVER.findall(text.decode("utf-8"))) - set(_ALLOWED)
        found = OmegaConf.create(text.decode("utf-8"))
    except Exception as error:  # damaged YAML can raise any error
        msg = f"{path} is damaged. Ask for a complete copy of the run, or give the settings of the run in the command."
        raise UsageError(msg) from error
    if len(text) > _MAX_BYTES or resolvers or not isinstance(found, DictConfig):
        why = f"it calls {', '.join(sorted(resolvers))}" if resolvers else "it is not a file of settings"
        msg = f"{path} cannot be used: {why}. Ask for a complete copy of the run."
        raise UsageError(msg)
    return found
