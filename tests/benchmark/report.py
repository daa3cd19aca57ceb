"""Time the report of a finished screen in Chromium: its size, its first paint, and when it can be used.

    python tests/benchmark/report.py [results/demo] [--elements 5000]

Offline, each number the median of three loads. With `--elements` the report is also made of the same contents with the
elements repeated up to that many, without details, as of a screen that large.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from marginalization.report.contents import gather
from marginalization.report.page import render
from playwright.sync_api import sync_playwright

PAINT = "performance.getEntriesByType('paint').find((entry) => entry.name === 'first-contentful-paint')?.startTime"


def repeated(contents, n):
    """The contents with their elements, and rows of effects, repeated up to n elements."""
    elements, effects = contents["elements"], contents["effects"]
    copies = -(-n // len(elements))
    more = {name: column * copies for name, column in effects.items()}
    more["element"] = [i + k * len(elements) for k in range(copies) for i in effects["element"]]
    keep = [i for i, element in enumerate(more["element"]) if element < n]
    names = [{**elements[i % len(elements)], "name": f"{elements[i % len(elements)]['name']} {i}"} for i in range(n)]
    details = {**contents["details"], "after": {}, "controls": {}}
    more = {name: [column[i] for i in keep] for name, column in more.items()}
    return {**contents, "elements": names, "effects": more, "details": details, "profiles": None}


def timed(browser, html, folder):
    """Print how large a page is, and when it is painted and ready; with the time that a search takes."""
    path = Path(folder) / "report.html"
    path.write_text(html, encoding="utf-8")
    rows = []
    for _ in range(3):
        page = browser.new_context(offline=True, viewport={"width": 1280, "height": 900}).new_page()
        begin = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_function("document.documentElement.dataset.ready")
        ready = time.perf_counter() - begin
        begin = time.perf_counter()
        page.get_by_label("Search").fill("GATA")
        page.wait_for_function("document.querySelector('.dt-info').innerText.includes('filtered')")
        rows.append((page.evaluate(PAINT) / 1000, ready, time.perf_counter() - begin))
        page.context.close()
    paint, ready, search = (statistics.median(column) for column in zip(*rows, strict=True))
    size = path.stat().st_size / 1e6
    print(f"{size:.1f} MB, first paint after {paint:.2f} s, ready after {ready:.2f} s, a search {search:.2f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="?", default=Path("results/demo"))
    parser.add_argument("--elements", type=int, default=5000)
    arguments = parser.parse_args()
    begin = time.perf_counter()
    contents = gather(arguments.results)
    html = render(contents)
    print(f"made in {time.perf_counter() - begin:.1f} s: {len(contents['elements']):,} elements")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        timed(browser, html, folder)
        print(f"{arguments.elements:,} elements")
        timed(browser, render(repeated(contents, arguments.elements)), folder)


if __name__ == "__main__":
    main()
