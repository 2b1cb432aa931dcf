"""Cities of areas with mixed residents."""

import numpy as np

from ilp_models.audit.residents import Residents


def living(by_group, area=None):
    people = np.asarray(by_group, dtype=float)
    area = np.arange(len(people)) if area is None else np.asarray(area)
    sums = np.zeros((area.max() + 1, people.shape[1]))
    np.add.at(sums, area, people)
    names = tuple("abcdefgh"[: people.shape[1]])
    return Residents("origin", names, people, people.sum(axis=1), sums, 0.0, area=area)


def city(rng, areas=40, groups=3):
    """Return residents of areas of mixed size and composition."""
    return living(rng.gamma(3, 300, (areas, 1)) * rng.dirichlet(np.ones(groups), areas))
