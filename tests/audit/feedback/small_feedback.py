"""A small feedback simulation."""

import numpy as np

from ilp_models.audit.feedback.feedback import Feedback
from tests.builders import city, history_of, poisson_counts

RATES = np.array([[20.0, 12, 9, 8, 7, 6, 5, 4, 3, 2, 2, 1], [2.0, 2, 3, 4, 12, 5, 9, 6, 7, 8, 1, 20]])
QUICK = Feedback(periods=20, refit_every=5, replicates=2, training_periods=20)


def history(rates=RATES, grid=None, **settings):
    counts = poisson_counts((*rates.shape, 40), rates[:, :, None])
    return history_of(counts, grid=city(3, 4) if grid is None else grid, **settings)
