"""The errors that users meet: each message says what is wrong, where, and how to fix it."""


class IlpError(Exception):
    """Base of every error that the command line shows as one line, without a trace."""


class InputError(IlpError, ValueError):
    """Records, files or settings that cannot be used."""


class NotRunError(IlpError):
    """A forecaster cannot run on these records, for example because there are too few events."""


class StorageError(IlpError):
    """A folder, a stored forecast or the tracking store cannot be read or written."""


class WithheldError(IlpError):
    """An action needs an admitting decision, and no decision covers it."""
