"""Compose the settings of a task with Hydra, describe them for --help, and suggest corrections of misspelt ones."""

import difflib
import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ilp_models.cli.errors import UsageError
from ilp_models.cli.help import find_groups, find_options, find_package, plain_settings, read_comments, read_help
from ilp_models.cli.hydra_settings import check_folder, check_names, check_single, check_words, compose_settings
from ilp_models.cli.jurisdiction import JURISDICTION, fitted_options
from ilp_models.cli.renamed_settings import OPTIONS, first_renamed
from ilp_models.cli.run_settings import FROM_RUN

ONLY_OF: Final = "Only these options have this setting"
_FLAGS = """\
Flags
  -m, --multirun     run once for each value: ilp {task} -m 'name=first,second'
  --cfg job          print the settings and stop
  --config-dir DIR   add your own options from DIR/<group>/<option>.yaml
  --info             print where each setting comes from
  --debug            print the full trace of an error
"""


@dataclass(frozen=True)
class Settings:
    """The settings of a command and the options that it could choose."""

    configs: Path  # configuration folder of the package
    task: str
    overrides: tuple[str, ...] = ()  # such as `model=ewma`
    extra: Path | None = None  # folder of --config-dir
    _composed: dict[tuple[Path | None, tuple[str, ...]], DictConfig] = field(
        default_factory=dict, repr=False, compare=False
    )  # of this command: to compose takes as long as to read all its files

    def explain(self) -> str:
        """Return the help page of the task with the chosen options."""
        cfg = self.compose(self.overrides)
        primary = self.configs / f"{self.task}.yaml"
        manual = read_help(primary)
        page = [f"ilp {self.task}: {manual.summary}.", ""]
        page += [manual.text, ""] if manual.text else []
        page += ["Examples", *(f"  {line}" for line in manual.examples), ""]
        page += ["Choose an option with group=option (* marks the chosen ones), change a setting with key=value", ""]
        page += ["settings of the task"]
        page += self._describe(cfg, self.configs / "_terminal.yaml", "")
        page += self._describe(cfg, primary, "")
        options = self._options()
        first = [group for group in find_groups(primary) if group in options]
        for group in [*first, *(group for group in options if group not in first)]:
            if group in first or group in cfg.hydra.runtime.choices:
                page += ["", *self._explain_group(cfg, group, options[group])]
        page += ["", _FLAGS.format(task=self.task)]
        return "\n".join(page)

    def with_additions(self) -> "Settings":
        """Return the settings with ``++`` before overrides that add names, as Hydra requires.

        In a setting such as ``layers: {}``, the user chooses the names: ``layers.bars.path=bars.geojson``. An option
        also takes the settings that only another option of its class lists: ``data=toronto data.time_formats=[...]``.
        """
        heads, options = {word.partition(".")[0] for word in self.overrides}, self._options()
        files = [(path, find_package(path, group)) for group in heads for path in options.get(group, {}).values()]
        files.append((self.configs / f"{self.task}.yaml", ""))
        plain = [(plain_settings(path), where) for path, where in files]
        free = tuple(f"{key}{end}" for node, where in plain for key in _find_empty(node, where) for end in ".=")
        more = tuple(f"{key}=" for key in self._settings_of_class())
        taken = plain_settings(self.configs / f"{self.task}.yaml").get(FROM_RUN, ())
        free += tuple(f"{key}." for key in taken)  # of the run, which may have another class
        words = tuple(f"++{word}" if word.startswith((*free, *more)) else word for word in self.overrides)
        return replace(self, overrides=words)

    def _settings_of_class(self) -> Iterator[str]:
        """Yield each override that the chosen option does not list, and another option of its class does."""
        overridden = [key for word in self._parsed() if "." in (key := word.key_or_group)]
        if not overridden:
            return
        try:
            chosen = OmegaConf.to_container(self.compose(self._choices()))
        except HydraException:  # an unknown option, which gets its own error
            return
        for key in overridden:
            others = self._listing(key) if _select(chosen, key) is _ABSENT else {}
            if any(_target(chosen, package) == target for package, target in others.values()):
                yield key

    def _listing(self, key: str) -> dict[str, tuple[str, str]]:
        """Return package and class of each option that lists a setting, such as ``data=delimited``."""
        found, head = {}, key.partition(".")[0]
        for group, options in self._options().items():
            for name, path in options.items() if group.partition("/")[0] == head else ():
                package, node = find_package(path, group), OmegaConf.load(path)
                if key in {f"{package}.{one}" for one in _flatten(node, "")}:
                    found[f"{group}={name}"] = (package, str(_select(OmegaConf.to_container(node), "_target_")))
        return found

    def suggest(self) -> str:
        """Return a hint for the first override with an unknown option or setting."""
        words = list(self._parsed())
        options = self._options()
        for word in words:
            key, wrong = word.key_or_group, _unknown(word, options)
            if wrong:
                near = difflib.get_close_matches(wrong[0], options[key], n=1)
                names = ", ".join(options[key])
                return f"Did you mean {key}={near[0]}?" if near else f"Options of {key}: {names}."
        listed = f"`ilp {self.task} --help` lists the settings."
        own = self.groups
        if any(word.key_or_group in options and word.key_or_group not in own for word in words):
            return listed
        keys = [*(group for group in options if group in own), *_flatten(self.compose(self._choices()), "")]
        for word in words:
            key = word.key_or_group
            if key not in keys and not (word.is_add() or word.is_force_add()):
                # an option of a group that the task does not have could not be chosen
                others = [option for option in self._listing(key) if option.partition("=")[0] in own]
                if others:
                    return f"{ONLY_OF}: {', '.join(others)}. Choose one, or leave it out."
                near = difflib.get_close_matches(key, keys, n=1)
                return f"Did you mean {near[0]}?" if near else listed
        return ""

    @property
    def jurisdiction(self) -> str | None:
        """The jurisdiction that the command chooses."""
        chosen = [word.value() for word in self._parsed() if word.key_or_group == JURISDICTION]
        return str(chosen[-1]) if chosen and chosen[-1] is not None else None

    @property
    def groups(self) -> set[str]:
        """The groups of options that the task has."""
        return {*find_groups(self.configs / f"{self.task}.yaml"), *self.compose(()).hydra.runtime.choices}

    @property
    def known_groups(self) -> tuple[str, ...]:
        """The groups of options of all tasks."""
        return tuple(self._options())

    def check_command(self, *, multirun: bool) -> None:
        """Raise UsageError for a setting that is not safe, was renamed, or has several values in a single run."""
        self.check_hydra()
        self.check_renamed()
        swept = [word for word in self._parsed() if word.is_sweep_override() and not multirun]
        if swept and all(word.key_or_group != "hydra.mode" for word in self._parsed()):
            check_single(swept[0], self.compose(self._choices()))

    def check_hydra(self) -> None:
        """Raise UsageError for settings of Hydra itself that could run code."""
        check_words(self._parsed())
        if self.extra is not None:
            check_folder(self.extra)
            check_names(self.configs, self.extra, self._parsed())

    def check_renamed(self) -> None:
        """Raise UsageError for a renamed setting or option in the command or in a file of the user."""
        for word in self.overrides:
            if word in OPTIONS:
                msg = f"{word} was renamed. Use {OPTIONS[word]}."
                raise UsageError(msg)
        found = first_renamed(word.key_or_group for word in self._parsed())
        where = "the command"
        if found is None and self.extra is not None:
            where, found = next(self._renamed_in_files(self.extra), ("", None))
        if found is not None:
            msg = f"The setting {found[0]} in {where} was renamed. Use {found[1]}."
            raise UsageError(msg)

    def _renamed_in_files(self, folder: Path) -> Iterator[tuple[str, tuple[str, str]]]:
        for group, options in find_options([folder]).items():
            for path in options.values():
                plain, package = OmegaConf.load(path), find_package(path, group)
                found = first_renamed(f"{package}.{key}".lstrip(".") for key in _flatten(plain, ""))
                if found is not None:
                    yield str(path), found

    def check_kinds(self) -> None:
        """Raise UsageError for text in place of a number or of true and false, and for null in place of an option."""
        self._check_options()
        words = [word for word in self._parsed() if isinstance(word.value(), str) and not word.is_delete()]
        if not words:
            return
        plain = OmegaConf.to_container(self.compose(self._choices()))
        for word in words:
            default = _select(plain, word.key_or_group)
            checked = not word.key_or_group.startswith("hydra.") and "${" not in str(word.value())
            if checked and isinstance(default, int | float):
                kind = "true or false" if isinstance(default, bool) else "a number"
                msg = f"{word.key_or_group}={word.value()} must be {kind}, such as {_as_text(default)}."
                raise UsageError(msg)

    def _check_options(self) -> None:
        """Raise UsageError where a group of options, or the folder of the results, is null."""
        choices = {**self._options(), "output": ("outputs",)}
        for word in self._parsed():
            key = word.key_or_group
            if word.value() is None and key in choices and not word.is_delete():
                msg = f"{key}=null is not possible. Choose among {', '.join(choices[key])}, or leave the setting out."
                raise UsageError(msg)

    def _parsed(self) -> Iterator[Override]:
        parser = OverridesParser.create()
        for word in self.overrides:
            try:
                yield parser.parse_override(word)
            except HydraException:
                continue

    def _choices(self) -> tuple[str, ...]:
        """Return the overrides that choose an option of a group."""
        options = self._options()
        given = [word for word in self._parsed() if word.key_or_group in options and word.value() is not None]
        chosen = [word for word in given if not word.is_sweep_override()]
        return tuple(str(word.input_line) for word in chosen)

    def _options(self) -> dict[str, dict[str, Path]]:
        return find_options([self.configs, *([self.extra] if self.extra else [])])

    def compose(self, overrides: tuple[str, ...]) -> DictConfig:
        """Return the composed settings, those of Hydra included; also while Hydra runs a task."""
        key = (self.extra, overrides)
        if key not in self._composed:
            extra = [f"hydra.searchpath=['file://{self.extra.resolve()}']"] if self.extra else []
            self._composed[key] = compose_settings(self.configs, self.task, [*extra, *overrides])
        return self._composed[key]

    @contextmanager
    def fitted_to(self, name: str | None) -> Iterator["Settings"]:
        """Give the settings with options of the user that fit a jurisdiction to the task."""
        if name is None:  # then it does not matter which groups the task has
            yield self
            return
        with fitted_options(self.extra, name, self.task, self.groups, self.known_groups) as options:
            yield replace(self, extra=options)

    def _explain_group(self, cfg: DictConfig, group: str, options: dict[str, Path]) -> list[str]:
        plain, single = OmegaConf.to_container(cfg), cfg.hydra.runtime.choices.get(group, _ABSENT)
        present = [name for name, path in options.items() if _is_chosen(plain, path, group)]
        now = present if single is _ABSENT else [str(single)]
        page = [f"{group} (several: '{group}=[one,two]')" if single is _ABSENT else group]
        for name, path in options.items():
            mark = "*" if name in now else " "
            page.append(f"  {mark} {group}={name:<{max(map(len, options))}}  {read_help(path).summary}".rstrip())
        for name in now:
            if name in options:
                page += self._describe(cfg, options[name], group)
        return page

    def _describe(self, cfg: DictConfig, path: Path, group: str) -> list[str]:
        """Return a help entry for each setting with a comment, and one entry for all other settings."""
        lines, uncommented = [], []
        package = find_package(path, group)
        plain = OmegaConf.to_container(cfg)
        for key, comment in read_comments(path).items():
            full = f"{package}.{key}".strip(".")
            value = _select(plain, full)
            if value is _ABSENT or full.startswith(("hydra", "defaults")):
                continue
            value, source = _resolved(cfg, full, value)
            if comment:
                setting = f"{full}.*" if isinstance(value, dict) else f"{full}={_as_text(value)}"
                lines.append(_entry(setting, f"{comment}; follows {source}" if source else comment))
            elif not isinstance(value, dict | list) and not key.endswith("_target_") and "." not in key:
                uncommented.append(f"{full}={_as_text(value)}{f' (follows {source})' if source else ''}")
        if uncommented:
            text = ", ".join(uncommented)
            lines.append(textwrap.fill(text, 112, initial_indent=_IN, subsequent_indent=_IN, break_on_hyphens=False))
        return lines


