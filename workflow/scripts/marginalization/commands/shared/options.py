"""What options of several commands are made of."""

from __future__ import annotations

import argparse
from typing import TypeAlias

import pandas as pd

from ...view.results import KEYS, require_known

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""To which a command is added."""


def positive(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 1 or more")
    return int(text)


def add_results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", help="the screen's folder, such as results/demo")


def add_keys(parser: argparse.ArgumentParser) -> None:
    """Options that `chosen` goes by."""
    for key in KEYS:
        parser.add_argument(f"--{key}", help=f"only this {key}" + (", or group of models" if key == "model" else ""))


def chosen(keys: pd.DataFrame, arguments: argparse.Namespace) -> list[dict[str, str]]:
    """The (model, readout, target) that the options leave; an InputError for one that there is not."""
    for key in KEYS:
        value = getattr(arguments, key)
        if value is not None:
            require_known(value, keys[key], "model or group" if key == "model" else key)
            keys = keys[keys[key] == value]
    return keys.to_dict("records")


def choices(keys: list[dict[str, str]], options: list[str]) -> str:
    """Which options choose among keys that differ, in words."""
    return " and ".join(f"--{option}" for option in options if len({key[option] for key in keys}) > 1)
