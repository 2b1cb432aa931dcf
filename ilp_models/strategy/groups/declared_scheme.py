"""Compare the scheme that a group file declares with the one that is used."""

from collections.abc import Sequence
from difflib import get_close_matches

from ilp_models.domain.errors import InputError
from ilp_models.strategy.groups.scheme import GroupScheme, exact


def check_declared(rows: Sequence[tuple[int, Sequence[str]]], scheme: GroupScheme, name: str) -> None:
    """Raise InputError unless a file declares scale and weight of each attribute as the scheme does.

    Messages name the row and the column, and never repeat a text that could name a person.
    """
    known = {one.name.casefold(): one for one in scheme.marks}
    first: dict[str, int] = {}
    for number, (attribute, scale, weight) in rows:
        where, folded = f"{name}, row {number}", attribute.casefold()
        if folded not in known:
            near = get_close_matches(folded, known, n=1)
            hint = f" (did you mean {known[near[0]].name!r}?)" if near else ""
            msg = f"{where}: the scheme {scheme.name} has no such attribute{hint}. {_way_out('delete the row')}"
            raise InputError(msg)
        if folded in first:
            msg = f"{name}: rows {first[folded]} and {number} both declare {known[folded].name}. Keep one of them."
            raise InputError(msg)
        first[folded] = number
        mark = known[folded]
        if _tight(scale) != _tight(scheme.scale_text):
            raise InputError(_difference(where, "scale", mark.name, scheme, scheme.scale_text))
        if exact(weight.replace(",", ".")) != exact(mark.weight_text):
            raise InputError(_difference(where, "weight", mark.name, scheme, mark.weight_text))
    if missing := [one.name for folded, one in known.items() if folded not in first]:
        msg = (
            f"{name}: the declared scheme lacks {', '.join(missing)} of the scheme {scheme.name}. "
            f"{_way_out('add a row for each')}"
        )
        raise InputError(msg)


def _difference(where: str, column: str, attribute: str, scheme: GroupScheme, used: str) -> str:
    return (
        f"{where}: the {column} of {attribute} is not {used}, as in the scheme {scheme.name}. "
        f"{_way_out(f'write {used!r} in the column {column} if analysts scored with that')}"
    )


def _way_out(change: str) -> str:
    return f"Use the scheme that the analysts scored with (scheme=NAME), or {change}."


def _tight(text: str) -> str:
    return "".join(text.split()).casefold()
