"""Cherimoyas as their package saves them: the numbers, what they bring along, and what is refused."""

import math
import os
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from marginalization import marginalize_motifs, predict
from marginalization.commands.cli import main
from marginalization.config.attributions import check_attributions
from marginalization.config.checks import check_config, model_files
from marginalization.config.models import check_models, complete
from marginalization.config.sections import Config, Model
from marginalization.errors import InputError
from marginalization.models.loading import load_model
from marginalization.models.networks.cherimoya import Cherimoya
from marginalization.packages.cherimoya import Settings
from screens import finish, resolved, run_screen, schema, screen_of, typed

LENGTH = 60
SETTINGS = {
    "n_filters": 3,
    "n_layers": 2,
    "signal_groups": [2],
    "n_control_tracks": 0,
    "expansion": 2,
    "residual_scale": 0.15,
    "trimming": 9,
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder that paths are relative to."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, seed=0, config=(), **settings):
    """A file as `Cherimoya.save` writes it; returns its path and its weights, float64."""
    settings = {**SETTINGS, **settings}
    groups = tuple(settings["signal_groups"])
    torch.manual_seed(seed)
    network = Cherimoya(Settings(**{**settings, "signal_groups": groups}))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.3)
    state = network.state_dict() | {"lw0": torch.ones(len(groups)), "lw1": torch.ones(len(groups))}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    written = {**settings, "name": "cherimoya.3.2", "verbose": False, **dict(config)}
    torch.save({"config": written, "state_dict": state}, path)
    return str(path), {name: value.double().numpy() for name, value in state.items()}


