"""Small ChromBPNets and BPNets as Keras writes them (.h5), and what they compute, in float64 with channels last."""

import base64
import json
import marshal
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

LENGTH = 160
OUT = 30
FILTERS = 5
DILATIONS = 2
CROP = (LENGTH - 20 - 2 * (2 + 4) - 74 - OUT) // 2


def _logsumexp(x):
    return tf.math.reduce_logsumexp(x, axis=-1, keepdims=True)  # noqa: F821 - as the packages' own code has it


LAMBDA = [base64.b64encode(marshal.dumps(_logsumexp.__code__)).decode(), None, None]


class Keras(NamedTuple):
    """Layers in JSON, the network's inputs and outputs, and the weights by layer and name."""

    layers: list
    inputs: list
    outputs: list
    weights: dict

    def config(self):
        names = {"input_layers": self.inputs, "output_layers": self.outputs}
        return {"layers": self.layers, **{key: [[name, 0, 0] for name in of] for key, of in names.items()}}


def layer(kind, name, *sources, **settings):
    nodes = [[[*(source if isinstance(source, tuple) else (source, 0, 0)), {}] for source in sources]]
    return {
        "class_name": kind,
        "name": name,
        "config": {"name": name, **settings},
        "inbound_nodes": nodes if sources else [],
    }


def conv(name, source, filters, width, dilation=1, activation="linear", padding="valid"):
    settings = {"filters": filters, "kernel_size": [width], "dilation_rate": [dilation], "strides": [1], "groups": 1}
    return layer("Conv1D", name, source, **settings, padding=padding, activation=activation, use_bias=True)


def dense(name, source, units):
    return layer("Dense", name, source, units=units, activation="linear", use_bias=True)


def relu(name, source):
    return layer("ReLU", name, source, max_value=None, negative_slope=0.0, threshold=0.0)


def _drawn(layers, channels, seed):
    """Weights for the layers that have some, of which `channels` says how many channels each takes."""
    rng = np.random.default_rng(seed)
    weights = {}
    for spec in layers:
        if spec["name"] in channels:
            filters = spec["config"].get("filters") or spec["config"]["units"]
            shape = (*spec["config"].get("kernel_size", []), channels[spec["name"]], filters)
            weights[spec["name"], "kernel"] = rng.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape).astype("f4")
            weights[spec["name"], "bias"] = rng.normal(0, 0.3, filters).astype("f4")
    return weights


def branch(seed, without_bias=True):
    """One of the two models of a ChromBPNet, in chrombpnet's own names."""
    first, head = ("wo_bias_bpnet_", "wo_bias_bpnet_") if without_bias else ("bpnet_", "")
    layers = [layer("InputLayer", "sequence", batch_input_shape=[None, LENGTH, 4])]
    layers.append(conv(f"{first}1st_conv", "sequence", FILTERS, 21, activation="relu"))
    x, channels = f"{first}1st_conv", {f"{first}1st_conv": 4}
    for i in range(1, DILATIONS + 1):
        layers.append(conv(f"{first}{i}conv", x, FILTERS, 3, 2**i, "relu"))
        layers.append(layer("Cropping1D", f"{first}{i}crop", x, cropping=[2**i, 2**i]))
        layers.append(layer("Add", f"add_{i}", f"{first}{i}conv", f"{first}{i}crop"))
        x, channels[f"{first}{i}conv"] = f"add_{i}", FILTERS
    layers.append(conv(f"{head}prof_out_precrop", x, 1, 75))
    layers.append(layer("Cropping1D", "cropped", f"{head}prof_out_precrop", cropping=[CROP, CROP]))
    layers.append(layer("Flatten", f"{head}logits_profile_predictions", "cropped"))
    layers.append(layer("GlobalAveragePooling1D", "gap", x, keepdims=False))
    layers.append(dense(f"{head}logcount_predictions", "gap", 1))
    channels |= {f"{head}prof_out_precrop": FILTERS, f"{head}logcount_predictions": FILTERS}
    outputs = [f"{head}logits_profile_predictions", f"{head}logcount_predictions"]
    return Keras(layers, ["sequence"], outputs, _drawn(layers, channels, seed))