_ABSENT = object()
_REFERENCE = re.compile(r"\$\{(?:oc\.select:)?([\w.]+)")
_IN = " " * 6
_COMMENT_INDENT = " " * 48


def _entry(setting: str, comment: str) -> str:
    wrapped = f"\n{_COMMENT_INDENT}".join(textwrap.wrap(comment, 70))
    start = f"{_IN}{setting}"
    return f"{start:<48}{wrapped}" if len(start) < len(_COMMENT_INDENT) - 1 else f"{start}\n{_COMMENT_INDENT}{wrapped}"


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _resolved(cfg: DictConfig, key: str, value: Any) -> tuple[Any, str]:
    """Return the value of a setting, and the setting that it follows; empty if it follows none."""
    references = _REFERENCE.findall(value) if isinstance(value, str) else []
    if not references:
        return value, ""
    try:
        source = next((one for one in references if OmegaConf.select(cfg, one) is not None), "")
        followed = OmegaConf.select(cfg, key)
    except OmegaConfBaseException:  # the user refers to a setting that does not exist
        return value, ""
    return OmegaConf.to_container(followed) if OmegaConf.is_config(followed) else followed, source


def _select(plain: Any, key: str) -> Any:
    for word in key.split("."):
        if not isinstance(plain, dict) or word not in plain:
            return _ABSENT
        plain = plain[word]
    return plain


