"""Empirical Bayes whose prior also fits other jurisdictions, for areas with few events."""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError, NotRunError, StorageError
from ilp_models.domain.history import History
from ilp_models.domain.local_file import file_in_folder
from ilp_models.model.hindcast import recent_periods
from ilp_models.model.means.empirical_bayes import EmpiricalBayes
from ilp_models.model.stored_cutoffs import CUTOFF_NAME, newest_cutoff

Floats = npt.NDArray[np.float64]

_Stored = TypeVar("_Stored")

_FORMAT: Final = 1
_PREFIX: Final = "prior-"
_STRENGTHS: Final = 10.0 ** np.arange(-2, 4.25, 0.25)  # events; between them the loss is interpolated


@dataclass(frozen=True)
class PriorSample:
    """What one jurisdiction contributes: the loss of each setting, by crime type; no counts of places.

    Parameters
    ----------
    jurisdiction : str
        Its label.
    cutoff : Timestamp
        When the counts were known.
    settings : mapping of str to Any
        Period unit and candidates; all samples of a prior have the same.
    events : mapping of str to float
        Events that the losses cover, by crime type.
    losses : mapping of str to array
        Negative log likelihood by crime type, shape (half-lives, weights of the neighbours, strengths).
    """

    ending: ClassVar = "json"  # of the name of its file

    jurisdiction: str
    cutoff: pd.Timestamp
    settings: Mapping[str, Any]
    events: Mapping[str, float]
    losses: Mapping[str, Floats]

    def write(self, path: Path) -> Path:
        """Store the losses as JSON, atomically; return the file."""
        content = {
            "format": _FORMAT,
            "jurisdiction": self.jurisdiction,
            "cutoff": self.cutoff.isoformat(),
            "settings": dict(self.settings),
            "events": dict(self.events),
            "losses": _plain(self.losses),
        }
        return _write(content, path, "losses of a jurisdiction")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read losses that `write` stored; StorageError if the file is incomplete or was changed."""
        return _read(path, cls._from_content, "Make the sample again with `ilp pool`.")

    @classmethod
    def _from_content(cls, content: Mapping[str, Any]) -> Self:
        facts = content["settings"], content["events"], _arrays(content["losses"])
        return cls(content["jurisdiction"], pd.Timestamp(content["cutoff"]), *facts)


@dataclass(frozen=True, eq=False)
class PooledPrior:
    """The loss of each setting of empirical Bayes per event, over several jurisdictions, known at a cutoff.

    Parameters
    ----------
    cutoff : Timestamp
        No count of a later report was used.
    settings : mapping of str to Any
        Period unit and candidates.
    losses : mapping of str to array
        Loss per event by crime type; the empty name has that of all types together.
    events : mapping of str to float
        Events by jurisdiction.
    left_out : mapping of str to str
        Jurisdictions that contribute nothing, with the reason.
    """

    cutoff: pd.Timestamp
    settings: Mapping[str, Any]
    losses: Mapping[str, Floats]
    events: Mapping[str, float]
    left_out: Mapping[str, str]

    @classmethod
    def from_samples(
        cls, samples: Sequence[PriorSample], cutoff: pd.Timestamp, left_out: Mapping[str, str] | None = None
    ) -> Self:
        """Return the prior; InputError if a sample is later than the cutoff or has other settings."""
        parts = sorted(samples, key=lambda one: one.jurisdiction)
        if not parts:
            msg = "No jurisdiction contributes to the prior. Give at least one with enough records."
            raise InputError(msg)
        total: dict[str, Floats] = {}
        events: dict[str, float] = {}
        for one in parts:
            if one.cutoff > cutoff:
                msg = (
                    f"The losses of {one.jurisdiction!r} are of {one.cutoff}, after the cutoff {cutoff} of the prior. "
                    "Use a history at this cutoff."
                )
                raise InputError(msg)
            require_settings(one.settings, parts[0].settings, f"{one.jurisdiction!r} and {parts[0].jurisdiction!r}")
            for kind, loss in one.losses.items():
                for key in (kind, ""):
                    total[key] = total.get(key, np.zeros_like(loss)) + loss
                    events[key] = events.get(key, 0.0) + one.events[kind]
        losses = {key: loss / events[key] for key, loss in total.items() if events[key] > 0}
        counted = {one.jurisdiction: sum(one.events.values()) for one in parts}
        return cls(cutoff, parts[0].settings, losses, counted, dict(left_out or {}))

    def write(self, folder: Path) -> Path:
        """Store the prior as JSON under its cutoff, atomically; return the file."""
        return _write(self._content(), folder / f"{_PREFIX}{self.cutoff.strftime(CUTOFF_NAME)}.json", "prior")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a prior that `write` stored; StorageError if it is incomplete or was changed."""
        return _read(path, cls._from_content, "Train the prior again with train_pooled_prior or `ilp pool`.")

    @classmethod
    def _from_content(cls, content: Mapping[str, Any]) -> Self:
        facts = _arrays(content["losses"]), content["events"], content["left_out"]
        return cls(pd.Timestamp(content["cutoff"]), content["settings"], *facts)

    def _content(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "cutoff": self.cutoff.isoformat(),
            "settings": dict(self.settings),
            "losses": _plain(self.losses),
            "events": dict(self.events),
            "left_out": dict(self.left_out),
        }