def bpnet(seed):
    """A BPNet with two strands and two control tracks, in basepairmodels' own names."""
    layers = [layer("InputLayer", "sequence", batch_input_shape=[None, LENGTH, 4])]
    layers.append(conv("main_conv_0", "sequence", FILTERS, 21))
    x, channels = "main_conv_0", {"main_conv_0": 4}
    for i in range(1, DILATIONS + 1):
        layers.append(relu(f"{x}_relu", x))
        layers.append(conv(f"main_dil_conv_{i}", f"{x}_relu", FILTERS, 3, 2**i))
        layers.append(layer("Cropping1D", f"{x}_cr", x, cropping=[2**i, 2**i]))
        layers.append(layer("Add", f"main_add_{i}", f"main_dil_conv_{i}", f"{x}_cr"))
        x, channels[f"main_dil_conv_{i}"] = f"main_add_{i}", FILTERS
    layers.append(relu("last", x))
    layers.append(conv("main_profile_head", "last", 2, 75))
    layers.append(layer("Cropping1D", "main_profile_head_cropped", "main_profile_head", cropping=[CROP, CROP]))
    layers.append(layer("InputLayer", "profile_bias_input_0", batch_input_shape=[None, OUT, 2]))
    layers.append(layer("Concatenate", "tracks", "main_profile_head_cropped", "profile_bias_input_0", axis=-1))
    layers.append(conv("profile_predictions", "tracks", 2, 1))
    layers.append(layer("GlobalAveragePooling1D", "main_global_avg_pooling", "last", keepdims=False))
    layers.append(dense("main_counts_head", "main_global_avg_pooling", 1))
    layers.append(layer("InputLayer", "counts_bias_input_0", batch_input_shape=[None, 2]))
    layers.append(layer("Lambda", "main_logsumexp_counts_bias_0", "counts_bias_input_0", function=LAMBDA))
    layers.append(layer("Concatenate", "counts", "main_counts_head", "main_logsumexp_counts_bias_0", axis=-1))
    layers.append(dense("logcounts_predictions", "counts", 1))
    channels |= {"main_profile_head": FILTERS, "profile_predictions": 4}
    channels |= {"main_counts_head": FILTERS, "logcounts_predictions": 2}
    inputs = ["sequence", "profile_bias_input_0", "counts_bias_input_0"]
    return Keras(layers, inputs, ["profile_predictions", "logcounts_predictions"], _drawn(layers, channels, seed))


def write(path, keras, names=lambda layer: layer):
    """A network's file; `names` gives the group that a layer's weights lie in."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": keras.config()})
        for (name, weight), value in keras.weights.items():
            file[f"model_weights/{names(name)}/{name}/{weight}:0"] = value
    return str(path)


def write_whole(path, accessibility, bias):
    """A ChromBPNet with its bias model, which are layers of it."""
    inner = [
        {"class_name": "Functional", "name": name, "config": {"name": name, **of.config()}}
        | {"inbound_nodes": [[["sequence", 0, 0, {}]]]}
        for name, of in (("model_wo_bias", accessibility), ("model", bias))
    ]
    layers = [layer("InputLayer", "sequence", batch_input_shape=[None, LENGTH, 4]), *inner]
    layers.append(layer("Concatenate", "concatenate", ("model_wo_bias", 1, 1), ("model", 1, 1), axis=-1))
    layers.append(layer("Add", "logits_profile_predictions", ("model_wo_bias", 1, 0), ("model", 1, 0)))
    layers.append(layer("Lambda", "logcount_predictions", "concatenate", function=LAMBDA))
    outputs = ["logits_profile_predictions", "logcount_predictions"]
    whole = Keras(layers, ["sequence"], outputs, accessibility.weights | bias.weights)
    return write(path, whole, lambda name: "model_wo_bias" if (name, "kernel") in accessibility.weights else "model")


# What they compute.


def convolved(x, weights, name, dilation=1):
    kernel, bias = (weights[name, weight].astype(float) for weight in ("kernel", "bias"))
    n = x.shape[1] - dilation * (len(kernel) - 1)
    return sum(x[:, k * dilation : k * dilation + n] @ tap for k, tap in enumerate(kernel)) + bias


def branch_outputs(keras, X):
    """Logits (n, OUT) and log counts (n, 1) of a ChromBPNet's model, of one-hot sequences (n, LENGTH, 4)."""
    weights, counts = keras.weights, keras.outputs[1]
    first, head = counts.removesuffix("logcount_predictions") or "bpnet_", counts.removesuffix("logcount_predictions")
    x = np.maximum(convolved(X, weights, f"{first}1st_conv"), 0)
    for i in range(1, DILATIONS + 1):
        x = np.maximum(convolved(x, weights, f"{first}{i}conv", 2**i), 0) + x[:, 2**i : -(2**i)]
    profile = convolved(x, weights, f"{head}prof_out_precrop")[:, CROP:-CROP, 0]
    return profile, x.mean(axis=1) @ weights[counts, "kernel"].astype(float) + weights[counts, "bias"]


def whole_outputs(accessibility, bias, X):
    """Those of both models together: logits are added, and counts too, of which there are logarithms."""
    (logits, counts), (bias_logits, bias_counts) = branch_outputs(accessibility, X), branch_outputs(bias, X)
    return logits + bias_logits, np.log(np.exp(counts) + np.exp(bias_counts))


def bpnet_outputs(keras, X, tracks, counts):
    """Logits (n, OUT, 2) and log counts (n, 1) of a BPNet, of control tracks (n, OUT, 2) and log counts (n, 2)."""
    weights = keras.weights
    x = convolved(X, weights, "main_conv_0")
    for i in range(1, DILATIONS + 1):
        x = convolved(np.maximum(x, 0), weights, f"main_dil_conv_{i}", 2**i) + x[:, 2**i : -(2**i)]
    x = np.maximum(x, 0)
    head = convolved(x, weights, "main_profile_head")[:, CROP:-CROP]
    logits = convolved(np.concatenate([head, tracks], axis=2), weights, "profile_predictions")
    mean = x.mean(axis=1) @ weights["main_counts_head", "kernel"].astype(float) + weights["main_counts_head", "bias"]
    both = np.concatenate([mean, np.log(np.exp(counts).sum(axis=1, keepdims=True))], axis=1)
    kernel, bias = weights["logcounts_predictions", "kernel"].astype(float), weights["logcounts_predictions", "bias"]
    return logits, both @ kernel + bias
