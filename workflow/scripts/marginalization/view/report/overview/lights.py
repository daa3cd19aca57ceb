"""Whether a screen can be trusted, at a glance: a light for each question, with a word, and where to look further."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...findings import could
from ...quantities import number
from ..reading.screens import Screen
from .found import resolution

GOOD, LOOK, BAD, NONE = "good", "look", "bad", "none"

EVEN = (0.35, 0.75)
"""Of the p-values of what is not significant, the share over a half that is taken for even."""
UNEVEN = 0.1
"""The share of targets on which they may be uneven without a remark."""
FEW_BACKGROUNDS = 10
LARGE_DIFFERENCE = 1e-3
"""Of an effect: how far incremental inference may be from full passes without a remark."""
AGREE = 0.9
"""The share of what acts whose sign all models should have."""


def lights(screen: Screen, quality: dict[str, Any], records: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Each light: what it is of, its state, a word or two, and the id of the place in the page that has more.

    Args:
        screen: as read.
        quality: what `reading.quality` tells of it.
        records: how its jobs went.
    """
    named = {
        "Null": (_null(screen), "quality-null"),
        "Resolution": (_resolution(screen), "quality-null"),
        "Backgrounds": (_backgrounds(screen, quality), "quality-backgrounds"),
        "Models": (_models(screen), "compare"),
        "Shortcut": (_shortcut(records), "quality-logs"),
        "Logs": (_logs(quality["warnings"]), "quality-logs"),
    }
    return [{"of": of, "state": state, "word": word, "to": to} for of, ((state, word), to) in named.items()]


def _null(screen: Screen) -> tuple[str, str]:
    """Whether the p-values of what is not significant are spread as those of nothing are."""
    shares = [rows.rest for rows in screen.views if rows.rest is not None]
    if screen.config.elements.controls is None:
        return NONE, "no controls, no verdicts"
    if not shares:
        return NONE, "too few elements to tell"
    uneven = [share for share in shares if not EVEN[0] <= share <= EVEN[1]]
    if len(uneven) <= UNEVEN * len(shares):
        return GOOD, "what does not act does as its shuffles do"
    side = "near 0" if np.mean(uneven) < 0.5 else "near 1"
    where = "" if len(shares) == 1 else f" on {len(uneven):,} of {len(shares):,} targets"
    return LOOK, f"p-values of what does not act crowd {side}{where}"


def _resolution(screen: Screen) -> tuple[str, str]:
    found = [resolution(screen, rows) for rows in screen.views]
    known = [of for of in found if of is not None]
    if not known:
        return NONE, "no controls, no verdicts"
    worst = max(known, key=lambda of: of.together)
    words = could(worst).removeprefix("this screen could ")
    return (GOOD if worst.together == 1 else LOOK if worst.possible else BAD), f"could {words}"


def _backgrounds(screen: Screen, quality: dict[str, Any]) -> tuple[str, str]:
    n = quality["backgrounds"]["kept"] * screen.config.backgrounds.copies
    gc = [value for value in quality["gc"] if value is not None]
    spread = f", GC {min(gc):.0%} to {max(gc):.0%}" if gc else ""
    if quality["unknown"]:
        return LOOK, f"{n:,}, with {quality['unknown']:,} letters N"
    if n < FEW_BACKGROUNDS:
        return LOOK, f"only {n:,}{spread}"
    return GOOD, f"{n:,}{spread}"


def _models(screen: Screen) -> tuple[str, str]:
    """Whether the models of groups agree on the sign of what acts."""
    n_models = len(screen.config.models)
    if not screen.config.groups:
        return NONE, "one model, none to agree with" if n_models == 1 else f"{n_models:,} models, no group: see Compare"
    places = screen.places[screen.places["model"].isin(list(screen.config.groups))]
    acting = places[places["significant"].fillna(False).astype(bool)] if screen.config.elements.controls else places
    if acting.empty:
        return NONE, "nothing acts to agree on"
    share = float((acting["n_models_agree"] == acting["n_models"]).mean())
    return (GOOD if share >= AGREE else LOOK), f"all agree on the sign of {share:.0%} of what acts"


def _shortcut(records: list[dict[str, Any]]) -> tuple[str, str]:
    """How far incremental inference was from full forward passes."""
    own = [record["largest_difference"] for record in records if record.get("incremental")]
    if not own:
        return NONE, "none taken: full forward passes"
    furthest = max(own)
    return (GOOD if furthest <= LARGE_DIFFERENCE else LOOK), f"within {number(furthest, 2)} of an effect of full passes"


def _logs(warnings: list[str]) -> tuple[str, str]:
    if not warnings:
        return GOOD, "no warnings"
    return LOOK, f"{len(warnings):,} warning{'s' if len(warnings) > 1 else ''}"
