"""Take the settings of a task from the run that it is about, so that the user need not repeat them."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from ilp_models.cli.errors import UsageError
from ilp_models.domain.local_file import file_in_folder

FROM_RUN: Final = "from_run"  # key of a task that lists what it takes from the run of `source`
_STORED: Final = ".hydra/config.yaml"
_NEW_RECORDS: Final = "data"  # the records of a run grow: their path and span may differ
_MAX_BYTES: Final = 1 << 20
_RESOLVER: Final = re.compile(r"\$\{\s*([\w.]+)\s*:")
_ALLOWED: Final = ("oc.select",)


def with_run_settings(cfg: DictConfig, overrides: Sequence[str], options: Sequence[str]) -> DictConfig:
    """Return the settings of a task with those that its run recorded.

    A command that chooses options, such as ``data=NAME`` or an experiment, gives all settings itself. Otherwise
    settings of the run other than those of the records can only be repeated, and not changed.
    """
    keys = [str(key) for key in cfg[FROM_RUN]]
    plain = OmegaConf.create({key: value for key, value in cfg.items_ex(resolve=False) if key != FROM_RUN})
    words = [word for word in _parsed(overrides) if word.key_or_group.partition(".")[0] in (*keys, *_whole(options))]
    if any(word.key_or_group in options for word in words):
        return plain
    stored = _stored(Path(str(OmegaConf.select(plain, "source"))))
    if stored is None:
        return plain
    for key in keys:
        if key in stored:
            plain[key] = stored._get_node(key)
    for word in words:
        head, value = word.key_or_group.partition(".")[0], word.value()
        if head == _NEW_RECORDS:
            OmegaConf.update(plain, word.key_or_group, value, force_add=True)
        elif _selected(plain, word.key_or_group) != value:
            msg = (
                f"{word.key_or_group}={value} contradicts the run in {plain.source}, which has {word.key_or_group}="
                f"{_selected(plain, word.key_or_group)}. Leave it out, or make a new run with it."
            )
            raise UsageError(msg)
    return plain


def _whole(options: Sequence[str]) -> Iterator[str]:
    """Yield options that replace settings of several kinds."""
    yield from (name for name in ("experiment", "jurisdiction") if name in options)


def _parsed(overrides: Sequence[str]) -> Iterator[Override]:
    yield from OverridesParser.create().parse_overrides(list(overrides))


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
