"""The errors a user can meet: each message says what is wrong, where, and how to mend it."""


class IlpError(Exception):
    """Root of every error that the command line shows as one line, without a trace."""


class InputError(IlpError):
    """Records, files or settings that cannot be used as they are."""


class NotFittedError(IlpError):
    """A forecaster was asked to predict before it saw a history."""


class NotRunError(IlpError):
    """A method cannot run on these data (too few events, a singular fit): it keeps its row and says why."""


class StorageError(IlpError):
    """A folder, a cached partition or the tracking store cannot be read or written."""


class WithheldError(IlpError):
    """Something needs an admitting decision and there is none that covers it."""
