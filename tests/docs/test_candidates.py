"""Each experiment names its candidate by commit before the test is scored, or says that it named none."""

import re
import shutil
import subprocess

import pytest
from pages import ROOT

EXPERIMENTS = sorted((ROOT / "experiments").glob("*/README.md"))
LINE = re.compile(r"^\*\*Candidate\.\*\* (.*?)\n\n", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"named at commit\s+([0-9a-f]{7,40}),\s+before .*?scored at\s+commit\s+([0-9a-f]{7,40})", re.DOTALL)
NOT_NAMED = ("No candidate was named in advance.", "No forecaster is chosen on a test here.")


def git(*words):
    program = shutil.which("git")
    if program is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no history")
    return subprocess.run([program, *words], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("page", EXPERIMENTS, ids=lambda page: page.parent.name)
def test_a_candidate_is_named_by_commit_before_the_test_or_not_at_all(page):
    lines = LINE.findall(page.read_text(encoding="utf-8"))
    assert len(lines) == 1, f"{page}: write one paragraph **Candidate.** after the question"
    found = NAMED.search(lines[0])
    assert found or lines[0].startswith(NOT_NAMED), lines[0]
    if found is None:
        return
    if git("rev-parse", "--is-shallow-repository").stdout.strip() != "false":
        pytest.skip("a shallow clone has no history")
    named, scored = found.groups()
    assert git("merge-base", "--is-ancestor", named, scored).returncode == 0, f"{named} is not before {scored}"
    assert git("merge-base", "--is-ancestor", scored, "HEAD").returncode == 0
    folder = page.parent.relative_to(ROOT).as_posix()
    for commit in (named, scored):
        assert git("show", "--name-only", "--format=", commit, "--", folder).stdout.strip(), (
            f"{commit}: not in {folder}"
        )
