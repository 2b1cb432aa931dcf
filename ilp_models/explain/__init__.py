"""Explain forecasts: SHAP values of regressions and trees, level and share, robustness of explanations."""
