"""The example scheme: ten neutral attributes in our own words. It is no method of any agency."""

from collections.abc import Mapping
from typing import Any, Final

SCALE: Final[Mapping[str, int]] = {"nil": 0, "low": 1, "medium": 2, "high": 4}
_CAPABILITY: Final = (
    ("reach", "Works in several police areas, and moves between them.", 2),
    ("funds", "Can pay in advance: vehicles, premises, goods, or people who carry the risk.", 2),
    ("skills", "Uses skills that need training, such as forgery, chemistry or intrusion into computers.", 2),
    ("concealment", "Hides its work: protected messages, firms as a cover, false papers.", 3),
    ("recovery", "Goes on within weeks after arrests or seizures.", 2),
)
_HARM: Final = (
    ("violence", "Uses serious violence, or threatens it.", 5),
    ("exploitation", "Uses people who cannot refuse, such as forced work or forced crime.", 5),
    ("corruption", "Buys or forces help inside public bodies or firms.", 4),
    ("daily life", "Residents and shops change what they do because of the group.", 3),
    ("losses", "Causes losses to residents, firms or public funds.", 3),
)
ATTRIBUTES: Final[tuple[Mapping[str, Any], ...]] = tuple(
    {"name": name, "definition": definition, "weight": weight, "component": component}
    for component, attributes in (("capability", _CAPABILITY), ("harm", _HARM))
    for name, definition, weight in attributes
)
