"""Convert the errors of a run to one line for the terminal and an exit code."""

import errno
import re
from collections.abc import Iterator
from typing import Final

from hydra.errors import HydraException, InstantiationException, OverrideParseException
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from yaml import YAMLError

from ilp_models.domain.errors import IlpError

FAILURE, USAGE, INTERRUPT = 1, 2, 130
_PLAIN = {  # how Hydra and this command line say that a name is unknown
    r"^In '([^']+)': Could not override '([^']+)'\. No match.*": r"\1 chooses \2, which this task does not have",
    r"^Could not override '([^']+)'(?:\. No match in the defaults list)?": r"There is no setting \1",
    r"^In '[^']+': Could not (?:find|load) '([^']+)/([^'/]+)'": r"There is no option \1=\2",
}
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_ACCESS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


class UsageError(Exception):
    """A command with an unknown task, setting or option, or with a wrong value."""


NO_YAML: Final = (YAMLError,)  # what Hydra raises for a file that it cannot parse
# of wrong settings, files and records of one jurisdiction, which do not stop the others
BROKEN: Final = (IlpError, UsageError, HydraException, OmegaConfBaseException, YAMLError, OSError, ValueError)


def error_message(error: BaseException) -> tuple[str, int]:
    """Return the line to show for an error, with the hint in its notes, and the exit code."""
    if isinstance(error, KeyboardInterrupt):
        return (
            "Interrupted. The run folder is marked UNFINISHED. The same command reuses the stored forecasts.",
            INTERRUPT,
        )
    chain = tuple(_causes(error))
    for cause in chain:
        if isinstance(cause, IlpError | UsageError):
            return _one_line(cause, _setting(error, cause)), USAGE if isinstance(cause, UsageError) else FAILURE
        if isinstance(cause, OSError) and not isinstance(cause, HydraException):
            return _storage(cause), FAILURE
        if isinstance(cause, ModuleNotFoundError) and isinstance(error, InstantiationException):
            return (
                f"The package {cause.name} is not installed{_setting(error, cause)}: pip install 'ilp-models[scale]'.",
                USAGE,
            )
    if isinstance(error, HydraException | OmegaConfBaseException):
        return _configuration(error, chain[-1], " ".join(getattr(error, "__notes__", ()))), USAGE
    return f"{type(error).__name__}: {_one_line(error)} Run the command again with --debug for the trace.", FAILURE


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _setting(error: BaseException, cause: BaseException) -> str:
    """Return the setting whose object could not be created, in brackets; empty if the message starts with its name."""
    _, found, key = str(error).rpartition("full_key: ")
    if not found or not isinstance(error, InstantiationException):
        return ""
    name = key.split()[0]
    return "" if str(cause).startswith((f"{name}.", f"{name}=")) else f" (setting: {name})"


def _one_line(error: BaseException, suffix: str = "") -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return f"{text}{suffix}" if suffix or text.endswith((".", "?", "!")) else f"{text}."


def _storage(error: OSError) -> str:
    what = f" {error.filename}" if error.filename else ""
    if error.errno in _DISK_FULL:
        return f"The disk is full: could not write{what}. Free some space, or choose another folder with output=FOLDER."
    if error.errno in _NO_ACCESS:
        return f"Cannot use{what}: {error.strerror}. Choose a folder you may write to with output=FOLDER."
    return f"Cannot use{what}: {error.strerror}." if error.strerror else _one_line(error)


def _configuration(error: Exception, root: BaseException, hint: str) -> str:
    """Return the first line of a message of Hydra, without its advice on Hydra itself."""
    if isinstance(error, InstantiationException):
        return f"{_one_line(root).removesuffix('.')}{_setting(error, root)}. {hint}".strip()
    if isinstance(error, MissingMandatoryValue):
        return f"The setting {error.full_key} is required. Add {error.full_key}=VALUE."
    if isinstance(error, OverrideParseException):
        key, given, value = str(error.override).partition("=")
        word = f"{key}='{value}'" if given else f"{key}=VALUE"
        return f'Cannot read the setting {error.override!r}. Put quotes around it, as in "{word}".'
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    for pattern, plain in _PLAIN.items():
        first = re.sub(pattern, plain, first)
    return f"{first.rstrip('.:')}. {hint}".strip()
