"""What an assessment of criminal groups adds to a report: only on request, for named recipients, while it is valid."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ilp_models.domain.brief import BriefPart, BriefSection, BriefTable
from ilp_models.domain.disclaimers import GROUP_CAVEAT
from ilp_models.domain.errors import InputError
from ilp_models.pipeline.brief_parts.sources import RunKind, named_run
from ilp_models.pipeline.group_assessment import RECORD
from ilp_models.pipeline.run_record import RunRecord, read_record
from ilp_models.strategy.groups.authorisation import GroupAuthorisation
from ilp_models.strategy.threats.comparison import rank_range

_KIND: Final = RunKind("groups", ("assess",), RECORD, "ilp assess matrix=FILE", "an assessment of criminal groups")
_AS_TEXT: Final = ("recipients", "min_members")


def groups_part(folder: str | Path, recipients: Sequence[str], moment: datetime) -> tuple[BriefPart, tuple[str, ...]]:
    """Return the ranks of groups, and the marks of a report that holds them.

    Raises InputError without recipients, for one whom the authorisation does not name, and after it has expired.
    """
    record = read_record(named_run(folder, _KIND), RECORD)
    allowed = _authorisation(record)
    allowed.check(moment, str(record.path))
    if record.content.get("not_to_be_used_from") != allowed.until:
        msg = f"{record.path} was changed: its authorisation ends on another day than the record. Make the run again."
        raise InputError(msg)
    if not recipients:
        msg = f"groups={folder} needs recipients, by name. The authorisation allows: {'; '.join(allowed.recipients)}."
        raise InputError(msg)
    others = [one for one in recipients if one not in allowed.recipients]
    if others:
        msg = (
            f"recipients names {others[0]!r}, whom the authorisation of {record.path} does not name. It allows: "
            f"{'; '.join(allowed.recipients)}. Change recipients, or ask {allowed.authorised_by} to renew it."
        )
        raise InputError(msg)
    marks = (GROUP_CAVEAT, f"For {', '.join(recipients)} only. Not to be used from {allowed.until} on.")
    return record.read(_part), marks


def _authorisation(record: RunRecord) -> GroupAuthorisation:
    """Return the authorisation of a record, checked as that of a group file."""

    def fields(content: Mapping[str, Any]) -> dict[str, str]:
        given = content["authorisation"]
        texts = {name: str(value) for name, value in given.items() if name not in _AS_TEXT}
        return {**texts, "recipients": "; ".join(given["recipients"]), "min_members": str(given["min_members"])}

    return GroupAuthorisation.from_fields(record.read(fields), str(record.path))


def _part(content: Mapping[str, Any]) -> BriefPart:
    rows = [
        (str(row["group"]), rank_range(int(row["rank_from"]), int(row["rank_to"])), _known(row))
        for row in content["groups"]
    ]
    table = BriefTable("Ranks of groups; a range is a tie", ("Group", "Rank", "Attributes known"), tuple(rows), (1, 2))
    sentences = (GROUP_CAVEAT, *map(str, content["conclusions"]))
    unknown = [
        f"{row['group']}: {str(row['attribute']).replace('_', ' ')} ({row['kind']})." for row in content["requirements"]
    ]
    return BriefPart(section=BriefSection("Criminal groups", sentences, (table,)), unknown=tuple(unknown))


def _known(row: Mapping[str, Any]) -> str:
    return f"{int(row['attributes']) - int(row['unknown'])} of {int(row['attributes'])}"
