"""Place-based crime risk forecasts that are backtested, explained and audited before use."""

__version__ = "0.1.0"
