"""What a parameter of a simulated city may be."""

from ilp_models.domain.errors import InputError


def refuse_number(name: str, value: object, limits: tuple[float, float], *, whole: bool = False) -> None:
    """Return quietly unless a value is no number of the kind and size asked for."""
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not limits[0] <= value <= limits[1]:
        kind = "a whole number" if whole else "a number"
        msg = f"{name}={value!r} is not usable; give {kind} from {limits[0]:.10g} to {limits[1]:.10g}."
        raise InputError(msg)
