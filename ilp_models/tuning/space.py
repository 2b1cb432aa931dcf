"""Which settings are searched, and between which values."""

import difflib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ilp_models.domain.errors import InputError

_RANGE: Final = {"low", "high", "log"}
_CHOICES: Final = {"choices"}
_EXAMPLE: Final = "'tuning.space={num_leaves: {low: 7, high: 63, log: true}, keep_level: {choices: [true, false]}}'"


@dataclass(frozen=True)
class SearchSetting:
    """One setting and the values it may take.

    Parameters
    ----------
    name : str
        Name within the forecaster, with a point before each name of a nested object: ``offset.half_life``.
    low, high : int, float or None
        Ends of a range, both included; whole numbers are searched where both are whole. None for choices.
    log : bool, default False
        Whether factors count, not differences.
    choices : tuple, optional
        The values to choose from, where there is no range.

    Raises
    ------
    InputError
        If nothing lies between the ends, or the choices are fewer than two, repeat, or are no plain values.
    """

    name: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what leaves nothing to search."""
        if self.low is None or self.high is None:
            self._check_choices()
            return
        if not all(_is_number(end) for end in (self.low, self.high)) or not self.low < self.high:
            msg = f"{_where(self.name)}: low={self.low} must be a number below high={self.high}."
            raise InputError(msg)
        if self.log and not self.low > 0:
            msg = f"{_where(self.name)}: low={self.low} must be above 0 with log=true; leave log out to start at 0."
            raise InputError(msg)

    def _check_choices(self) -> None:
        try:
            texts = [json.dumps(choice) for choice in self.choices]
        except TypeError as error:
            msg = f"{_where(self.name)}: choices are numbers, words, true, false, null or lists of these."
            raise InputError(msg) from error
        if len(set(texts)) < max(2, len(texts)) or any(isinstance(choice, dict) for choice in self.choices):
            msg = f"{_where(self.name)}: choices={list(self.choices)} must be two or more different plain values."
            raise InputError(msg)

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are searched."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def holds(self, value: Any) -> bool:
        """Return whether a value is one of those that are searched."""
        if self.low is None or self.high is None:
            return json.dumps(value, default=str) in [json.dumps(choice) for choice in self.choices]
        return _is_number(value) and self.low <= value <= self.high and not (self.whole and value != int(value))

    def __str__(self) -> str:
        """Return the values as people write them."""
        if self.low is None:
            return f"choices {json.dumps(list(self.choices))}"
        return f"{self.low} to {self.high}"


def read_space(declared: Mapping[str, Any]) -> tuple[SearchSetting, ...]:
    """Return the settings of a search space in alphabetical order, so that their order in the file has no effect."""
    return tuple(sorted(_read(declared), key=lambda setting: setting.name))


def check_settings(declared: Mapping[str, Any], params: Mapping[str, Any], forecaster: str) -> None:
    """Return nothing if a forecaster has every setting that a space names, whatever is said of its values."""
    known = _dotted(params)
    for name, _ in _entries(declared, ""):
        _check_known(name, known, forecaster)


def starting_values(space: tuple[SearchSetting, ...], params: Mapping[str, Any], forecaster: str) -> dict[str, Any]:
    """Return the present value of each setting of a space."""
    if not space:
        msg = f"tuning.space is empty: name settings of {forecaster} and their values, such as {_EXAMPLE}."
        raise InputError(msg)
    known = _dotted(params)
    for setting in space:
        _check_known(setting.name, known, forecaster)
        value = known[setting.name]
        if not setting.holds(value):
            msg = (
                f"The present value model.{forecaster}.{setting.name}={json.dumps(value, default=str)} is outside "
                f"{_where(setting.name)} ({setting}): widen that, or set the value to one within."
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
    hint = f"Did you mean {near[0]}?" if near else f"It has {', '.join(plain)}; what is inside lists is out of reach."
    own = "tuning=optuna 'tuning.space={SETTING: {low: 4, high: 104}}' (or choices)"
    hint = f"{hint} To search settings of {forecaster} only, give {own}."
    msg = f"{_where(name)}: {forecaster} has no setting {name}. {hint}"
    raise InputError(msg)


def _entries(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield what is declared of each setting, right or wrong, with its whole name."""
    for key, entry in node.items():
        if isinstance(entry, Mapping) and entry and not set(entry) & (_RANGE | _CHOICES):
            yield from _entries(entry, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", entry


def _read(declared: Mapping[str, Any]) -> Iterator[SearchSetting]:
    for name, entry in _entries(declared, ""):
        if not isinstance(entry, Mapping) or not entry:
            msg = f"{_where(name)}={entry}: give low and high, or choices, such as {_EXAMPLE}."
            raise InputError(msg)
        keys = set(entry)
        if keys == _CHOICES:
            yield SearchSetting(name, choices=tuple(entry["choices"] or ()))
        elif {"low", "high"} <= keys <= _RANGE:
            yield SearchSetting(name, entry["low"], entry["high"], log=bool(entry.get("log", False)))
        else:
            msg = f"{_where(name)} has {', '.join(sorted(keys))}: give low and high (and log), or choices alone."
            raise InputError(msg)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _where(name: str) -> str:
    return f"tuning.space.{name}"
