"""A seeded city whose true intensity is known: records, residents, and what was to be expected."""
