import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.data.simulated.city import SimulatedCity


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    population=st.integers(100, 1_000_000),
    segregation=st.floats(0, 2),
    districts=st.sampled_from([1, 2, 5]),
)
def test_groups_sum_to_the_population(seed, population, segregation, districts):
    city = SimulatedCity(
        seed=seed, size_km=5, districts=districts, population=population, segregation=segregation, lattice_m=500
    )
    table = city.groups()
    assert table["population"].sum() == population
    assert (table["population"] >= 0).all()
    assert len(table) == 3 * districts**2
    share = table.groupby("group")["population"].sum() / population
    assert np.abs(share - pd.Series(city.group_shares)).max() < 0.02 + 20 / population


def test_segregation_makes_groups_uneven():
    def spread(segregation):
        people = (
            SimulatedCity(segregation=segregation)
            .groups()
            .pivot_table(index="area", columns="group", values="population")
        )
        return (people["cedar"] / people.sum(axis=1)).std()

    assert spread(0.0) < 0.002
    assert 0.03 < spread(0.5) < spread(1.0)


def test_risk_depends_on_composition_only_by_setting():
    def slope(strength):
        city = SimulatedCity(seed=5, centres=0, roughness=0.0, composition_risk=strength, lattice_m=500)
        people = city.groups().pivot_table(index="area", columns="group", values="population")
        share = people["cedar"] / people.sum(axis=1)
        where = city._layout.risk[0].reshape(6, 3, 6, 3).sum(axis=(1, 3)).ravel()
        return np.polyfit((share - share.mean()) / share.std(ddof=0), np.log(where), 1)[0]

    assert abs(slope(0.0)) < 1e-9
    assert abs(slope(0.3) - 0.3) < 1e-9
