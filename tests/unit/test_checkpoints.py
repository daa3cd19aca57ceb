"""Weights as labs keep them: taken whole, with the numbers of the model that was saved, or refused in one line."""

import argparse
import collections
import enum
import functools
import logging
import pathlib
import struct

import numpy as np
import pandas as pd
import pytest
import torch
from marginalization.config.sections import Model
from marginalization.errors import InputError
from marginalization.inference.prediction import predict
from marginalization.models.checkpoints import load_weights
from marginalization.models.loading import load_model
from marginalization.sequences.onehot import one_hot_encode
from safetensors.torch import save_file
from screens import typed
from torch import nn

X = one_hot_encode(["ACGTACGTAC", "AAAAACCCCN", "GGGGGGGGGG"])


class Net(nn.Module):
    """A convolution, a batch norm and a dense layer, with numbers of their own for each seed."""

    def __init__(self, seed=0, width=6):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.conv = nn.Conv1d(4, width, 3)
            self.norm = nn.BatchNorm1d(width)
            self.dense = nn.Linear(width, 2)
            self.norm.running_mean.normal_()

    def forward(self, X):
        return self.dense(self.norm(self.conv(X)).relu().mean(dim=-1))


TRUE = Net(seed=1).eval()
STATE = TRUE.state_dict()


def prefixed(prefix, state=STATE):
    return {prefix + name: value for name, value in state.items()}


def load(content, tmp_path, model=None, **options):
    """A model of seed 0 with the weights that torch.save writes of `content`."""
    torch.save(content, tmp_path / "w.pt", **options)
    model = Net() if model is None else model
    load_weights(model, str(tmp_path / "w.pt"), "models.toy")
    return model


def refused(content, tmp_path, model=None, **options):
    with pytest.raises(InputError) as error:
        load(content, tmp_path, model, **options)
    message = str(error.value)
    assert message.startswith(f"config: models.toy: {tmp_path / 'w.pt'} ")
    assert "\n" not in message
    return message


def assert_true(model, true=TRUE):
    state = model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in true.state_dict().items())
    assert torch.equal(predict(model, X), predict(true, X))


class AttributeDict(dict):
    """A dict of settings, as trainers and config libraries have them."""


class Mode(enum.Enum):
    BINARY = "binary"


LIGHTNING = {
    "epoch": 3,
    "global_step": 100,
    "pytorch-lightning_version": "2.4.0",
    "state_dict": prefixed("model."),
    "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 1}}}},
    "callbacks": {"ModelCheckpoint{'monitor': 'val_loss'}": {"best_model_score": torch.tensor(0.3)}},
    "optimizer_states": [{"state": {0: {"step": torch.tensor(9.0), "exp_avg": torch.ones(6, 4, 3)}}}],
    "lr_schedulers": [],
    "hparams_name": "kwargs",
    "hyper_parameters": {
        "loss": nn.MSELoss(),
        "args": argparse.Namespace(lr=0.1),
        "folder": pathlib.PurePosixPath("data"),
        "activation": functools.partial(torch.relu),
        "mean": np.float64(0.5),
        "bins": np.arange(3),
        "layer": nn.Linear,
        "counts": collections.defaultdict(list, {"a": [1, 2]}),
        "settings": AttributeDict(lr=0.1, nested=AttributeDict(n=3)),
        "mode": Mode.BINARY,
        "table": pd.DataFrame({"name": ["K562"], "n": [3]}),
        "model": Net(seed=3),
    },
}

