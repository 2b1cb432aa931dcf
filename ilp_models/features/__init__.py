"""Feature families: columns computed from the past of a panel, each in time linear in its size."""
