"""The parts of a report for decision makers: what each kind of run adds to it."""