def require_settings(found: Mapping[str, Any], wanted: Mapping[str, Any], who: str) -> None:
    """Raise InputError that names the first setting in which two priors differ."""
    for name in wanted:
        if found.get(name) != wanted[name]:
            msg = (
                f"{name}={found.get(name)} and {name}={wanted[name]} differ between {who}. Use the same settings "
                "everywhere."
            )
            raise InputError(msg)


def stored_priors(folder: Path) -> dict[pd.Timestamp, Path]:
    """Return the file of each stored prior by cutoff."""
    found = {}
    for path in folder.glob(f"{_PREFIX}*.json"):
        with contextlib.suppress(ValueError):
            found[pd.to_datetime(path.stem.removeprefix(_PREFIX), format=CUTOFF_NAME)] = path
    return dict(sorted(found.items()))


class PooledEmpiricalBayes(EmpiricalBayes):
    """Empirical Bayes whose settings fit the local records and, with some weight, those of other jurisdictions.

    Each crime type has a half-life, a weight of the neighbours and a prior strength. They have the smallest sum of two
    losses: that of the local records, and `prior_events` times the loss per event over all jurisdictions. So other
    jurisdictions count as much as `prior_events` local events (a power prior). Rates of cells come from local records
    only. A crime type that no other jurisdiction has uses their loss over all types.

    Ibrahim and Chen (2000), Power prior distributions for regression models, Statistical Science 15, 46-60.

    Parameters
    ----------
    pool : str or Path, optional
        Folder of the priors that :func:`ilp_models.train_pooled_prior` stores. Needed to fit. A fit takes the newest
        one whose cutoff is not after that of the history.
    half_lives, neighbours, reach_cells, area_level
        See :class:`~ilp_models.model.means.empirical_bayes.EmpiricalBayes`.
    prior_events : float, default 100.0
        Local events that the other jurisdictions count as; 0 gives `EmpiricalBayes`.

    Examples
    --------
    >>> import tempfile
    >>> import ilp_models as ilp
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model = ilp.PooledEmpiricalBayes(folder, half_lives=(16, 64))
    ...     prior = ilp.train_pooled_prior({"here": history}, model)
    ...     strengths = model.fit(history).strengths_
    >>> strengths.shape
    (2,)
    """

    _others: list[Floats]

    def __init__(
        self,
        pool: str | Path | None = None,
        half_lives: Sequence[float] = (16, 32, 64, 128, 256),
        neighbours: Sequence[float] = (0.0, 0.3, 0.6, 0.9),
        reach_cells: float = 1.0,
        area_level: str | None = None,
        *,
        prior_events: float = 100.0,
    ) -> None:
        super().__init__(half_lives, neighbours, reach_cells, area_level)
        self.pool = pool
        self.prior_events = prior_events

    def content_digests(self) -> dict[str, str]:
        """Return the digest of the priors, which belong to the recipe of a forecast."""
        files = [] if self.pool is None else list(stored_priors(Path(self.pool)).values())
        return {"pool": digest_of([path.read_bytes() for path in files])} if files else {}

    def fit_pool(
        self, samples: Sequence[PriorSample | Path], cutoff: pd.Timestamp, left_out: Mapping[str, str] | None = None
    ) -> PooledPrior:
        """Return the prior from the losses of all jurisdictions, which may be files."""
        parts = [one if isinstance(one, PriorSample) else PriorSample.read(one) for one in samples]
        return PooledPrior.from_samples(parts, cutoff, left_out)

    def training_sample(self, history: History, jurisdiction: str) -> PriorSample:
        """Return what a jurisdiction contributes to a prior; NotRunError if the records are too short or empty."""
        self._check(history)
        names = history.events.crime_types
        shape = len(self.half_lives), len(self.neighbours), len(_STRENGTHS)
        losses = {name: np.empty(shape) for name in names}
        for (kind, first, second), loss in self._losses(history):
            losses[names[kind]][first, second] = [loss(float(strength)) for strength in _STRENGTHS]
        observed = history.panel.by_period[-len(recent_periods(history)) :]
        events = dict(zip(names, observed.sum(axis=(0, 2), dtype=np.float64).tolist(), strict=True))
        if not any(events.values()):
            msg = f"{jurisdiction} has no event to learn from. Give more data."
            raise NotRunError(msg)
        return PriorSample(jurisdiction, history.cutoff, self._candidates(history), events, losses)

    def _candidates(self, history: History) -> dict[str, Any]:
        return {
            "period_unit": history.calendar.period_unit,
            "half_lives": [float(one) for one in self.half_lives],
            "neighbours": [float(one) for one in self.neighbours],
            "reach_cells": float(self.reach_cells),
        }

    def _tune(self, history: History) -> None:
        if self.pool is None:
            msg = "pool is not set. Give the folder in which train_pooled_prior stored the priors."
            raise InputError(msg)
        if self.prior_events < 0:
            msg = f"prior_events={self.prior_events} must be at least 0."
            raise InputError(msg)
        stored = stored_priors(Path(self.pool))
        newest = newest_cutoff(stored, Path(self.pool), history.cutoff, "prior", "ilp.train_pooled_prior")
        prior = PooledPrior.read(stored[newest])
        if prior.cutoff != newest:
            msg = f"{stored[newest]} holds a prior of {prior.cutoff}: the file was renamed. Restore its name."
            raise StorageError(msg)
        require_settings(self._candidates(history), prior.settings, f"this model and the prior in {self.pool}")
        self._others = [prior.losses.get(name, prior.losses[""]) for name in history.events.crime_types]
        super()._tune(history)
        del self._others

    def _total_loss(self, own: Callable[[float], float], place: tuple[int, int, int]) -> Callable[[float], float]:
        kind, first, second = place
        others, logs = self.prior_events * self._others[kind][first, second], np.log(_STRENGTHS)
        return lambda strength: own(strength) + float(np.interp(np.log(strength), logs, others))


