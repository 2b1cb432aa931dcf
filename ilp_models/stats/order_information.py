"""How much the order of items becomes clearer if one unknown value becomes known."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_DECIMALS = 9


def gain_of_knowing(above: Floats, chance: Floats, separation: float) -> tuple[float, float]:
    """Return the expected fall of the uncertainty about the order of pairs, in bits, and of the number of tied pairs.

    ``above`` is the probability that the first item of each pair has the higher score given each value, shape
    (values, pairs), and ``chance`` the probability of each value. The fall is the mutual information between the value
    and the order of each pair, summed over the pairs. A pair is tied if neither order has the probability
    ``separation``.

    Examples
    --------
    >>> gain_of_knowing(np.array([[0.0], [1.0]]), np.array([0.5, 0.5]), 0.9)
    (1.0, 1.0)
    """
    now = chance @ above

    def tied(probability: Floats) -> Floats:
        return np.asarray((np.maximum(probability, 1 - probability) < separation).sum(axis=-1), dtype=float)

    bits = _entropy(now).sum() - chance @ _entropy(above).sum(axis=1)
    pairs = round(float(tied(now) - chance @ tied(above)), _DECIMALS) + 0.0  # 0 and not -0
    return max(float(bits), 0.0), pairs


def _entropy(probability: Floats) -> Floats:
    """Return the uncertainty about an event of some probability, in bits."""
    inner = np.clip(probability, 1e-300, 1 - 1e-16)
    bits = -inner * np.log2(inner) - (1 - inner) * np.log2(1 - inner)
    return np.where((probability <= 0) | (probability >= 1), 0.0, bits)
