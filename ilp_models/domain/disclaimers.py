"""The disclaimers of every decision, file and page."""

from typing import Final

CAVEAT: Final = (
    "Groups are residents of areas. This audit does not show who commits, suffers or reports crime, or who is stopped. "
    "A finding about areas does not transfer to persons (ecological fallacy). Results depend on the areal units "
    "chosen, commuters and visitors are not counted, and recorded crime is not crime."
)
SCOPE: Final = "areas, not persons; a place is not grounds for a stop, a search or an arrest"
RESEARCH_ONLY: Final = "research only - not for resource allocation"
NOT_A_FORECAST: Final = "This describes recorded crime of the past. It is not a forecast."
GROUP_CAVEAT: Final = "Judgements about groups. Not to be used against a person."
