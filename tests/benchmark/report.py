"""Time the making of the reports of screens of many targets, and that of one in Chromium.

    python tests/benchmark/report.py [--targets 1 50 207 1000] [--elements 1000] [--backgrounds 20]
    python tests/benchmark/report.py --annotations 100000 [--names 500] [--targets 1 6] [--backgrounds 4]
    python tests/benchmark/report.py --page results/demo [--elements 5000]

The first screens random motifs, each with two controls, by a model of so many targets, the second random sites of a
genome on both strands, each with a name of its own unless told, with 1,000 controls in all. They print for each number
of targets the CPU seconds and peak memory of processes that write the page, then the figures, and of `marginalization
summary`, and how fast the page opens where there is Chromium. The third times the page of a finished screen, and of the
same contents with the elements repeated up to that many, without details, as of a screen that large. Pages are opened
offline, each number the median of three loads.
"""

import argparse
import multiprocessing
import re
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
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


def make_sites(folder, n_targets, n_sites, n_names, n_backgrounds):
    """The results of a screen of random sites of a genome, 12 to 17 bases wide, on both strands."""
    letters = np.array(list("ACGT"))
    rng = np.random.default_rng(0)
    (folder / "genome.fa").write_text(f">chr1\n{''.join(letters[rng.integers(0, 4, 24 * n_sites)])}\n")
    rows = []
    for i in range(n_sites):
        start, name = 24 * i, f"name_{i % (n_names or n_sites)}"
        rows.append(f"chr1\t{start}\t{start + 12 + i % 6}\t{name}\t0\t{'+-'[i % 2]}\n")
    (folder / "sites.bed").write_text("".join(rows))
    backgrounds = ["".join(row) for row in letters[rng.integers(0, 4, (n_backgrounds, LENGTH))]]
    models = {"linear": {"factory": f"{Path(__file__).absolute()}:Linear", "kwargs": {"targets": n_targets}}}
    sections = {"readouts": {"all": {"output": 0}}, "placement": {"strands": "both"}}
    controls = {"shuffles": 1000, "per": "stratum"}
    config = screen_of(folder, ["A"], backgrounds, controls, models=models, **sections)
    sites = {"file": str(folder / "sites.bed"), "genome": str(folder / "genome.fa"), "format": None, "stranded": True}
    config["elements"] |= {"motifs": [], "annotations": [{**sites, "summit_flank": None, "max_width": None}]}
    return finish(config, run_screen(config, folder), folder)


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


def timed(browser, page_path):
    """Print how large a page is, and when it is painted and ready; with the time that a search takes."""
    rows = []
    for _ in range(3):
        page = browser.new_context(offline=True, viewport={"width": 1280, "height": 900}).new_page()
        begin = time.perf_counter()
        page.goto(page_path.absolute().as_uri())
        page.wait_for_function("document.documentElement.dataset.ready")
        ready = time.perf_counter() - begin
        table = page.locator(".dt-container:visible")
        before = table.locator(".dt-info").inner_text()
        begin = time.perf_counter()
        table.get_by_label("Search").fill("7")
        page.wait_for_function(
            "(before) => document.querySelector('.dt-container:not([hidden] *) .dt-info').innerText !== before",
            arg=before,
        )
        rows.append((page.evaluate(PAINT) / 1000, ready, time.perf_counter() - begin))
        page.context.close()
    paint, ready, search = (statistics.median(column) for column in zip(*rows, strict=True))
    size = page_path.stat().st_size / 1e6
    print(f"  {size:.1f} MB, first paint after {paint:.2f} s, ready after {ready:.2f} s, a search {search:.2f} s")


@contextmanager
def chromium():
    """A browser; None where there is none."""
    if (found := shutil.which("chromium")) is None:
        yield None
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])


def time_page(results, n):
    """Time the page of a finished screen, and of one with n elements."""
    contents = gather(Results(results))
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        for shown in (contents, repeated(contents, n)):
            print(f"{len(shown['elements']):,} elements")
            path = Path(folder) / "report.html"
            path.write_text(render(shown), encoding="utf-8")
            timed(browser, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path, help="a finished screen's results, whose page to load")
    parser.add_argument("--targets", type=int, nargs="+", default=[1, 50, 207, 1000])
    parser.add_argument("--elements", type=int)
    parser.add_argument("--annotations", type=int, help="so many sites in place of motifs")
    parser.add_argument("--names", type=int, help="of sites; one for each unless told")
    parser.add_argument("--backgrounds", type=int, default=20)
    arguments = parser.parse_args()
    if arguments.page:
        time_page(arguments.page, arguments.elements or 5000)
        return
    n = arguments.annotations or arguments.elements or 1000
    for n_targets in arguments.targets:
        print(f"{n_targets:,} targets x {n:,} {'annotations' if arguments.annotations else 'elements'}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            if arguments.annotations:
                results = make_sites(Path(folder), n_targets, n, arguments.names, arguments.backgrounds)
            else:
                results = make_screen(Path(folder), n_targets, n, arguments.backgrounds)
            for function in (report, figures, summary):
                measured(function, results)
            with chromium() as browser:
                if browser:
                    timed(browser, results / "report.html")


if __name__ == "__main__":
    main()
