"""The audit report: an HTML page for reviewers, JSON for programs, and drafts of governance documents."""
