"""The report of an audit: a page for a reviewer, the same as JSON, and drafts of the papers that go with it."""
