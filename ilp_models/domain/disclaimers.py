"""What every decision, file and page says of itself."""

from typing import Final

CAVEAT: Final = (
    "Groups are residents of areas. Nothing here says who commits, suffers or reports crime, nor who is stopped: "
    "a finding about areas does not transfer to persons (ecological fallacy), results depend on the areal units "
    "chosen, commuters and visitors are not counted, and recorded crime is not crime."
)
SCOPE: Final = "areas, not persons; a place is not grounds for a stop, a search or an arrest"
RESEARCH_ONLY: Final = "research only - not for resource allocation"
