"""Cherimoya's .torch files: how large a network they hold, read without torch and without running what a pickle says.

`Cherimoya.save` writes the constructor's arguments as `config`, beside the `state_dict`.
"""

from __future__ import annotations

import dataclasses
import pickle
import zipfile
from collections import OrderedDict
from typing import IO, Any

from ..errors import InputError

OUTPUT = 1000
"""Positions whose profile Cherimoya predicts where its user says nothing else; a file does not say how many."""

_NUMBERLESS = {"name", "verbose"}
"""Arguments that change no number."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """The arguments of a Cherimoya that its numbers depend on.

    Attributes:
        signal_groups: the number of tracks of each assay; it has one count.
        trimming: positions at either end that the profile leaves out.
    """

    n_filters: int
    n_layers: int
    signal_groups: tuple[int, ...]
    n_control_tracks: int
    expansion: int
    residual_scale: float
    trimming: int


class _Plain(pickle.Unpickler):
    """Reads plain values; in the places of tensors, and of whatever else a pickle would make, there is nothing."""

    def find_class(self, module: str, name: str) -> Any:
        return OrderedDict if (module, name) == ("collections", "OrderedDict") else _nothing

    def persistent_load(self, pid: Any) -> None:
        return None


def _nothing(*args: Any, **kwargs: Any) -> None:
    return None


def read_settings(file: IO[bytes]) -> Settings:
    """The settings of an opened .torch file.

    Raises:
        InputError: it is not what `Cherimoya.save` writes; the message goes on after the file's name.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            held = _Plain(archive.open(name)).load()
    except Exception as error:  # whatever a pickle of other things ends in
        raise InputError(_other(f"{type(error).__name__}: {error}")) from error
    config = held.get("config") if isinstance(held, dict) else None
    if not isinstance(config, dict) or "state_dict" not in held:
        raise InputError(_other("no `config` beside a `state_dict`"))
    names = {field.name for field in dataclasses.fields(Settings)}
    if differing := sorted((names ^ config.keys()) - _NUMBERLESS, key=str):
        raise InputError(
            f"is of a version of Cherimoya that is not known here: its config has {', '.join(map(str, config))}, and "
            f"differs in {', '.join(map(str, differing))}; give the model as a `factory`, a function that loads it"
        )
    values = {name: config[name] for name in names}
    numbers = [*values.pop("signal_groups"), *(value for name, value in values.items() if name != "residual_scale")]
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        raise InputError(_other(f"a config of {config}"))
    return Settings(**values, signal_groups=tuple(config["signal_groups"]))


def _other(what: str) -> str:
    return (
        f"is not what Cherimoya.save writes (cherimoya 0.3): it holds {what}; a whole pickled model, which you trust, "
        f"is a `file`, with `trust_pickle: true`"
    )
