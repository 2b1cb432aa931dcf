"""Measures of groups in closed form, with intervals, and the checks made of them."""