CHECKPOINTS = {
    "a state_dict": STATE,
    "a dict": dict(STATE),
    "lightning": LIGHTNING,
    "lightning, compiled": {"pytorch-lightning_version": "2", "state_dict": prefixed("model._orig_mod.")},
    "lightning with its loss and metrics": {
        "state_dict": {**prefixed("model."), "criterion.pos_weight": torch.ones(2), "val_metrics.auc.n": torch.ones(1)}
    },
    "model_state_dict": {"epoch": 3, "model_state_dict": STATE, "optimizer_state_dict": {"state": {}}},
    "model": {"model": STATE, "args": argparse.Namespace(lr=1)},
    "net": {"net": prefixed("module."), "acc": 0.9},
    "nested": {"checkpoint": {"model": STATE}},
    "the same twice": {"model": STATE, "ema": {name: value.clone() for name, value in STATE.items()}},
    "DataParallel": prefixed("module."),
    "compiled": prefixed("_orig_mod."),
    "both": prefixed("module._orig_mod."),
    "both, the other way": prefixed("_orig_mod.module."),
    "a layer compiled": {name.replace("conv.", "conv._orig_mod."): value for name, value in STATE.items()},
    "layers of FSDP": {"_fsdp_wrapped_module." + name.replace("norm.", "norm._checkpoint_wrapped_module."): value
                       for name, value in STATE.items()},
    "another attribute's name": prefixed("bpnet."),
    "two prefixes": prefixed("lightning.model."),
    "averaged": {**prefixed("module."), "n_averaged": torch.tensor(7)},
    "with numbers beside": {**STATE, "epoch": 3, "lr": 0.1, "name": "fold_0"},
    "before num_batches_tracked": {name: value for name, value in STATE.items() if "tracked" not in name},
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKPOINTS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_checkpoints(tmp_path, name, wrapped):
    model = load(CHECKPOINTS[name], tmp_path, nn.DataParallel(Net()) if wrapped else None)
    assert_true(model.module if wrapped else model)


@pytest.mark.parametrize("name", ["a state_dict", "model_state_dict", "DataParallel", "with numbers beside"])
def test_checkpoints_of_old(tmp_path, name):
    assert_true(load(CHECKPOINTS[name], tmp_path, _use_new_zipfile_serialization=False))


def test_safetensors_with_metadata_and_a_prefix(tmp_path):
    save_file(prefixed("model."), tmp_path / "w.safetensors", metadata={"format": "pt", "epoch": "3"})
    model = Net()
    load_weights(model, str(tmp_path / "w.safetensors"), "models.toy")
    assert_true(model)


def test_a_file_is_what_it_holds_not_what_its_name_says(tmp_path):
    torch.save(STATE, tmp_path / "w.safetensors")
    model = Net()
    load_weights(model, str(tmp_path / "w.safetensors"), "models.toy")
    assert_true(model)


def test_the_log_says_what_was_taken(tmp_path, caplog):
    caplog.set_level(logging.INFO, "marginalization")
    load(CHECKPOINTS["a state_dict"], tmp_path)
    load(CHECKPOINTS["lightning with its loss and metrics"], tmp_path)
    half = {name: value.half() if value.is_floating_point() else value for name, value in STATE.items()}
    load({"model": half, "epoch": 3}, tmp_path)
    path = f"models.toy: loaded {tmp_path / 'w.pt'}"
    assert caplog.messages == [
        path,
        f"{path}, of it state_dict, with names such as model.conv.weight as conv.weight, without "
        "criterion.pos_weight; val_metrics.auc.n",
        f"{path}, of it model, float16 as float32",
    ]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_the_models(tmp_path, dtype):
    true = Net(seed=1).to(dtype).float().eval()
    content = {key: value.to(dtype) if value.is_floating_point() else value for key, value in STATE.items()}
    model = load(content, tmp_path)
    assert model.conv.weight.dtype == torch.float32
    assert_true(model, true)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dense.bias": None}, "missing dense.bias"),
        ({"dense.bias": None, "dense.offset": torch.ones(2)}, "missing dense.bias; unexpected dense.offset"),
        ({"scale": torch.ones(1)}, "unexpected scale"),
        ({"conv.weight": torch.ones(6, 4, 5)}, "size mismatch for conv.weight: (6, 4, 5) in the file, (6, 4, 3)"),
        ({"conv.weight": torch.ones(6, 4, 3, dtype=torch.int8)}, "conv.weight is int8 in the file, float32 in the"),
        ({"dense.bias": torch.ones(2, dtype=torch.complex64)}, "dense.bias is complex64 in the file, float32 in the"),
        ({"norm.running_var": None}, "missing norm.running_var"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("prefix", ["", "model."])
def test_what_differs_is_named(tmp_path, change, message, prefix):
    state = {key: value for key, value in {**STATE, **change}.items() if value is not None}
    content = {"state_dict": prefixed(prefix, state), "epoch": 1}
    said = refused(content, tmp_path)
    assert "w.pt does not fit what Net expects; check the factory and its kwargs. " in said
    assert message.replace("unexpected ", f"unexpected {prefix}") in said


def test_what_stands_beside_the_model_is_not_left_out_unasked(tmp_path):
    """A Lightning module that scales what its model gives is another function than the model."""
    content = {"state_dict": {**prefixed("model."), "scale": torch.ones(1)}}
    assert "unexpected scale" in refused(content, tmp_path)


def test_many_names_that_differ_are_counted(tmp_path):
    other = {f"layers.{i}.weight": torch.ones(3) for i in range(20)}
    assert "missing conv.weight; missing conv.bias;" in (said := refused(other, tmp_path))
    assert said.endswith(" more")
    assert len(said) < 400


def test_several_that_fit(tmp_path):
    content = {"params": STATE, "params_ema": Net(seed=2).state_dict()}
    said = refused(content, tmp_path)
    assert "holds several state_dicts that fit and differ, params and params_ema; save the one that you mean" in said


def test_of_several_the_one_that_fits(tmp_path):
    content = {"bias": Net(seed=2, width=3).state_dict(), "model": STATE, "optimizer": {"state": {}}}
    assert_true(load(content, tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Net(), "holds a pickled test_checkpoints.Net, no state_dict; save `model.state_dict()`, or, if it is a whole"),
        ({"model": Net(), "epoch": 3}, "has no tensors by name, as a state_dict has; it holds model: a pickled"),
        ({"optimizer": {"state": {0: {"step": torch.ones(1)}}}}, "does not fit|has no tensors by name"),
        ({}, "has no tensors by name"),
        ([torch.ones(1)], "holds a list, no state_dict"),
        (torch.ones(1), "holds a Tensor, no state_dict"),
    ],
)  # fmt: skip
def test_files_without_a_state_dict(tmp_path, content, message):
    assert any(part in refused(content, tmp_path) for part in message.split("|"))


class Malicious:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_nothing_of_a_checkpoint_is_run(tmp_path):
    """The weights of a checkpoint are taken, and what stands beside them is not unpickled."""
    harm = tmp_path / "harm"
    content = {
        "state_dict": STATE,
        "hyper_parameters": {"model": Malicious(harm), "f": eval, "modules": [Malicious(harm)]},
    }
    assert_true(load(content, tmp_path))
    said = refused(content, tmp_path, _use_new_zipfile_serialization=False)
    assert "holds more than tensors, and unpickling it could run any code; where you trust it, load it with" in said
    assert not harm.exists()


def test_damaged_safetensors(tmp_path):
    save_file(STATE, tmp_path / "whole.safetensors")
    whole = (tmp_path / "whole.safetensors").read_bytes()
    (tmp_path / "w.pt").write_bytes(whole[:-20])
    with pytest.raises(InputError, match=r"w\.pt can not be read, so it may be damaged: "):
        load_weights(Net(), str(tmp_path / "w.pt"), "models.toy")
    (tmp_path / "w.pt").write_bytes(struct.pack("<Q", len(whole)) + whole[8:])
    with pytest.raises(InputError, match=r"w\.pt can not be read, so it may be damaged: "):
        load_weights(Net(), str(tmp_path / "w.pt"), "models.toy")


class Tied(nn.Module):
    """Two names of one tensor, and a buffer that no state_dict has."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3, bias=False)
        self.second = nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight
        self.register_buffer("ramp", torch.arange(3.0), persistent=False)


WEIGHT, OTHER = torch.eye(3), 2 * torch.eye(3)


@pytest.mark.parametrize("names", [("first",), ("second",), ("first", "second")])
@pytest.mark.parametrize("prefix", ["", "model."])
def test_tied_weights(tmp_path, names, prefix):
    """Safetensors keep one name of a tensor, state_dicts all."""
    model = load({f"{prefix}{name}.weight": WEIGHT for name in names}, tmp_path, Tied())
    assert torch.equal(model.first.weight, WEIGHT)
    assert model.second.weight is model.first.weight


def test_tied_weights_that_differ(tmp_path):
    said = refused({"first.weight": WEIGHT, "second.weight": OTHER}, tmp_path, Tied())
    assert "first.weight and second.weight are one tensor in the model, but not here" in said


def test_a_buffer_that_the_model_does_not_store(tmp_path):
    state = {"first.weight": WEIGHT, "second.weight": WEIGHT}
    assert torch.equal(load({**state, "ramp": torch.arange(3.0)}, tmp_path, Tied()).first.weight, WEIGHT)
    assert "unexpected ramp" in refused({**state, "ramp": torch.ones(3)}, tmp_path, Tied())


class Versioned(nn.Linear):
    """Twice as large in files of its first version, and with a note of its own."""

    _version = 2

    def __init__(self):
        super().__init__(3, 3, bias=False)
        self.note = None

    def _load_from_state_dict(self, state, prefix, metadata, *args):
        if metadata.get("version") is None or metadata["version"] < 2:
            state[f"{prefix}weight"] = state[f"{prefix}weight"] / 2
        super()._load_from_state_dict(state, prefix, metadata, *args)

    def get_extra_state(self):
        return "note"

    def set_extra_state(self, state):
        self.note = state


@pytest.mark.parametrize("prefix", ["", "module.", "model._orig_mod."])
@pytest.mark.parametrize(("version", "factor"), [(2, 1), (1, 0.5)])
def test_versions_and_extra_states_of_renamed_modules(tmp_path, prefix, version, factor):
    model = nn.Sequential(Versioned())
    state = model.state_dict()
    content = type(state)(prefixed(prefix, state))
    content._metadata = {prefix + path if path else prefix.rstrip("."): {"version": 1} for path in state._metadata}
    content._metadata[f"{prefix}0"] = {"version": version}
    content[f"{prefix}0.weight"] = WEIGHT
    load({"state_dict": content}, tmp_path, model)
    assert torch.equal(model[0].weight, factor * WEIGHT)
    assert model[0].note == "note"


def test_names_that_a_model_reads_itself(tmp_path):
    """A weight norm of today loads the names of the older one."""
    old = nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 3)))
    new = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)))
    load(old.state_dict(), tmp_path, new)
    x = torch.eye(3)
    torch.testing.assert_close(new(x), old(x))


def test_layers_that_take_their_shapes_from_the_file(tmp_path):
    model = load(
        prefixed("model.", nn.Sequential(nn.Linear(3, 2)).state_dict()), tmp_path, nn.Sequential(nn.LazyLinear(2))
    )
    assert model[0].weight.shape == (2, 3)


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile])
def test_models_leave_their_wrappers(tmp_path, wrap):
    torch.save(STATE, tmp_path / "w.pt")
    Wrapped.wrap = wrap
    model = load_model(
        typed(Model, {"factory": "test_checkpoints:Wrapped.make", "weights": str(tmp_path / "w.pt")}), "toy"
    )
    assert type(model) is Net
    assert_true(model)


class Wrapped:
    wrap = None

    @classmethod
    def make(cls):
        return cls.wrap(Net())
