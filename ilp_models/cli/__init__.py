"""The one door: from a line in the terminal to a task of the pipeline."""
