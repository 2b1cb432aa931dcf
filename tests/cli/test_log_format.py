import logging
import sys

from ilp_models.cli.log_format import PrintableFormatter


def formatted(message, *values, trace=None):
    record = logging.LogRecord("ilp", logging.INFO, "", 1, message, values, trace)
    return PrintableFormatter("%(levelname)s %(message)s").format(record)


def test_a_line_has_no_control_characters():
    assert formatted("read %s", "a.csv") == "INFO read a.csv"
    line = formatted("read %s", "\x1b[31mred\x07\u202e.csv")
    assert not set(line) & {"\x1b", "\x07", "\u202e"}
    assert "red" in line


def test_a_trace_has_none_either():
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        assert "\x1b" not in formatted("failed", trace=sys.exc_info())
