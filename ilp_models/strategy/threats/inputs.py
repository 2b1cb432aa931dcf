"""Files of a user that add to the evidence of the records."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ThreatInputs:
    """Files of a user that add to the evidence of records.

    Parameters
    ----------
    judgements : str, optional
        Table of scores: ``threat, dimension, score, evidence_grade, confidence``, and ``area`` if it is of one.
    indicators : str, optional
        Table of other indicators, such as clearance: ``crime_type, indicator, value, unit, source, date``, and
        ``area`` if it is of one.
    residents : str, optional
        Table with ``area`` and ``residents``, for rates; one row may be the whole city, with an empty area.
    previous : str, optional
        Folder of an earlier assessment, to tell what rose and fell.
    control_strategy : str, optional
        ``control_strategy.xlsx`` of an earlier assessment, as people filled it in.

    Examples
    --------
    >>> ThreatInputs(residents="residents.csv").judgements is None
    True
    """

    judgements: str | None = None
    indicators: str | None = None
    residents: str | None = None
    previous: str | None = None
    control_strategy: str | None = None
