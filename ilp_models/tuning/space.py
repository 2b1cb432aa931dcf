"""Search spaces: the settings to search and their ranges or choices."""

import difflib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ilp_models.domain.errors import InputError

_RANGE: Final = {"low", "high", "log"}
_CHOICES: Final = {"choices"}
_EXAMPLE: Final = (
    "'tuning.space={num_leaves: {low: 7, high: 63, log: true}, match_city_total: {choices: [true, false]}}'"
)


@dataclass(frozen=True)
class SearchSetting:
    """One setting of a forecaster and its range (both ends included) or its choices."""

    name: str  # dotted for nested objects: offset.half_life
    low: float | None = None  # whole numbers are searched where both ends are integers
    high: float | None = None
    log: bool = False  # search on a logarithmic scale
    choices: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        """Check the range or the choices."""
        if self.low is None or self.high is None:
            self._check_choices()
            return
        if not all(_is_number(end) for end in (self.low, self.high)) or not self.low < self.high:
            msg = f"{_where(self.name)}: low={self.low} must be a number below high={self.high}."
            raise InputError(msg)
        if self.log and not self.low > 0:
            msg = f"{_where(self.name)}: low={self.low} must be above 0 with log=true. Omit log to start at 0."
            raise InputError(msg)

    def _check_choices(self) -> None:
        try:
            texts = [json.dumps(choice) for choice in self.choices]
        except TypeError as error:
            msg = f"{_where(self.name)}: choices must be numbers, texts, true, false, null or lists of these."
            raise InputError(msg) from error
        if len(set(texts)) < max(2, len(texts)) or any(isinstance(choice, dict) for choice in self.choices):
            msg = f"{_where(self.name)}: choices={list(self.choices)} must be two or more different plain values."
            raise InputError(msg)

    @property
    def is_integer(self) -> bool:
        """Whether only integers are searched."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def contains(self, value: Any) -> bool:
        """Return whether a value is in the range or among the choices."""
        if self.low is None or self.high is None:
            return json.dumps(value, default=str) in [json.dumps(choice) for choice in self.choices]
        return _is_number(value) and self.low <= value <= self.high and not (self.is_integer and value != int(value))

    def __str__(self) -> str:
        """Return the range or the choices as text."""
        if self.low is None:
            return f"choices {json.dumps(list(self.choices))}"
        return f"{self.low} to {self.high}"


def read_space(declared: Mapping[str, Any]) -> tuple[SearchSetting, ...]:
    """Return the settings of a search space in alphabetical order; their order in the file has no effect."""
    return tuple(sorted(_read(declared), key=lambda setting: setting.name))


def check_settings(declared: Mapping[str, Any], params: Mapping[str, Any], forecaster: str) -> None:
    """Raise InputError if a search space names a setting that the forecaster does not have."""
    known = _dotted(params)
    for name, _ in _entries(declared, ""):
        _check_known(name, known, forecaster)


def starting_values(space: tuple[SearchSetting, ...], params: Mapping[str, Any], forecaster: str) -> dict[str, Any]:
    """Return the current value of each setting of a search space."""
    if not space:
        msg = f"tuning.space is empty. Name settings of {forecaster} and their values, such as {_EXAMPLE}."
        raise InputError(msg)
    known = _dotted(params)
    for setting in space:
        _check_known(setting.name, known, forecaster)
        value = known[setting.name]
        if not setting.contains(value):
            msg = (
                f"The current value model.{forecaster}.{setting.name}={json.dumps(value, default=str)} is outside "
                f"{_where(setting.name)} ({setting}). Widen the range, or set a value inside it."
            )
            raise InputError(msg)
    return {setting.name: known[setting.name] for setting in space}


def _dotted(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("__", "."): value for name, value in params.items()}


def _check_known(name: str, known: Mapping[str, Any], forecaster: str) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=1)
    plain = sorted(key for key, value in known.items() if not hasattr(value, "get_params"))
    hint = (
        f"Did you mean {near[0]}?" if near else f"It has {', '.join(plain)}; settings inside lists cannot be searched."
    )
    own = "tuning=optuna 'tuning.space={SETTING: {low: 4, high: 104}}' (or choices)"
    hint = f"{hint} To search settings of {forecaster} only, set {own}."
    msg = f"{_where(name)}: {forecaster} has no setting {name}. {hint}"
    raise InputError(msg)


def _entries(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the declaration of each setting, valid or not."""
    for key, entry in node.items():
        if isinstance(entry, Mapping) and entry and not set(entry) & (_RANGE | _CHOICES):
            yield from _entries(entry, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", entry


def _read(declared: Mapping[str, Any]) -> Iterator[SearchSetting]:
    for name, entry in _entries(declared, ""):
        if not isinstance(entry, Mapping) or not entry:
            msg = f"{_where(name)}={entry} is not a range. Set low and high, or choices, such as {_EXAMPLE}."
            raise InputError(msg)
        keys = set(entry)
        if keys == _CHOICES:
            yield SearchSetting(name, choices=tuple(entry["choices"] or ()))
        elif {"low", "high"} <= keys <= _RANGE:
            yield SearchSetting(name, entry["low"], entry["high"], log=bool(entry.get("log", False)))
        else:
            msg = f"{_where(name)} has {', '.join(sorted(keys))}. Set low and high (and log), or choices alone."
            raise InputError(msg)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _where(name: str) -> str:
    return f"tuning.space.{name}"
