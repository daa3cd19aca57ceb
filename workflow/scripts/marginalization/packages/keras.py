"""The layers of a network, as Keras 2 wrote them into an .h5 file: a graph in JSON, and the weights beside it.

Only the kinds of layers that BPNet and ChromBPNet are made of are read, each just as Keras computes it; any other is
an error that names it. The JSON of a Lambda holds compiled code, which is looked at, and never run.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:  # a config without such a model needs no h5py
    import h5py

Shape = tuple[int, ...]
"""Of a tensor, without the batch: (length, channels) or (channels,)."""

Source = tuple[str, int]
"""A layer, and which of its outputs."""

LINEAR = (None, "linear")
ACTIVATIONS = (*LINEAR, "relu")


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer of a network, checked.

    Attributes:
        kind: the name of its class in Keras.
        settings: its `config` there.
        sources: what it takes.
        shapes: of its outputs.
        weights: `kernel` and `bias`, where it has them, as Keras keeps them.
        network: the layers within it, where it is a network itself.
    """

    name: str
    kind: str
    settings: dict[str, Any]
    sources: tuple[Source, ...]
    shapes: tuple[Shape, ...]
    weights: dict[str, h5py.Dataset]
    network: Network | None = None


@dataclasses.dataclass(frozen=True)
class Network:
    """Layers in an order in which they can be computed, and which of them are inputs and outputs."""

    layers: dict[str, Layer]
    inputs: tuple[str, ...]
    outputs: tuple[Source, ...]

    def shape(self, source: Source) -> Shape:
        return self.layers[source[0]].shapes[source[1]]


def read_network(file: h5py.File) -> Network:
    """The network of an open .h5 file; its weights can be read while the file is open.

    Raises:
        InputError: it is no such file, or has a layer that is not read; the message goes on after the file's name.
    """
    if "model_config" not in file.attrs or "model_weights" not in file:
        held = ", ".join(list(file)[:4]) or "nothing"
        raise InputError(f"is an HDF5 file without a model, holding {held}; give what Keras's model.save() wrote")
    config = json.loads(file.attrs["model_config"])
    weights: dict[tuple[str, str, str], h5py.Dataset] = {}

    def note(path: str, item: Any) -> None:
        parts = path.split("/")
        if hasattr(item, "shape") and len(parts) > 2:  # a group has none
            weights[parts[0], parts[-2], parts[-1].removesuffix(":0")] = item

    file["model_weights"].visititems(note)
    return _network(config, lambda outer, layer, weight: weights.get((outer or layer, layer, weight)))


_Find = Callable[[str, str, str], "h5py.Dataset | None"]
"""From the layer of the file's own network, a layer and the name of a weight to the weight."""


def _network(config: dict[str, Any], find: _Find, outer: str = "") -> Network:
    """The network that a model's JSON describes; `outer` is the layer of the file's own network that it is within."""
    inner = config["config"]
    if "input_layers" not in inner:
        raise InputError(
            f"is a {config['class_name']} of Keras's without a description of how its layers follow on each other; "
            f"load it there, and save keras.Model(model.inputs, model.outputs)"
        )
    network = Network({}, _names(inner["input_layers"]), _sources(inner["output_layers"]))
    for spec in inner["layers"]:
        name, kind = spec["name"], spec["class_name"]
        nodes = spec["inbound_nodes"]
        if len(nodes) > 1:
            raise InputError(f"uses its layer {name} {len(nodes)} times, which is not read")
        if any(isinstance(node, dict) for node in nodes):
            raise InputError("was saved by Keras 3; save it with Keras 2 (tf_keras), as ChromBPNet and BPNet do")
        sources = _sources(nodes[0]) if nodes else ()
        taken = [network.shape(source) for source in sources]
        if "layers" in spec["config"]:
            within = _network(spec, find, outer or name)
            shapes = tuple(within.shape(source) for source in within.outputs)
            network.layers[name] = Layer(name, "Network", {}, sources, shapes, {}, within)
            continue
        try:
            wanted, shape = _SHAPES[kind](spec["config"], taken)
        except KeyError:
            raise InputError(f"has a layer {name} of the kind {kind}; of such networks none is read") from None
        except ValueError as error:
            raise InputError(f"has a layer {name} ({kind}) {error}") from None
        found = {key: find(outer, name, key) for key in wanted}
        for key, value in found.items():
            if value is None:
                raise InputError(f"lacks the {key} of its layer {name} ({kind}), so it is damaged or cut off")
            if value.shape != wanted[key]:
                raise InputError(f"has a {key} of the shape {value.shape} in its layer {name}, not {wanted[key]}")
        network.layers[name] = Layer(name, kind, spec["config"], sources, (shape,), found)
    return network


