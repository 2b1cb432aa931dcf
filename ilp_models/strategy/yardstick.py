"""Words for probabilities from one yardstick, so that a word means the same on every page."""

from typing import Final

# The probability yardstick of the Professional Head of Intelligence Assessment (United Kingdom). Probabilities in the
# gaps between its bands take the word of the nearer band.
YARDSTICK: Final = (
    ("remote chance", 0.00, 0.05),
    ("highly unlikely", 0.10, 0.20),
    ("unlikely", 0.25, 0.35),
    ("realistic possibility", 0.40, 0.50),
    ("likely", 0.55, 0.75),
    ("highly likely", 0.80, 0.90),
    ("almost certain", 0.95, 1.00),
)


def probability_word(probability: float) -> str:
    """Return the word of the yardstick for a probability; empty if it is not known.

    Examples
    --------
    >>> probability_word(0.62), probability_word(0.97), probability_word(0.77)
    ('likely', 'almost certain', 'likely')
    """
    if not 0 <= probability <= 1:
        return ""
    distances = [(max(low - probability, probability - high, 0.0), word) for word, low, high in YARDSTICK]
    return min(distances, key=lambda one: one[0])[1]
