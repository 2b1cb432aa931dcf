"""Settings of the documentation site. ``docs/build.py`` stages the pages and runs Sphinx with this file."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from ilp_models import __version__  # noqa: E402 - the package is found through the line above

project = "ilp_models"
author = "the ilp_models contributors"
project_copyright = f"{author}, Apache-2.0"
version = release = __version__
language = "en"

root_doc = "docs/index"
extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc"]
if any((ROOT / "docs" / "gallery").glob("plot_*.py")):
    extensions.append("sphinx_gallery.gen_gallery")
exclude_patterns = ["docs/gallery/*.ipynb", "docs/gallery/*.py", "gallery-scripts"]
highlight_language = "none"

myst_heading_anchors = 4  # the anchors that GitHub makes, so that one link works in both places
nb_execution_mode = "off"  # notebooks are committed with their outputs; tests/docs runs and compares them

autodoc_typehints = "none"  # numpydoc shows the types of parameters
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 80
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": ["gallery-scripts"],  # docs/build.py copies docs/gallery there
    "gallery_dirs": ["docs/gallery"],
    "filename_pattern": "/",
    "image_scrapers": ("matplotlib", "figure_scraper"),
    "ignore_repr_types": "matplotlib",
    "reset_modules": ("matplotlib",),
    "download_all_examples": False,
    "only_warn_on_example_error": True,  # a warning fails the build, and the message names the script
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "within_subsection_order": "FileNameSortKey",
}

html_theme = "furo"
html_title = "ilp_models"
html_static_path = [str(ROOT / "docs" / "static")]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": False, "top_of_page_buttons": []}
templates_path = []


def setup(app):
    """Connect the filter of members to autodoc."""
    app.connect("autodoc-skip-member", skip_member)


def skip_member(app, what, name, *rest):
    """Leave out the methods that scikit-learn generates for metadata routing."""
    return True if name.endswith("_request") else None
