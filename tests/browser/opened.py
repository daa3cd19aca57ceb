"""A report in a page."""

from pathlib import Path

from axe_playwright_python.sync_playwright import Axe


class Opened:
    """The report in a page, with all that the console said and the network was asked for."""

    def __init__(self, page, path: Path):
        self.page, self.said, self.asked = page, [], []
        page.on("console", lambda message: message.type == "error" and self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.absolute().as_uri())
        page.wait_for_function("document.documentElement.dataset.ready")


def serious(page):
    """Axe's serious and critical faults, of each the first three places."""
    found = Axe().run(page).response["violations"]
    return [
        (fault["id"], node["target"], node.get("failureSummary"))
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"][:3]
    ]
