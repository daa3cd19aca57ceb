"""The page of several screens: one HTML file that needs no network, of the parts of a screen's report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ...store.files import whole_file
from ..report.page import rendered
from .comparing import compare_screens
from .contents import Gathered
from .matching import match_views
from .screens import Compared

SCRIPTS = ("words", "screens", "draw", "logos", "axis", "changes", "tables", "changed", "about", "ready")
"""The files of web/script, as `report.page.SCRIPTS`."""


def write_comparison(compared: Compared, keys: list[pd.DataFrame], path: Path) -> dict[str, Any]:
    """Write the page of screens.

    Args:
        compared: the screens.
        keys: of each the views that may be taken, columns `KEYS`.
        path: of the page.

    Returns:
        What it shows.

    Raises:
        InputError: they have no view in common, or a table is damaged.
    """
    matches = match_views(compared.screens, keys)
    gathered = Gathered(compared, len(matches))
    for found in compare_screens(compared, matches):
        gathered.add(found)
    contents = gathered.contents()
    with whole_file(path) as temporary:
        Path(temporary).write_text(render(contents), encoding="utf-8")
    return contents


def render(contents: dict[str, Any]) -> str:
    """The page as HTML."""
    names = [screen["name"] for screen in contents["screens"]]
    return rendered("screens.html", SCRIPTS, contents, names=names, of=contents)
