"""The design of a field trial with its power, and what is known of its units."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.domain.notebook_html import html_summary
from ilp_models.domain.trial_design import TrialDesign, shift_code
from ilp_models.evaluation.units import ChosenUnits
from ilp_models.report.formatting import percent
from ilp_models.report.trial_design_page import LEAST_POWER, TrialDesignFacts


@dataclass(frozen=True, eq=False, repr=False)
class TrialDesignResult:
    """A design with its power and with what is known of the units; `write_trial_design` registers and writes it.

    Attributes
    ----------
    design : TrialDesign
        Units, assignment and terms: the content of ``trial.json``.
    power : DataFrame
        Power by effect: ``effect, power, low, high, trials, events, closed_form``.
    curves : DataFrame
        Power for other durations, numbers of units and sizes of clusters.
    groups : DataFrame
        Residents of the units by group; empty without a group table.
    flow : mapping
        Numbers of cells and units: eligible, left out, assigned.
    chosen_from : str
        What the units were chosen from: an audited forecast, or past counts.
    """

    design: TrialDesign
    power: pd.DataFrame
    curves: pd.DataFrame
    groups: pd.DataFrame
    flow: Mapping[str, int]
    chosen_from: str
    grid: Grid
    events: Events

    @property
    def power_text(self) -> str:
        """The chance to show the expected effect, in a sentence."""
        promise, unit = self.design.promise, self.design.period_unit
        least = promise.get("least_effect", np.nan)
        how = "" if self.design.randomised else "By the closed form alone: "
        effect, power, usual = (percent(one, 0) for one in (promise["effect"], promise["power"], LEAST_POWER))
        found = (
            f"{how}If treatment reduces crime by {effect}, a trial of {self.design.periods} {unit}s shows it with a "
            f"chance of {power}."
        )
        if np.isfinite(least):
            return f"{found} The smallest reduction that has a chance of {usual} is {percent(least, 0)}."
        return f"{found} None of the effects up to {percent(0.5, 0)} has a chance of {usual}."

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each cell of a unit and period: ``unit, cell, period, treated``, and ``shift`` if any."""
        design = self.design
        starts = [f"{one.start_time:%Y-%m-%d}" for one in design.span]
        shifts = [shift_code(one) for one in design.shifts] or [""] * len(design.units)
        rows = [
            (unit, cell, start, sign == "1", shift)
            for unit, cells, word, shift in zip(design.units, design.cells, design.assignment, shifts, strict=True)
            for cell in cells
            for start, sign in zip(starts, word, strict=True)
        ]
        table = pd.DataFrame(rows, columns=["unit", "cell", "period", "treated", "shift"])
        return table if design.shifts else table.drop(columns="shift")

    def page_facts(self) -> TrialDesignFacts:
        """Return what the page shows."""
        intake = self.events.intake
        return TrialDesignFacts(
            design=self.design,
            city=self.events.city or ("" if intake is None else intake.source) or "The study area",
            power=self.power,
            curves=self.curves,
            groups=self.groups,
            flow=self.flow,
            chosen_from=self.chosen_from,
            power_text=self.power_text,
            last_day=f"{self.design.span[-1].end_time:%Y-%m-%d}",
            simulated=self.events.simulated,
            grid=self.grid,
        )

    def __repr__(self) -> str:
        """Return scheme, size and power in one line."""
        one = self.design
        return (
            f"<Field trial: {one.scheme}, {len(one.units)} {one.unit_text}, {one.periods} {one.period_unit}s from "
            f"{one.start}, power {one.promise['power']:.0%} for a reduction of {one.promise['effect']:.0%}>"
        )

    def _repr_html_(self) -> str:
        """Return the main facts as a table, for notebooks."""
        one = self.design
        facts = {"scheme": one.scheme, "units": f"{len(one.units)} {one.unit_text}", "chosen from": self.chosen_from}
        facts |= {"first day": one.start, "length": f"{one.periods} {one.period_unit}s", "power": self.power_text}
        return html_summary("Design of a field trial", facts)


def flow_numbers(
    chosen: ChosenUnits, eligible: npt.NDArray[np.bool_], blocks: npt.NDArray[Any], treated: npt.NDArray[np.bool_]
) -> dict[str, int]:
    """Return the numbers of the flow: from cells to assigned units."""
    inside = blocks >= 0
    ever, always = treated.any(axis=1), treated.all(axis=1)
    return {
        "cells": len(eligible),
        "eligible_cells": int(eligible.sum()),
        "eligible_units": chosen.eligible,
        "too_near": chosen.too_near,
        "places": len(chosen) // max(len(set(chosen.shifts)), 1),
        "units": len(chosen),
        "in_no_block": int((~inside).sum()),
        "treated": int((inside & always).sum()),
        "control": int((inside & ~ever).sum()),
        "changing": int((inside & ever & ~always).sum()),
    }
