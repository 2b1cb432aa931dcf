"""The space of the searches."""

SPACE = {"x": {"low": -1.0, "high": 1.0}, "n": {"low": 1, "high": 100, "log": True}, "way": {"choices": [[1, 2], "no"]}}
