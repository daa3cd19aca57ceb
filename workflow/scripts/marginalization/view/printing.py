"""Tables in the terminal: numbers to four digits, none of them cut or folded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from ..config.sections import Config
from .results import KEYS

NAME_WIDTH = 40


FOLDED_WIDTH = 12
"""What a terminal must have left for a name."""


GAP = 3
"""Blanks between two columns."""


TEXT = {"name", "strand", *KEYS, "significant"}


def placed_columns(config: Config, rows: pd.DataFrame) -> dict[str, Sequence[str]]:
    """Name and strand, and the start where the screen has several."""
    names = [name if len(name) <= NAME_WIDTH else f"{name[: NAME_WIDTH - 3]}..." for name in rows["name"]]
    columns = {"name": names, "strand": rows["strand"]}
    if config.placement.several_starts:
        columns["start"] = numbers(rows["start"])
    return columns


def intervals(rows: pd.DataFrame, what: str = "effect") -> list[str]:
    bounds = zip(numbers(rows[f"{what}_ci_low"]), numbers(rows[f"{what}_ci_high"]), strict=True)
    return [f"{low} to {high}" if low else "" for low, high in bounds]


def numbers(values: Iterable[Any]) -> list[str]:
    return [text_of(value) for value in values]


def text_of(value: Any) -> str:
    """Whole numbers whole, others to four digits, nothing for a missing one."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | np.integer):
        return str(value)
    return "" if pd.isna(value) else f"{value:.4g}"


def print_table(console: Console, columns: dict[str, Sequence[str]]) -> None:
    """Print columns of text by their names, and an empty line; that alone for no rows.

    What is too wide for the terminal even with its names folded is printed row by row, a line for each column.
    """
    rows = list(zip(*columns.values(), strict=True))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    needed = 0
    for name, cells in columns.items():
        folds = name == "name"  # numbers must be neither folded nor cut
        table.add_column(name, justify="left" if name in TEXT else "right", overflow="fold", no_wrap=not folds)
        width = max(map(len, [name, *cells]))
        needed += (min(width, FOLDED_WIDTH) if folds else width) + GAP
    for row in rows:
        table.add_row(*row)
    if rows and needed - GAP <= console.width:
        console.print(table)
    elif rows:
        width = max(len(name) for name in columns)
        blocks = [
            "\n".join(f"{name:<{width}}  {cell}" for name, cell in zip(columns, row, strict=True)) for row in rows
        ]
        console.print("\n\n".join(blocks), soft_wrap=True)
    console.print()
