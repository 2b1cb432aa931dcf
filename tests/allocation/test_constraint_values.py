from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from ilp_models.allocation.constraint_values import PlanValues
from ilp_models.allocation.constraints import ExposureCap
from ilp_models.domain.allocation import AllocationInput, Effort
from tests.allocation.allocation_inputs import Groups

PEOPLE = np.array([[10.0, 0.0], [10.0, 40.0], [0.0, 40.0], [0.0, 0.0]])
TOWN = AllocationInput(  # four squares in a row of 100 m; two districts, and one cell without
    area_m2=np.full(4, 1e4),
    centres=np.array([[0.0, 0.0], [100.0, 0.0], [200.0, 0.0], [300.0, 0.0]]),
    neighbours=csr_matrix(np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]], dtype=float)),
    districts=np.array(["A", "A", "B", ""], dtype=object),
    residents=(Groups("origin", ("hill", "shore"), PEOPLE, PEOPLE.sum(axis=1)),),
    expected=np.array([[2.0], [1.0], [1.0], [0.0]]),
)


def plan(amount, inclusion=None):
    amount = np.array([amount], dtype=float).T
    chance = np.ones_like(amount) if inclusion is None else np.array([inclusion]).T
    return PlanValues(Effort(amount, chance, np.zeros(1)), np.minimum(amount, 1.0), TOWN)


def values(found):
    return {one.name: (one.value, one.low, one.high) for one in found}


def test_exposure_is_the_share_of_a_group_over_that_of_the_others():
    cap = ExposureCap({"hill": 1.5})
    assert values(plan([1, 0, 0, 0]).exposure("origin", cap)) == {
        "exposure of origin/hill relative to the rest": (np.inf, -np.inf, 1.5)
    }
    (one,) = plan([1, 1, 0, 0]).exposure("origin", ExposureCap(2.0, reference="shore"))
    assert (one.name, one.value, one.period) == ("exposure of origin/hill relative to shore", 2.0, 0)
    assert one.remedy == "raise allocation.exposure.origin.cap"
    (none,) = plan([0, 0, 0, 1]).exposure("origin", cap)
    assert none.value == 0


def test_coverage_is_the_covered_share_of_the_events_of_a_group():
    # hill has all events of the first cell and a fifth of those of the second
    found = values(plan([1, 0, 0, 0]).coverage(TOWN.residents[0], 0.5))
    assert found["coverage of origin/hill"] == (pytest.approx(2 / 2.2), 0.5, np.inf)
    assert found["coverage of origin/shore"] == (0, 0.5, np.inf)


def test_a_group_without_events_has_no_coverage():
    empty = replace(plan([1, 0, 0, 0]), inputs=replace(TOWN, expected=np.array([[2.0], [0.0], [0.0], [0.0]])))
    assert list(values(empty.coverage(TOWN.residents[0], 0.5))) == ["coverage of origin/hill"]


def test_effort_of_districts_leaves_out_cells_drawn_at_random():
    drawn = plan([1, 2, 1, 1], inclusion=[1.0, 1.0, 0.5, 1.0])
    assert values(drawn.districts(1)) == {
        "effort for district A": (3, 1, np.inf),
        "effort for district B": (0, 1, np.inf),
    }
    assert list(values(drawn.districts({"B": 2}))) == ["effort for district B"]
    assert values(drawn.district_cap(2)) == {
        "effort for district A": (3, -np.inf, 2),
        "effort for district B": (1, -np.inf, 2),
        "effort for cells without a district": (1, -np.inf, 2),
    }


@pytest.mark.parametrize(
    ("amount", "metres", "areas"),
    [([1, 0, 1, 0], 200, 2), ([1, 1, 0, 1], 100, 2), ([0, 1, 0, 0], np.inf, 1), ([0, 0, 0, 0], np.inf, 0)],
)
def test_distance_and_number_of_connected_areas(amount, metres, areas):
    ((distance, least, _),) = values(plan(amount).spacing(150)).values()
    assert (distance, least) == (metres, 150)
    ((number, _, most),) = values(plan(amount).patrol_areas(1)).values()
    assert (number, most) == (areas, 1)
