"""Run tasks in local processes or on a Dask cluster."""
