"""Pages as a real browser shows them: what a script finds in them at each width and theme."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

# As the distributions name it.
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# A page of many trials takes seconds of a processor; a busy machine, minutes.
_LIMIT_S = 600
_RESULTS = re.compile(r'<pre id="results">(.*)</pre>', re.S)

# A window of a browser is at least 500 pixels wide, a frame as wide as it is told to be; and a
# frame's theme is that of the element around it. Folded parts are opened, or nobody looks at them.
_HARNESS = """<!DOCTYPE html><meta charset="utf-8"><pre id="results"></pre>
<script>
const page = %(page)s, library = %(library)s, look = %(look)s;
async function seen(width, theme) {
  const frame = document.createElement("iframe");
  frame.style = `border: 0; height: 900px; width: ${width}px; color-scheme: ${theme}`;
  const loaded = new Promise(resolve => frame.addEventListener("load", resolve));
  frame.srcdoc = page;
  document.body.append(frame);
  await loaded;
  const inside = frame.contentWindow;
  for (const folded of inside.document.querySelectorAll("details")) folded.open = true;
  if (library) inside.eval(library);
  const found = await inside.eval(look);
  frame.remove();
  return { width, theme, found };
}
(async () => {
  const results = [];
  for (const width of %(widths)s)
    for (const theme of ["light", "dark"]) results.push(await seen(width, theme));
  document.getElementById("results").textContent = JSON.stringify(results);
})();
</script>
"""


class Seen(NamedTuple):
    """What a script has found in a page.

    Attributes:
        width: Width of the screen, in pixels.
        theme: light or dark.
        found: The script's value.
    """

    width: int
    theme: str
    found: Any


def browser() -> str | None:
    """Path of Chromium or Chrome, if one is installed."""
    return next((path for name in _BROWSERS if (path := shutil.which(name))), None)


def look(page: str, widths: tuple[int, ...], script: str, library: str = "") -> list[Seen]:
    """Runs a script in a page with all folded parts open, at each width, in light and dark.

    Args:
        page: Text of the page.
        widths: Widths of the screen, in pixels.
        script: Expression of JavaScript, or a promise of one.
        library: JavaScript that is run before it.
    """
    texts = {"page": page, "library": library, "look": script, "widths": widths}
    # A closing tag in a text would end the harness's own script.
    given = {name: json.dumps(text).replace("</", "<\\/") for name, text in texts.items()}
    program = browser()
    assert program is not None
    with tempfile.TemporaryDirectory() as folder:
        harness = Path(folder) / "harness.html"
        harness.write_text(_HARNESS % given, encoding="utf-8")
        # The sandbox wants rights that containers do not have; the page is our own.
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=60000")
        command = [program, *options, f"--user-data-dir={folder}", "--dump-dom", harness.as_uri()]
        shown = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=_LIMIT_S
        ).stdout
    results = _RESULTS.search(shown)
    if results is None or not results[1]:
        raise RuntimeError("The browser ended before the script did.")
    return [Seen(**one) for one in json.loads(unescape(results[1]))]
