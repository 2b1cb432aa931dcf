"""What a parameter of a simulated city may be."""

from ilp_models.domain.errors import InputError


def refuse_number(name: str, value: object, limits: tuple[float, float], *, whole: bool = False) -> None:
    """Return quietly unless a value is no number of the kind and size asked for.

    Parameters
    ----------
    name : str
        The setting, for the message.
    value : object
        What was given.
    limits : tuple of float
        Lowest and highest value allowed.
    whole : bool, default False
        Whether only whole numbers will do.

    Raises
    ------
    InputError
        If the value is of another type or out of range.
    """
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not limits[0] <= value <= limits[1]:
        kind = "a whole number" if whole else "a number"
        msg = f"{name}={value!r} is not usable; give {kind} from {limits[0]:.10g} to {limits[1]:.10g}."
        raise InputError(msg)
