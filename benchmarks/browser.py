"""Drive a headless Chromium over a pipe, to time and test the script of a page."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
_SWITCHES: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-pipe",
)
# Chromium reads from descriptor 3 and writes to 4. They are moved there in the child; copies above 9 avoid a clash.
_MOVE: Final = """import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, place in zip(ends, (3, 4)):
    os.dup2(end, place, inheritable=True)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find_browser() -> str | None:
    """Return the path of a browser, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Chromium:
    """A headless browser with one page; commands of the DevTools protocol go through file descriptors 3 and 4."""

    def __init__(self, page: Path, width: int = 1200, height: int = 900) -> None:
        """Start the browser and load a page."""
        browser = find_browser()
        if browser is None:
            msg = f"None of {', '.join(BROWSERS)} is installed."
            raise FileNotFoundError(msg)
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        (commands, self._out), (self._in, answers) = os.pipe(), os.pipe()
        switches = [*_SWITCHES, f"--user-data-dir={self._profile.name}", f"--window-size={width},{height}"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _MOVE, str(commands), str(answers), browser, *switches, "about:blank"],
            pass_fds=(commands, answers),
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._number, self._read, self._session = 0, b"", ""
        self.messages: list[dict[str, Any]] = []  # of the console and of refused content
        try:
            self._open(page)
        except BaseException:
            self.close()
            raise

    def _open(self, page: Path) -> None:
        targets = self.send("Target.getTargets")["targetInfos"]
        target = next(one["targetId"] for one in targets if one["type"] == "page")
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")
        self.send("Page.navigate", url=page.resolve().as_uri())
        ready = "new Promise(r => document.readyState === 'complete' ? r(1) : addEventListener('load', () => r(1)))"
        self.evaluate(ready)

    def send(self, method: str, **parameters: Any) -> Any:
        """Return the result of a command."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(answer["error"]["message"])
                return answer["result"]
            self.messages.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            more = os.read(self._in, 1 << 16)
            if not more:
                msg = "The browser ended."
                raise RuntimeError(msg)
            self._read += more
        line, _, self._read = self._read.partition(b"\0")
        found: dict[str, Any] = json.loads(line)
        return found

    def evaluate(self, script: str) -> Any:
        """Return the value of a JavaScript expression; promises are awaited."""
        result = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"])[:500])
        return result["result"].get("value")

    def problems(self) -> list[str]:
        """Return errors of scripts and refused content so far."""
        self.evaluate("new Promise(r => setTimeout(() => r(1), 50))")
        known = {"Runtime.exceptionThrown": "exceptionDetails", "Log.entryAdded": "entry"}
        return [
            json.dumps(one["params"][known[one["method"]]])[:500] for one in self.messages if one.get("method") in known
        ]

    def __enter__(self) -> Self:
        """Return the browser."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the browser."""
        self.close()

    def close(self) -> None:
        """End the browser and remove its profile."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        for end in (self._out, self._in):
            os.close(end)
        self._profile.cleanup()
