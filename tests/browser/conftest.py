"""A real browser, without a network, and the demo's own report."""

import os
import shutil

import pytest
from opened import Opened
from playwright.sync_api import sync_playwright
from workflows import PROJECT

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def results():
    """The demo's results."""
    folder = PROJECT / "results" / "demo"
    if not (folder / "report.html").is_file():
        pytest.skip("there is no report of the demo: `make demo` makes it")
    return folder


@pytest.fixture(scope="session")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("there is no Chromium; tests/browser/install.sh installs it")
    with sync_playwright() as playwright:
        # Chromium's sandbox does not start for root.
        yield playwright.chromium.launch(executable_path=found, args=["--no-sandbox"] if os.geteuid() == 0 else [])


@pytest.fixture
def report(browser, results):
    """A function that opens the report offline, with options of the browser's context."""
    contexts = []

    def open_report(**options):
        context = browser.new_context(offline=True, **{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(15_000)
        contexts.append(context)
        return Opened(context.new_page(), results / "report.html")

    yield open_report
    for context in contexts:
        context.close()