def _write(content: Mapping[str, Any], path: Path, what: str) -> Path:
    """Store content with its digest as JSON, atomically; return the file."""
    half_written = path.with_name(f".{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**content, "digest": _digest(content)}, indent=1)
        half_written.write_text(text + "\n", encoding="utf-8")
        half_written.replace(path)
    except OSError as error:
        msg = f"The {what} was not written to {path} ({error.strerror}). Choose another folder."
        raise StorageError(msg) from error
    return path


def _read(path: Path, build: Callable[[Mapping[str, Any]], _Stored], advice: str) -> _Stored:
    """Return what was built from stored content; StorageError with an advice if it is incomplete or was changed."""
    try:
        content = json.loads(file_in_folder(path.parent, path.name).read_text(encoding="utf-8"))
        digest = content.pop("digest")
        unchanged = content["format"] == _FORMAT and digest == _digest(content)
        stored = build(content)
    except (OSError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        msg = f"{path} cannot be read ({error}). {advice}"
        raise StorageError(msg) from error
    if not unchanged:
        msg = f"{path} was changed: its digest or format differs. {advice}"
        raise StorageError(msg)
    return stored


def _plain(losses: Mapping[str, Floats]) -> dict[str, Any]:
    return {key: loss.tolist() for key, loss in losses.items()}


def _arrays(losses: Mapping[str, Any]) -> dict[str, Floats]:
    return {key: np.array(loss, dtype=np.float64) for key, loss in losses.items()}


def _digest(content: Mapping[str, Any]) -> str:
    return digest_of(json.dumps(content, sort_keys=True))