def _target(plain: Any, package: str) -> Any:
    return _select(plain, f"{package}._target_")


def _is_chosen(plain: Any, path: Path, group: str) -> bool:
    """Return whether an option is chosen; an experiment may set single settings of options that are not."""
    node = _select(plain, find_package(path, group))
    return isinstance(node, dict) and ("_target_" in node or "_target_" not in plain_settings(path))


def _unknown(word: Override, options: dict[str, dict[str, Path]]) -> list[str]:
    """Return the chosen values that are not options of the group."""
    if word.key_or_group not in options or word.is_delete():
        return []
    value = word.value()
    values = value.list if isinstance(value, ChoiceSweep) else value if isinstance(value, list) else [value]
    return [str(v) for v in values if v is not None and str(v) not in options[word.key_or_group]]


def _find_empty(node: Any, where: str) -> Iterator[str]:
    """Yield the dotted key of each empty mapping in a file."""
    for key, value in node.items() if isinstance(node, dict) else ():
        path = f"{where}.{key}".lstrip(".")
        if value == {}:
            yield path
        else:
            yield from _find_empty(value, path)


def _flatten(node: Any, where: str) -> Iterator[str]:
    if not isinstance(node, DictConfig):
        return
    for key in map(str, node):
        path = f"{where}.{key}".lstrip(".")
        yield path
        yield from _flatten(node._get_node(key), path)


_HYDRA_STARTS: Final = ("'", '"', "[", "{", "$")  # a value that starts so has Hydra's syntax already


def quote_sentences(words: Sequence[str]) -> tuple[str, ...]:
    """Put quotes around values with spaces that Hydra would reject, or read as a list of values."""
    parser = OverridesParser.create()
    return tuple(_quoted(word) if _is_sentence(word, parser) else word for word in words)


def _is_sentence(word: str, parser: OverridesParser) -> bool:
    _, _, value = word.partition("=")
    if " " not in value.strip() or value.lstrip().startswith(_HYDRA_STARTS):
        return False
    try:
        parsed = parser.parse_override(word).value()
    except HydraException:
        return True
    return isinstance(parsed, ChoiceSweep) and parsed.simple_form


def _quoted(word: str) -> str:
    name, _, value = word.partition("=")
    escaped = value.rstrip("\\").replace("'", "\\'")  # a last backslash would escape the quote
    return f"{name}='{escaped}'"
