"""Which tracks of an output a readout takes, and what they are called.

Nothing here imports torch, because Snakemake reads it at every parse.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import InputError
from ..inputs.model_tables import Targets, read_targets
from .checks import readouts_of, require_file
from .sections import Config, Readout, TargetTable

LISTED = 5
"""How many tracks a message lists."""


class Tracks(NamedTuple):
    """The tracks that a readout takes of its output.

    Fields:
        numbers: of the tracks, in the order of the targets; None takes all.
        reverse: those that take their places for a reverse complement.
        names: of the tracks, where the config or its table has one for each.
        total: how many tracks the output must have, where that is known.
    """

    numbers: tuple[int, ...] | None = None
    reverse: tuple[int, ...] | None = None
    names: tuple[str, ...] | None = None
    total: int | None = None


def tracks_of(readout: Readout, name: str) -> Tracks:
    """The tracks that a readout of this name takes.

    Raises:
        InputError: its table can not be read, or there is no track of a name.
    """
    wanted, targets = readout.channels, readout.targets
    if isinstance(targets, TargetTable):
        found = _read(targets, f"readouts.{name}.targets")
        if not wanted:
            return Tracks(found.numbers, found.reverse, found.names, found.total)
        known: Sequence[int | str] = found.names if isinstance(wanted[0], str) else found.numbers
        rows = [_index(item, known, name) for item in wanted]
        numbers, reverse = (tuple(column[i] for i in rows) for column in (found.numbers, found.reverse))
        return Tracks(numbers, reverse, tuple(found.names[i] for i in rows), found.total)
    if not wanted:
        return Tracks()
    if isinstance(wanted[0], str):
        numbers = tuple(_index(item, targets or (), name) for item in wanted)
        return Tracks(numbers, numbers, tuple(map(str, wanted)), len(targets or ()))
    numbers = tuple(map(int, wanted))
    return Tracks(numbers, numbers)


def target_count(config: Config) -> int | None:
    """How many targets the readouts of each model have in all; None where that is not seen before a model has run."""
    counts = [_count(name, readout) for name, readout in readouts_of(config).items()]
    return None if None in counts else sum(count or 0 for count in counts)


def _count(name: str, readout: Readout) -> int | None:
    if isinstance(readout.targets, tuple) and not readout.channels:
        return len(readout.targets)
    tracks = tracks_of(readout, name)
    if tracks.names:
        return len(tracks.names)
    # Without names each position of a track may be a target.
    return len(tracks.numbers) if tracks.numbers and readout.reduce != "none" else None


def _read(table: TargetTable, place: str) -> Targets:
    path = require_file(table.file, place)
    try:
        return read_targets(path, table.name, table.where or {})
    except InputError as error:
        raise InputError(f"config: {place}: {error}") from None


def check_targets(config: Config) -> None:
    """Raise an InputError for the first readout whose axes or tracks are not there, or a comparison of others."""
    for name, readout in config.readouts.items():
        _check(readout, f"config: readouts.{name}")
    names = {name: tracks_of(readout, name).names for name, readout in config.readouts.items()}
    for i, comparison in enumerate(config.compare):
        known = names.get(comparison.readout or "")
        for side in (comparison.first, comparison.second) if known else ():
            _index(side, known or (), f"{comparison.readout}, which compare[{i}] is of")


def _check(readout: Readout, place: str) -> None:
    """What a readout says of its output's axes and tracks."""
    layout, channels, targets = readout.layout, readout.channels or (), readout.targets
    if layout and readout.function:
        raise InputError(f"{place}: a function takes outputs as they are; leave out layout")
    if layout and layout.count("positions") != 1:
        raise InputError(
            f"{place}.layout: {layout.count('positions')} of its axes are of positions; give the one that is, such as "
            f"[positions, tracks]"
        )
    table = targets if isinstance(targets, TargetTable) else None
    for key, given in (("channels", channels), ("a table of targets", table)):
        if given and (readout.function or readout.profile):
            raise InputError(f"{place}: {key} goes only with an output; leave it out, or give `output`")
    if table and table.where and channels:
        raise InputError(f"{place}: channels and targets.where both say which tracks to take; give one of them")
    if len({type(channel) for channel in channels}) > 1:
        raise InputError(f"{place}: channels are numbers and names; give all as the one or the other")
    if channels and isinstance(channels[0], str) and not targets:
        raise InputError(f"{place}: channels are names; give `targets`, which names all tracks of the output")


def _index(item: int | str, known: Sequence[int | str], name: str) -> int:
    """The place of a track among those that there are."""
    if item in known:
        return known.index(item)
    near = difflib.get_close_matches(str(item), map(str, known), n=1)
    listed = ", ".join(map(str, known[:LISTED])) + (" ..." if len(known) > LISTED else "")
    hint = f"did you mean {near[0]}?" if near else f"targets has {listed}"
    raise InputError(f"config: readouts.{name}: there is no track {item}; {hint}")
