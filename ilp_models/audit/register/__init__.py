"""The decision register: an append-only file of decisions, approvals, exports and withdrawals, with signatures."""
