"""Pages in a real browser: opened alone to hear what it complains of, or side by side as narrow as a phone."""

import html
import json
import re
import shutil
import subprocess

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    *("--headless", "--hide-scrollbars", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--virtual-time-budget=3000", "--dump-dom"),
]

_MEASURE = """<script>
for (const one of document.querySelectorAll("details")) one.open = true;
parent.postMessage({name: %s, width: document.documentElement.scrollWidth, view: window.innerWidth,
  inner: Math.max(...[...document.querySelectorAll(".scroll")].map(box => box.scrollWidth - box.clientWidth)),
  loaded: performance.getEntriesByType("resource").length}, "*");
</script></body>"""
_COLLECT = """<pre id=found></pre><script>
let all = [];
onmessage = event => { all.push(event.data); found.textContent = JSON.stringify(all); };
</script>"""


def browse(page, directory):
    """Open a page; gives its document as it is then, and what the console said."""
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={directory / 'profile'}", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)


def without_policy(text):
    """A copy of a page that lets further scripts run; only for a copy."""
    return re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)


def measured_narrow(texts, directory):
    """How wide each page is, by name, on a screen of 390 px with everything unfolded."""
    frames = [_COLLECT]
    for name, text in texts.items():
        copy = directory / f"{name}.html"
        spied = without_policy(text).replace("</body>", _MEASURE % json.dumps(name))
        copy.write_text(spied, encoding="utf-8")
        frames.append(f'<iframe style="width: 390px; height: 800px; border: 0" src="{copy.as_uri()}"></iframe>')
    around = directory / "around.html"
    around.write_text("<!doctype html>" + "".join(frames), encoding="utf-8")
    found = re.search(r'<pre id="found">(.*?)</pre>', browse(around, directory).stdout)
    return {one["name"]: one for one in json.loads(html.unescape(found[1]))}
