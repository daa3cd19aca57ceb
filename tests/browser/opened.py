"""A report in a page."""

from pathlib import Path


class Opened:
    """The report in a page, with all that the console said and the network was asked for."""

    def __init__(self, page, path: Path):
        self.page, self.said, self.asked = page, [], []
        page.on("console", lambda message: message.type == "error" and self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.absolute().as_uri())
        page.wait_for_function("document.documentElement.dataset.ready")
