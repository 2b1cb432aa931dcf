"""Let sphinx-gallery show figures that the last expression of a script returns, such as ``forecast.plot()``."""

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst


def _get_sg_image_scraper():
    """Return the function that sphinx-gallery calls after each block of code."""
    return save_figure


def save_figure(block, block_vars, gallery_conf):
    """Save the figure that a block returned, and return the markup that shows it."""
    figure = block_vars["example_globals"].get("___")
    if not isinstance(figure, Figure) or hasattr(figure, "number"):  # figures of pyplot have a number
        return ""
    path = next(block_vars["image_path_iterator"])
    figure.savefig(path, bbox_inches="tight")
    return figure_rst([path], gallery_conf["src_dir"])
