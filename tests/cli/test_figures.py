import subprocess
import sys

import pytest

from ilp_models.cli.figures import more_figure_formats
from ilp_models.domain.errors import InputError
from ilp_models.report import plots


def test_other_formats_hold_inside_only():
    with more_figure_formats(["png", "svg"]):
        assert plots._FORMATS.get() == ("svg",)
    assert plots._FORMATS.get() == ()


def test_an_unknown_format_is_refused():
    with pytest.raises(InputError, match=r"figure_formats=\['bmp'\] is not valid"), more_figure_formats(["bmp"]):
        pass


def test_png_alone_loads_no_plotting_library():
    program = (
        "import sys; from ilp_models.cli.figures import more_figure_formats\n"
        "with more_figure_formats('png'), more_figure_formats(['png']): pass\n"
        "sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
