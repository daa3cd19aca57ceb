"""Time the making of the reports of screens of many targets, and that of one in Chromium.

    python tests/benchmark/report.py [--targets 1 50 207 1000] [--elements 1000] [--backgrounds 20]
    python tests/benchmark/report.py --page results/demo [--elements 5000]

The first screens random motifs, each with two controls, by a model of so many targets, and prints for each number the
CPU seconds and peak memory of processes that write the page, then the figures, and of `marginalization summary`. The
second is offline, each number the median of three loads, of the page of a finished screen and of the same contents with
the elements repeated up to that many, without details, as of a screen that large.
"""

import argparse
import multiprocessing
import re
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from marginalization.commands.cli import main as command_line
from marginalization.store.paths import Results
from marginalization.view.report.contents import gather
from marginalization.view.report.figures import write_figures
from marginalization.view.report.page import render, write_report
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
from screens import cluster, finish, run_screen, screen_of

LENGTH, WIDTH = 40, 10
PAINT = "performance.getEntriesByType('paint').find((entry) => entry.name === 'first-contentful-paint')?.startTime"


class Linear(nn.Module):
    """Random weights of letters and positions for each target."""

    def __init__(self, targets):
        super().__init__()
        self.weights = nn.Parameter(torch.randn(4 * LENGTH, targets, generator=torch.Generator().manual_seed(0)))

    def forward(self, X):
        return X.flatten(1) @ self.weights


def make_screen(folder, n_targets, n_elements, n_backgrounds):
    """The results of a screen of random motifs in random backgrounds."""
    letters = np.array(list("ACGT"))
    rng = np.random.default_rng(0)
    motifs, backgrounds = (
        ["".join(row) for row in letters[rng.integers(0, 4, shape)]]
        for shape in ((n_elements, WIDTH), (n_backgrounds, LENGTH))
    )
    models = {"linear": {"factory": f"{Path(__file__).absolute()}:Linear", "kwargs": {"targets": n_targets}}}
    readouts = {"all": {"output": 0}}
    config = screen_of(folder, motifs, backgrounds, {"shuffles": 2}, models=models, readouts=readouts)
    return cluster(config, finish(config, run_screen(config, folder), folder))


def measured(function, *arguments):
    """Call a function in a process of its own, and print its CPU seconds and the peak of its memory."""
    process = multiprocessing.get_context("spawn").Process(target=_measured, args=(function, *arguments))
    process.start()
    process.join()


def _measured(function, *arguments):
    begin = time.process_time()
    said = function(*arguments)
    # Of this process alone: what `getrusage` gives begins with that of the one that started it.
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 2**20
    print(
        f"  {function.__name__:<8} {time.process_time() - begin:6.1f} CPU s, peak memory {peak:.2f} GiB{said}",
        flush=True,
    )


def report(results):
    page = results / "report.html"
    shown = write_report(Results(results))
    size = page.stat().st_size / 1e6
    return f"; {size:.1f} MB, {len(shown['views']):,} targets, {len(shown['elements']):,} elements"


def figures(results):
    (results / "figures").mkdir()
    write_figures(gather(Results(results)), Results(results))
    return f"; {len(list((results / 'figures').iterdir()))} files, and again what the page shows"


def summary(results):
    with open("/dev/null", "w") as sys.stdout:
        command_line(["summary", str(results)])
    sys.stdout = sys.__stdout__
    return ""


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
        before = page.locator("#table-box .dt-info").inner_text()
        begin = time.perf_counter()
        page.locator("#table-box").get_by_label("Search").fill("GATA")
        page.wait_for_function(
            "(before) => document.querySelector('#table-box .dt-info').innerText !== before", arg=before
        )
        rows.append((page.evaluate(PAINT) / 1000, ready, time.perf_counter() - begin))
        page.context.close()
    paint, ready, search = (statistics.median(column) for column in zip(*rows, strict=True))
    size = path.stat().st_size / 1e6
    print(f"{size:.1f} MB, first paint after {paint:.2f} s, ready after {ready:.2f} s, a search {search:.2f} s")


def time_page(results, n):
    """Time the page of a finished screen, and of one with n elements."""
    from playwright.sync_api import sync_playwright

    contents = gather(Results(results))
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for shown in (contents, repeated(contents, n)):
            print(f"{len(shown['elements']):,} elements: ", end="")
            timed(browser, render(shown), folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path, help="a finished screen's results, whose page to load")
    parser.add_argument("--targets", type=int, nargs="+", default=[1, 50, 207, 1000])
    parser.add_argument("--elements", type=int)
    parser.add_argument("--backgrounds", type=int, default=20)
    arguments = parser.parse_args()
    if arguments.page:
        time_page(arguments.page, arguments.elements or 5000)
        return
    for n_targets in arguments.targets:
        print(f"{n_targets:,} targets x {arguments.elements or 1000:,} elements", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            results = make_screen(Path(folder), n_targets, arguments.elements or 1000, arguments.backgrounds)
            for function in (report, figures, summary):
                measured(function, results)


if __name__ == "__main__":
    main()
