"""The matrix of criminal groups: judgements of analysts about groups, never about persons."""
