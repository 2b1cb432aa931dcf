import pytest

from ilp_models.data.delimited import DelimitedFiles
from ilp_models.data.simulated.city import SimulatedCity
from tests.data.csv_records import COLUMNS


@pytest.fixture
def source(tmp_path):
    """Return a maker of sources: it writes a text (or bytes) to a file and declares it, changes by keyword."""

    def make(content, name="records.csv", columns=COLUMNS, **changes):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return DelimitedFiles(**{"path": str(path), "columns": columns, "time_zone": "America/Toronto", **changes})

    return make


@pytest.fixture(scope="session")
def town():
    """Return a small simulated city."""
    return SimulatedCity(seed=8, size_km=3, districts=2, weeks=40, population=5000, lattice_m=100)
