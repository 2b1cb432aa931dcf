"""Rebuild an allocation rule from its stored settings."""

from collections.abc import Mapping
from typing import Any, Final

from ilp_models.allocation.budget import Budget
from ilp_models.allocation.constrained import Constrained
from ilp_models.allocation.proportional import Proportional
from ilp_models.allocation.top_areas import Capped, TopAreas
from ilp_models.domain.allocation import Allocator
from ilp_models.domain.errors import InputError

RULES: Final = (TopAreas, Capped, Proportional, Constrained)


def rule_from_settings(settings: Mapping[str, Any]) -> Allocator:
    """Return the rule that :func:`ilp_models.domain.recipe.describe` described; no other class is built."""
    classes: dict[str, Any] = {f"{one.__module__}.{one.__qualname__}": one for one in RULES}
    own = dict(settings)
    name = own.pop("class", None)
    if name not in classes:
        known = ", ".join(one.__name__ for one in RULES)
        msg = f"The stored allocation rule {name!r} is not one of this version ({known}). Pass rule= as it was audited."
        raise InputError(msg)
    try:
        budget = {key: value for key, value in dict(own.pop("budget")).items() if key != "class"}
        rule: Allocator = classes[name](budget=Budget(**budget), **own)
    except (KeyError, TypeError, ValueError) as error:
        msg = f"The stored settings of the allocation rule {name} cannot be read ({error}). Audit again."
        raise InputError(msg) from error
    return rule
