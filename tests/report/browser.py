"""Check a page with axe-core in a headless browser, without a driver, and count printed pages."""

import html
import json
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PACKAGES = ("axe_core_python", "axe_playwright_python")  # each bundles axe.min.js
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")
ASK = """<script>
document.querySelectorAll("details").forEach(one => one.open = true);
axe.run(document, {runOnly: %s}).then(found => {
  const result = document.createElement("pre");
  result.id = "axe";
  const passed = found.passes.filter(rule => rule.id === "color-contrast").map(rule => rule.nodes.length);
  result.textContent = JSON.stringify({
    violations: found.violations.map(rule => [rule.id, rule.nodes.map(node => node.html.slice(0, 200))]),
    contrast: passed.length ? passed[0] : 0,
  });
  document.body.appendChild(result);
});
</script></body>"""


def find_browser():
    """Return the path of a browser, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def find_axe():
    """Return the text of axe-core, or None."""
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            return Path(spec.submodule_search_locations[0], "axe.min.js").read_text(encoding="utf-8")
    return None


def printed_pages(page, browser, folder):
    """Return how many A4 pages a page prints on."""
    printed = folder / "printed.pdf"
    switches = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    paper = ["--no-pdf-header-footer", f"--print-to-pdf={printed}", f"--user-data-dir={folder / 'profile'}"]
    subprocess.run([browser, *switches, *paper, page.as_uri()], capture_output=True, timeout=180, check=True)
    return len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes()))


def axe_result(page, axe, browser, folder):
    """Return the violations of a page with all details open, and the number of texts with enough contrast."""
    copy = folder / "checked.html"
    escaped = axe.replace("</script", "<\\/script")
    tail = f"<script>{escaped}</script>{ASK % json.dumps(TAGS)}"
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text(encoding="utf-8"))
    copy.write_text(text.replace("</body>", tail), encoding="utf-8")  # without the policy, which forbids scripts
    switches = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    size = ["--window-size=3000,2000", "--virtual-time-budget=60000", f"--user-data-dir={folder / 'profile'}"]
    run = subprocess.run(
        [browser, *switches, *size, "--dump-dom", copy.as_uri()], capture_output=True, text=True, timeout=180
    )
    result = re.search(r'<pre id="axe">(.*?)</pre>', run.stdout, re.DOTALL)
    assert result is not None, run.stderr[-2000:]
    return json.loads(html.unescape(result[1]))
