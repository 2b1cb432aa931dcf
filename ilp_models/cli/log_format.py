"""Format log messages without control characters."""

import logging

from ilp_models.domain.printable import printable


class PrintableFormatter(logging.Formatter):
    """A formatter whose lines contain no escape sequence, bell or bidirectional character."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the formatted record as printable text."""
        return printable(super().format(record))
