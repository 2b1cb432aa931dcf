"""A pooled model: the trees learned from the samples of several jurisdictions, stored as open text by cutoff."""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self

import numpy.typing as npt
import pandas as pd

from ilp_models.domain.digest import digest_of
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.local_file import file_in_folder
from ilp_models.model.regressions.pooled_rows import Sample, head_of, rows_of_lead
from ilp_models.model.regressions.training_sample import SampleHead
from ilp_models.model.stored_cutoffs import CUTOFF_NAME, newest_cutoff

POOL_FILE: Final = "pool.json"
_FORMAT: Final = 1


class BinnedLearner(Protocol):
    """A regressor that is fitted to bins of rows."""

    booster_: Any

    def bins(self, values: Any, target: npt.NDArray[Any], weight: npt.NDArray[Any] | None) -> Any:
        """Return the rows of a matrix, or of a list of `BlockRows`, as bins."""

    def fit_bins(self, bins: Any) -> Self:
        """Fit the trees."""


@dataclass(frozen=True)
class PooledModel:
    """Trees of several jurisdictions, known at a cutoff.

    Parameters
    ----------
    cutoff : Timestamp
        No count of a later report was used.
    period_unit : str
        Length of the periods.
    columns : tuple of str
        Features that the trees read after the indicators of the crime types.
    crime_types : tuple of str
        Shared crime types, one indicator each.
    trees : tuple of str
        LightGBM's text of each lead, from lead 1 on.
    jurisdictions : tuple of SampleHead
        Facts of the samples.
    left_out : mapping of str to str
        Jurisdictions that contribute nothing, with the reason.
    """

    cutoff: pd.Timestamp
    period_unit: str
    columns: tuple[str, ...]
    crime_types: tuple[str, ...]
    trees: tuple[str, ...]
    jurisdictions: tuple[SampleHead, ...]
    left_out: Mapping[str, str]

    @classmethod
    def fit(
        cls,
        samples: Sequence[Sample],
        cutoff: pd.Timestamp,
        learners: Sequence[BinnedLearner],
        left_out: Mapping[str, str] | None = None,
        *,
        max_zeros: int | None = None,
        start: float = 0.0,
    ) -> Self:
        """Return the trees fitted to all samples together, with one learner for each lead.

        Samples that are given as files are read one after the other, several times, so that one is in memory. Of more
        than ``max_zeros`` rows without an event a systematic sample is taken, from ``start`` below 1. The result does
        not depend on the order of the samples. InputError if a sample was made after the cutoff, two samples have other
        features, or two have the same jurisdiction.
        """
        parts = sorted(((head_of(one), one) for one in samples), key=lambda part: part[0].jurisdiction)
        heads, ordered = tuple(head for head, _ in parts), [one for _, one in parts]
        _check_heads(heads, cutoff)
        kinds = tuple(sorted({kind for head in heads for kind in head.crime_types}))
        trees = []
        for lead, learner in enumerate(learners, start=1):
            bins = learner.bins(*rows_of_lead(ordered, kinds, lead, max_zeros, start))
            trees.append(learner.fit_bins(bins).booster_.model_to_string())
        first = heads[0]
        return cls(cutoff, first.period_unit, first.columns, kinds, tuple(trees), heads, dict(left_out or {}))

    def write(self, folder: Path, samples: Path | None = None) -> Path:
        """Store the model under its cutoff, and return the new folder; an older model of the cutoff is replaced.

        Files in ``samples`` are moved into it. An interrupted write leaves the older model as it was.
        """
        target = folder / self.cutoff.strftime(CUTOFF_NAME)
        facts = {
            "format": _FORMAT,
            "cutoff": self.cutoff.isoformat(),
            "period_unit": self.period_unit,
            "columns": self.columns,
            "crime_types": self.crime_types,
            "trees": {_tree_file(lead): digest_of(text) for lead, text in enumerate(self.trees, start=1)},
            "jurisdictions": [json.loads(head.to_json()) for head in self.jurisdictions],
            "left_out": self.left_out,
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder, ignore_cleanup_errors=True) as temporary:
                complete = Path(temporary, "complete")
                complete.mkdir()
                for lead, text in enumerate(self.trees, start=1):
                    (complete / _tree_file(lead)).write_text(text, encoding="utf-8")
                if samples is not None:
                    shutil.move(samples, complete / "samples")
                (complete / POOL_FILE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
                with contextlib.suppress(FileNotFoundError):
                    target.replace(Path(temporary, "older"))
                complete.replace(target)
        except OSError as error:
            msg = f"The pooled model was not written to {target} ({error.strerror}). Choose another folder."
            raise StorageError(msg) from error
        return target

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a model that `write` stored; StorageError if it is incomplete or was changed."""
        try:
            facts = _read_facts(folder)
            trees = [file_in_folder(folder, name).read_text(encoding="utf-8") for name in facts["trees"]]
            heads = tuple(SampleHead.from_json(json.dumps(one)) for one in facts["jurisdictions"])
            model = cls(
                cutoff=pd.Timestamp(facts["cutoff"]),
                period_unit=str(facts["period_unit"]),
                columns=tuple(map(str, facts["columns"])),
                crime_types=tuple(map(str, facts["crime_types"])),
                trees=tuple(trees),
                jurisdictions=heads,
                left_out=dict(facts["left_out"]),
            )
            unchanged = [digest_of(text) for text in trees] == list(facts["trees"].values())
        except (OSError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            msg = f"{folder / POOL_FILE} cannot be read ({error}). Train the pooled model again with train_pooled."
            raise StorageError(msg) from error
        if not unchanged:
            msg = f"The trees in {folder} were changed: their digest differs. Train them again with train_pooled."
            raise StorageError(msg)
        return model


def pooled_cutoffs(folder: Path) -> dict[pd.Timestamp, Path]:
    """Return the folder of each stored model by cutoff, oldest first."""
    found = {}
    for path in folder.glob(f"*/{POOL_FILE}"):
        with contextlib.suppress(ValueError):
            found[pd.to_datetime(path.parent.name, format=CUTOFF_NAME)] = path.parent
    return dict(sorted(found.items()))


def newest_model(folder: Path, cutoff: pd.Timestamp) -> PooledModel:
    """Return the newest stored model that was known at a cutoff; NotRunError if all are later."""
    stored = pooled_cutoffs(folder)
    newest = newest_cutoff(stored, folder, cutoff, "pooled model", "ilp.train_pooled")
    model = PooledModel.read(stored[newest])
    if model.cutoff != newest:
        msg = f"{stored[newest]} holds a model of {model.cutoff}: the folder was renamed. Restore its name."
        raise StorageError(msg)
    return model


def pool_digest(folder: Path) -> str:
    """Return a digest of all models in a folder, which covers their trees; empty without any."""
    files = [path / POOL_FILE for path in pooled_cutoffs(folder).values()]
    return digest_of([path.read_bytes() for path in files]) if files else ""


def require_columns(found: Sequence[str], wanted: Sequence[str], what: str, whose: str) -> None:
    """Raise InputError unless two sequences of features are equal; the message names the difference."""
    if list(found) == list(wanted):
        return
    more, fewer = sorted(set(found) - set(wanted)), sorted(set(wanted) - set(found))
    parts = [f"more: {', '.join(more)}"] * bool(more) + [f"missing: {', '.join(fewer)}"] * bool(fewer)
    msg = (
        f"{what} has other features than {whose} ({'; '.join(parts) or 'in another order'}). "
        "Use the same settings of features, offset and rate_floor everywhere."
    )
    raise InputError(msg)


def _tree_file(lead: int) -> str:
    return f"lead-{lead}.txt"


def _read_facts(folder: Path) -> Any:
    facts = json.loads(file_in_folder(folder, POOL_FILE).read_text(encoding="utf-8"))
    if facts["format"] != _FORMAT:
        msg = f"format {facts['format']} is not {_FORMAT}"
        raise ValueError(msg)
    return facts


def _check_heads(samples: Sequence[SampleHead], cutoff: pd.Timestamp) -> None:
    if not samples:
        msg = "No jurisdiction contributes to the pooled model. Give at least one with enough records."
        raise InputError(msg)
    first = samples[0]
    for place, one in enumerate(samples):
        made = pd.Timestamp(one.cutoff)
        if made > cutoff:
            msg = (
                f"The sample of {one.jurisdiction!r} is of {made}, after the cutoff {cutoff} of the pooled "
                "model. Make it from a history at this cutoff."
            )
            raise InputError(msg)
        require_columns(one.columns, first.columns, f"The sample of {one.jurisdiction!r}", repr(first.jurisdiction))
        if one.period_unit != first.period_unit:
            msg = (
                f"The sample of {one.jurisdiction!r} counts {one.period_unit}s, that of {first.jurisdiction!r} "
                f"{first.period_unit}s. Use one calendar."
            )
            raise InputError(msg)
        if place and one.jurisdiction == samples[place - 1].jurisdiction:
            msg = f"Two samples are of the jurisdiction {one.jurisdiction!r}. Give each once."
            raise InputError(msg)
