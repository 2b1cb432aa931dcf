"""One function for each task: plain functions of nouns, which alone combine the activities."""
