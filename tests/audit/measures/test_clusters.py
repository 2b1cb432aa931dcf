import numpy as np
import pytest

from ilp_models.audit.measures.clusters import Clusters
from ilp_models.audit.residents import Residents
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit.measures.drawn_cities import city, living


def test_a_cell_without_an_area_is_one_of_its_own_and_empty_cells_are_none():
    people = living([[1.0, 2], [3, 4], [5, 6], [0, 0]])
    known = Clusters.from_residents(Residents("x", ("a", "b"), people.by_group, people.total, people.by_group, 0.0))
    assert len(known) == 3
    mixed = Residents(
        "x", ("a", "b"), people.by_group, people.total, people.by_group, 0.0, area=np.array([0, 0, -1, -1])
    )
    assert Clusters.from_residents(mixed).people.tolist() == [10, 11]


def test_areas_exchange_residents_within_strata_of_similar_population():
    people = city(np.random.default_rng(5), areas=70)
    clusters = Clusters.from_residents(people)
    strata = clusters.strata
    assert np.bincount(strata).min() >= 20
    assert clusters.people[strata == 0].max() <= clusters.people[strata == 1].min()
    places = np.concatenate(list(clusters.exchanged(Bootstrap(draws=30), 4)))
    assert (np.sort(places, axis=1) == np.arange(70)).all()
    assert (strata[places] == strata).all()
    assert Clusters.from_residents(city(np.random.default_rng(5), areas=39)).strata.max() == 0


def test_areas_are_drawn_as_often_as_there_are_areas():
    clusters = Clusters.from_residents(city(np.random.default_rng(6)))
    times = np.concatenate(list(clusters.drawn(Bootstrap(draws=300))))
    assert (times.sum(axis=1) == 40).all()
    assert times.mean(axis=0) == pytest.approx(1, abs=0.3)