def gelu(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def convolved(x, weight, bias):
    """Of (positions, channels), with zeros at either end: each output position by itself."""
    half = weight.shape[2] // 2
    padded = np.pad(x, ((half, half), (0, 0)))
    return np.stack([np.einsum("wc,fcw->f", padded[i : i + 2 * half + 1], weight) + bias for i in range(len(x))])


def computed(w, X, controls=None, trimming=9):
    """What a network of two blocks gives for one sequence (length, 4), from the formulas of its paper."""
    x = gelu(convolved(X, w["iconv.weight"], w["iconv.bias"]))
    for i in range(2):
        y, taps = np.zeros_like(x), w[f"blocks.{i}.conv_weight"]
        for tap, shift in enumerate((-(2**i), 0, 2**i)):
            for position in range(len(x)):
                if 0 <= position + shift < len(x):
                    y[position] += taps[tap] * x[position + shift]
        y = (y - y.mean()) / np.sqrt(y.var() + 1e-3)
        x = x + gelu(y @ w[f"blocks.{i}.linear1.weight"].T) @ w[f"blocks.{i}.linear2.weight"].T * 0.15
    kept = slice(trimming, len(x) - trimming)
    means = x[kept].mean(axis=0)
    if controls is not None:
        x = np.concatenate([x, controls], axis=1)
        means = np.append(means, np.log(controls[kept].sum() + 1))
    logits = convolved(x, w["fconv.weight"], w["fconv.bias"])[kept].T
    return logits, w["linear.weight"] @ means + w["linear.bias"]


@pytest.mark.parametrize("tracks", [0, 2])
def test_the_numbers_are_those_of_the_formulas(tracks):
    path, weights = write("a.torch", signal_groups=[2, 1], n_control_tracks=tracks)
    rng = np.random.default_rng(0)
    X = np.eye(4)[rng.integers(0, 4, (2, LENGTH))]
    controls = rng.poisson(1.0, (2, LENGTH, tracks)).astype(float)
    model = load_model(typed(Model, {"cherimoya": path}), "m").double()
    arguments = [torch.from_numpy(x).transpose(1, 2) for x in (X, controls)[: 2 if tracks else 1]]
    with torch.no_grad():
        given = [y.numpy() for y in model(*arguments)]
    for i in range(2):
        expected = computed(weights, X[i], controls[i] if tracks else None)
        for ours, reference in zip(given, expected, strict=True):
            np.testing.assert_allclose(ours[i], reference, rtol=0, atol=1e-11)
    assert np.ptp(given[0]) > 0.5


def completed(models):
    config = resolved(models=models, backgrounds={"random": {"n": 3}})
    complete(config)
    return config


def test_what_one_of_an_assay_brings_along():
    write("stranded.torch", n_control_tracks=2)
    config = completed({"m": {"cherimoya": "stranded.torch"}})
    assert config["backgrounds"]["length"] == 1018
    assert config["models"]["m"]["inputs"] == [{"constant": 0, "shape": [2, 1018]}]
    assert {name: of.get("targets") for name, of in config["readouts"].items()} == {
        "log_counts": ["log_counts"],
        "counts": None,
    }
    assert model_files(Config.of(config), "m") == ["stranded.torch"]


def test_of_several_assays_the_log_counts_alone_come_along():
    write("several.torch", signal_groups=[1, 1])
    readouts = completed({"m": {"cherimoya": "several.torch"}})["readouts"]
    assert list(readouts) == ["log_counts"]
    assert {"targets", "reverse_order"}.isdisjoint(readouts["log_counts"])  # assays are no strands


@pytest.mark.parametrize("tar", [False, True])
def test_folds_become_a_group(tar):
    weights = [write(f"models/fold_{fold}/k562.torch", fold)[1] for fold in range(2)]
    write("models/fold_0/k562.final.torch", 5)
    path = "models"
    if tar:
        path = "models.tar"
        with tarfile.open(path, "w") as archive:
            archive.add("models")
        path += "/models"
    config = completed({"m": {"cherimoya": path}})
    assert config["groups"] == {"m": ["m.fold_0", "m.fold_1"]}
    for fold, of in enumerate(weights):
        loaded = load_model(typed(Model, config["models"][f"m.fold_{fold}"]), "m").state_dict()
        np.testing.assert_array_equal(loaded["iconv.weight"].double().numpy(), of["iconv.weight"])


def test_a_screen_of_one(here):
    """From the config to the summary, and in Python: what incremental inference leaves is what full passes give."""
    path, weights = write("a.torch")
    sequences = ["".join(np.random.default_rng(i).choice(list("ACGT"), LENGTH)) for i in range(3)]
    config = screen_of(here, ["ACGTCA"], sequences, models={"m": {"cherimoya": path}})
    complete(config)
    results = finish(config, run_screen(config, here), here)
    summary = pd.read_parquet(results / "summary.parquet").query("readout == 'log_counts'")
    one_hot = {sequence: np.eye(4)[["ACGT".index(letter) for letter in sequence]] for sequence in sequences}
    start = LENGTH // 2 - 3
    motif = np.eye(4)[["ACGT".index(letter) for letter in "ACGTCA"]]
    effects = []
    for X in one_hot.values():
        after = X.copy()
        after[start : start + 6] = motif
        effects.append(computed(weights, after)[1] - computed(weights, X)[1])
    np.testing.assert_allclose(summary["effect_mean"], np.mean(effects), rtol=1e-4)

    X = torch.from_numpy(np.stack(list(one_hot.values()))).float().transpose(1, 2)
    model = load_model(typed(Model, {"cherimoya": path}), "m")
    _, after = marginalize_motifs(model, X, ["ACGTCA"], device="cpu")
    X[:, :, start : start + 6] = torch.from_numpy(motif).float().T
    for ours, full in zip(after, predict(model, X, device="cpu"), strict=True):
        torch.testing.assert_close(ours[0], full)


def test_init_needs_its_path_alone():
    write("a.torch")
    Path("motifs.fa").write_text(">m\nACGTCA\n")
    assert main(["init", "new.yaml", "--model", "a.torch", "--motifs", "motifs.fa"]) == 0
    assert yaml.safe_load(Path("new.yaml").read_text())["models"] == {"a": {"cherimoya": "a.torch"}}


class Trap:
    """Makes a file when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("sprung",)


REFUSED = {
    "pickle": (lambda: torch.save(torch.nn.Linear(1, 1), "a.torch"), "is not what Cherimoya.save writes"),
    "trap": (lambda: torch.save({"config": Trap(), "state_dict": {}}, "a.torch"), "is not what Cherimoya.save writes"),
    "hidden": (lambda: torch.save({"config": SETTINGS, "state_dict": {"w": Trap()}}, "a.torch"), "can not be loaded"),
    "state": (lambda: torch.save({"state_dict": {}}, "a.torch"), "no `config` beside a `state_dict`"),
    "newer": (lambda: write("a.torch", config={"heads": 2}), "differs in heads"),
    "kind": (lambda: write("a.torch", config={"n_filters": "3"}), "it holds a config of"),
    "size": (lambda: write("a.torch", config={"n_filters": 4}), "size mismatch"),
    "large": (lambda: write("a.torch", config={"n_filters": 10**12}), "can not be loaded"),
    "text": (lambda: Path("a.torch").write_text("weights"), "is a text file"),
    "cut": (lambda: cut(write("a.torch")[0]), "is the beginning of a zip file whose end is missing"),
    "missing": (lambda: None, "no file a"),
}


def cut(path):
    Path(path).write_bytes(Path(path).read_bytes()[:500])


def complete_and_load():
    completed({"m": {"cherimoya": "a.torch"}})
    load_model(typed(Model, {"cherimoya": "a.torch"}), "m")


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_cherimoya_is_told_in_a_line(name):
    make, message = REFUSED[name]
    make()
    with pytest.raises(InputError, match=message) as told:
        complete_and_load()
    assert "\n" not in str(told.value)
    assert "a.torch" in str(told.value)
    assert not Path("sprung").exists()


def test_what_does_not_go_with_one():
    write("a.torch")
    config = completed({"m": {"cherimoya": "a.torch"}})
    config["attributions"] = {"function": "deep_lift_shap", "window": 10}
    with pytest.raises(InputError, match="no rule for the norm over all positions"):
        check_attributions(Config.of(config))
    with pytest.raises(InputError, match="A Cherimoya is given as `cherimoya: a"):
        check_models(Config.of(resolved(models={"m": {"file": "a.torch"}})))
    with pytest.raises(InputError, match="input_layout goes only with file or factory"):
        check_config(
            {**config, "models": {"m": {"cherimoya": "a.torch", "input_layout": ["positions", "letters"]}}}, schema()
        )
