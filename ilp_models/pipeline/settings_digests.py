"""Digests of the settings of an audit: with the records but without random draws, and the other way round.

Two audits that differ in random draws alone are the same audit, tried again. Two that differ in records alone are the
same method in another week.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ilp_models.audit.audit import Audit
from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.groups.table import GroupTable
from ilp_models.domain.digest import digest_of
from ilp_models.domain.events import Events
from ilp_models.domain.governance import Governance
from ilp_models.domain.recipe import code_digest, decision_digest, describe, external_code, file_digests

_OF_EVENTS: Final = ("crs", "time_zone", "country", "subdivision", "as_of", "simulated")
_EVENTS: Final = describe(Events)  # in the description of a model with the records of neighbours
_RANDOM: Final = ("seed", "random_state", "refits", "draws", "replicates")


@dataclass(frozen=True, eq=False)
class AuditedMethod:
    """What the digests of an audit include in addition to its input and its own settings."""

    events: Events
    settings: Mapping[str, object]  # by name: how the forecasts were made, backtested and explained
    places: Mapping[str, object]  # grid, calendar and layers

    def with_digests(self, subject: AuditInput, audit: Audit) -> AuditInput:
        """Return an audit input with both digests of its settings."""
        subject = with_settings_digest(subject, audit, **self.settings)
        return with_method_digest(subject, audit, self.events, **self.settings, **self.places)


def with_settings_digest(subject: AuditInput, audit: Audit, **others: object) -> AuditInput:
    """Return an audit input with its settings of random draws, and the digest of all other settings and of the data.

    ``others`` are the settings outside the audit by name. Group table and records count by their digests.
    """
    own = replace(audit, groups=GroupTable(), governance=Governance())
    plain = describe({"audit": own, **others})
    plain["bootstrap"] = plain["audit"].pop("bootstrap")
    random = dict(_random(plain, ""))
    parts = (
        subject.data,
        subject.grid.digest(),
        subject.group_table,
        json.dumps(_without_random(plain), sort_keys=True),
    )
    return replace(subject, settings_digest=digest_of(*parts), random_settings=random)


def with_method_digest(subject: AuditInput, audit: Audit, events: Events, **others: object) -> AuditInput:
    """Return an audit input with the digest of everything that later weeks have in common: all but the records.

    Files that a setting names count by their content, and classes outside this package by their code.
    """
    settings = describe({"audit": replace(audit, groups=GroupTable()), **others})
    reading = {
        "groups": {**audit.groups.reading(), "margin": audit.groups.margin},
        "records": "" if events.intake is None else events.intake.reading,
        "events": [getattr(events, name) for name in _OF_EVENTS],
        "settles_after": str(events.settles_after),
    }
    settings = _without_records(settings)
    kinds = list(subject.replay.crime_types)
    content = [describe(reading), settings, external_code(settings), dict(file_digests(settings))]
    parts = (subject.group_table, kinds, code_digest(), decision_digest(), json.dumps(content, sort_keys=True))
    return replace(subject, method_digest=digest_of(*parts))


def _without_records(plain: Any) -> Any:
    """Return described settings without the digests of records, such as those of neighbours."""
    if isinstance(plain, Mapping):
        of_records = plain.get("class") == _EVENTS
        return {name: _without_records(value) for name, value in plain.items() if not (of_records and name == "digest")}
    return [_without_records(one) for one in plain] if isinstance(plain, list) else plain


def _random(plain: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in plain.items():
        if name in _RANDOM:
            yield f"{prefix}{name}", value
        elif isinstance(value, Mapping):
            yield from _random(value, f"{prefix}{name}.")


def _without_random(plain: Any) -> Any:
    if isinstance(plain, Mapping):
        return {name: _without_random(value) for name, value in plain.items() if name not in _RANDOM}
    return plain
