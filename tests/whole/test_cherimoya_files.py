"""Cherimoyas of the package itself, installed beside this one's packages, are computed as it computes them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from installed import call, pip_install
from marginalization.config.models import complete
from marginalization.config.sections import Model
from marginalization.models.loading import load_model
from screens import resolved, typed

WRITE = """
import json, torch
from cherimoya import Cherimoya

for name, settings in json.load(open("settings.json")).items():
    model = Cherimoya(compile=False, random_state=0, **settings).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1)
    model.save(f"{name}.torch")
    given = torch.load(f"{name}.pt")
    with torch.no_grad():
        torch.save(Cherimoya.load(f"{name}.torch", compile=False).eval()(*given), f"{name}.given.pt")
"""
SETTINGS = {
    "usual": {},
    "stranded": {"n_filters": 16, "n_layers": 4, "signal_groups": [2], "n_control_tracks": 2},
    "several": {"n_filters": 16, "n_layers": 3, "signal_groups": [1, 2], "expansion": 3, "residual_scale": 0.3},
}
LENGTH = 2114


@pytest.fixture(scope="module")
def written(installed, tmp_path_factory):
    """Files of the package, and what it predicts with them of sequences and control tracks."""
    folder = tmp_path_factory.mktemp("cherimoya")
    rng = np.random.default_rng(0)
    for name, settings in SETTINGS.items():
        X = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (2, LENGTH))]
        tracks = rng.poisson(0.2, (2, settings.get("n_control_tracks", 0), LENGTH)).astype(np.float32)
        given = [torch.from_numpy(X).transpose(1, 2).contiguous(), torch.from_numpy(tracks)]
        torch.save(given[: 2 if tracks.size else 1], folder / f"{name}.pt")
    (folder / "settings.json").write_text(json.dumps(SETTINGS))
    pip_install(installed, "--no-deps", "cherimoya==0.3.1")
    status, printed = call(folder, installed / "python", "-c", WRITE)
    assert status == 0, printed
    return folder


@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_predictions(written: Path, name):
    config = resolved(models={"m": {"cherimoya": str(written / f"{name}.torch")}}, backgrounds={"random": {"n": 2}})
    complete(config)
    if name == "usual":
        assert config["backgrounds"]["length"] == LENGTH
    model = load_model(typed(Model, config["models"]["m"]), "m")
    with torch.no_grad():
        ours = model(*torch.load(written / f"{name}.pt"))
    theirs = torch.load(written / f"{name}.given.pt")
    assert theirs[0].std() > 0.1
    for y, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-4)