def _sources(items: list) -> tuple[Source, ...]:
    """What a list of [layer, node, output, ...] names, or one of them alone."""
    items = [items] if items and isinstance(items[0], str) else items
    return tuple((item[0], item[2]) for item in items)


def _names(items: list) -> tuple[str, ...]:
    return tuple(name for name, _ in _sources(items))


# Of each kind the weights' shapes and the output's; a ValueError for a setting that is not computed.

_Wanted = dict[str, Shape]


def _input(settings: dict[str, Any], taken: Sequence[Shape]) -> tuple[_Wanted, Shape]:
    shape = tuple(settings["batch_input_shape"][1:])
    _require(None not in shape, "of no fixed length")
    return {}, shape


def _conv(settings: dict[str, Any], taken: Sequence[Shape]) -> tuple[_Wanted, Shape]:
    ((length, channels),) = taken
    (width,), (dilation,), (stride,) = (settings[key] for key in ("kernel_size", "dilation_rate", "strides"))
    span = dilation * (width - 1)
    plain = stride == 1 and settings.get("groups", 1) == 1 and settings["activation"] in ACTIVATIONS
    _require(plain, "with strides, groups or an activation that is not read")
    padding = settings["padding"]
    _require(padding == "valid" or (padding == "same" and span % 2 == 0), f"with the padding {padding}")
    filters = settings["filters"]
    return _with_bias(settings, (width, channels, filters)), (length - (span if padding == "valid" else 0), filters)


def _dense(settings: dict[str, Any], taken: Sequence[Shape]) -> tuple[_Wanted, Shape]:
    ((channels,),) = taken
    _require(settings["activation"] in ACTIVATIONS, f"with the activation {settings['activation']}")
    return _with_bias(settings, (channels, settings["units"])), (settings["units"],)


def _with_bias(settings: dict[str, Any], kernel: Shape) -> _Wanted:
    return {"kernel": kernel} | ({"bias": kernel[-1:]} if settings["use_bias"] else {})


def _crop(settings: dict[str, Any], taken: Sequence[Shape]) -> tuple[_Wanted, Shape]:
    ((length, channels),) = taken
    left, right = settings["cropping"]
    _require(left + right < length, f"that crops {left} and {right} of {length} positions")
    return {}, (length - left - right, channels)


def _add(settings: dict[str, Any], taken: Sequence[Shape]) -> tuple[_Wanted, Shape]:
    _require(len(set(taken)) == 1, f"that adds shapes which differ: {', '.join(map(str, taken))}")
    return {}, taken[0]


def _concatenate(settings: dict[str, Any], taken: Sequence[Shape]) -> tuple[_Wanted, Shape]:
    _require(settings["axis"] == -1 and len({shape[:-1] for shape in taken}) == 1, "along another axis than the last")
    return {}, (*taken[0][:-1], sum(shape[-1] for shape in taken))


def _relu(settings: dict[str, Any], taken: Sequence[Shape]) -> tuple[_Wanted, Shape]:
    plain = settings["max_value"] is None and not settings["negative_slope"] and not settings["threshold"]
    _require(plain, "with a bound, a slope or a threshold")
    return {}, taken[0]


def _activation(settings: dict[str, Any], taken: Sequence[Shape]) -> tuple[_Wanted, Shape]:
    _require(settings["activation"] in ACTIVATIONS, f"which is {settings['activation']}")
    return {}, taken[0]


def _mean(settings: dict[str, Any], taken: Sequence[Shape]) -> tuple[_Wanted, Shape]:
    _require(not settings.get("keepdims"), "that keeps its axis")
    return {}, taken[0][-1:]


def _logsumexp(settings: dict[str, Any], taken: Sequence[Shape]) -> tuple[_Wanted, Shape]:
    """A Lambda, whose compiled code has the names of what it calls in it."""
    try:
        code = base64.b64decode(settings["function"][0])
    except (TypeError, IndexError, KeyError, binascii.Error):
        code = b""
    _require(b"reduce_logsumexp" in code, "of other code than the logsumexp of BPNet and ChromBPNet")
    return {}, (1,)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


_SHAPES: dict[str, Callable[[dict[str, Any], Sequence[Shape]], tuple[_Wanted, Shape]]] = {
    "InputLayer": _input,
    "Conv1D": _conv,
    "Dense": _dense,
    "Cropping1D": _crop,
    "Add": _add,
    "Concatenate": _concatenate,
    "ReLU": _relu,
    "Activation": _activation,
    "Lambda": _logsumexp,
    "Dropout": lambda settings, taken: ({}, taken[0]),
    "GlobalAveragePooling1D": _mean,
    "Flatten": lambda settings, taken: ({}, (int(np.prod(taken[0])),)),
}
