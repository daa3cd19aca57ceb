"""Arrangements of several motifs and copies of one, against tangermeme's `space`, and against strings."""

import numpy as np
import pandas as pd
import pytest
import torch
from marginalization.config.sections import Config
from marginalization.design.elements import read_elements
from marginalization.errors import InputError
from marginalization.sequences.letters import reverse_complement
from marginalization.sequences.onehot import one_hot_encode
from screens import Tracks, finish, resolved, run_screen, screen_of
from tangermeme.space import space

MOTIFS = ["TGA", "CCGG", "AT"]
LETTERS = ["ACGTTGCAACGGTCATTTACGATTGAC", "GGCATCATTACCATATCAGGGATCCAT", "TTTTACGGCATTCAGGGACCAATCACA"]


def config_of(folder, arrangements, motifs=MOTIFS, **sections):
    config = screen_of(folder, motifs, LETTERS, readouts={"activity": {"output": 2}}, **sections)
    elements = {**config["elements"], "arrangements": arrangements}
    return resolved(**{**config, "elements": elements})


def test_three_motifs_equal_tangermeme(tmp_path):
    distances = [[0, 3], [5, 1], [2, 2]]
    entry = {"motifs": ["motif_0", "motif_1", "motif_2"], "distances": distances}
    config = config_of(tmp_path, [entry], placement={"start": "centre"})
    run = run_screen(config, tmp_path)
    summary = pd.read_parquet(finish(config, run, tmp_path) / "summary.parquet")
    read = read_elements(Config.of(config)).arrangements
    X = one_hot_encode(LETTERS).float()
    y_before, y_afters = space(Tracks(), X, MOTIFS, torch.tensor(distances), device="cpu")
    effects = (y_afters[2] - y_before[2].unsqueeze(1)).mean(dim=0).numpy()  # (arrangements, targets)
    rows = summary[summary["kind"] == "arrangement"].set_index(["element_id", "target"])
    for i, element_id in enumerate(read["element_id"]):
        found = [rows.loc[(element_id, str(target)), "effect_mean"] for target in range(3)]
        np.testing.assert_allclose(found, effects[i], atol=1e-4)
    assert rows["rank"].isna().all()
    assert read["distances"].tolist() == distances
    assert read["name"][1] == "motif_0+ 5 motif_1+ 1 motif_2+"


def test_copies_and_strands(tmp_path):
    arrangements = [
        {"motifs": ["motif_0"], "copies": 4, "distances": [0, 2], "orientation": "-"},
        {"motifs": ["motif_1", "motif_0", "motif_1"], "distances": [1], "orientation": "+-+"},
    ]
    read = read_elements(Config.of(config_of(tmp_path, arrangements)))
    table, turned = read.arrangements, reverse_complement("TGA")
    # One copy is one, whatever the distance.
    assert table["n_motifs"].tolist() == [1, 2, 3, 4, 2, 3, 4, 3]
    assert table["sequence"][3] == turned * 4
    assert table["sequence"][6] == "NN".join([turned] * 4)
    assert table["sequence"][7] == "CCGGN" + turned + "NCCGG"
    assert table["name"][4] == "motif_0- 2 motif_0-"
    known = read.elements.set_index("element_id")
    assert known.loc[table["element_id"], "sequence"].tolist() == table["sequence"].tolist()
    # As its reverse complement is no motif of the table, one copy is an element of its own.
    assert (known.loc[table["element_id"], "kind"] == "arrangement").all()
    forward = read_elements(Config.of(config_of(tmp_path, [{**arrangements[0], "orientation": "+"}])))
    assert forward.elements.set_index("element_id").loc[forward.arrangements["element_id"][0], "kind"] == "motif"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"motifs": ["motif_0"], "distances": [1]}, "one motif is no arrangement; name several, or give copies"),
        ({"motifs": ["motif_0", "motif_1"], "copies": 2, "distances": [1]}, "copies are of one motif, not of 2"),
        ({"motifs": ["motif_0"], "copies": 3, "distances": [[1, 2]]}, "copies are all as far apart; give numbers"),
        ({"motifs": ["motif_0"] * 3, "distances": [[1]]}, r"distances: 1 for 3 motifs; give 2"),
        ({"motifs": ["motif_0"] * 3, "distances": [1], "orientation": "++"}, r"orientation: 2 for 3 motifs; give 3"),
        (
            {"motifs": ["motif_0", "motif_9"], "distances": [1]},
            r"arrangements\[0\].motifs\[1\]: there is no motif motif_9",
        ),
        (
            {"motifs": ["motif_0"], "copies": 9, "distances": [1]},
            "has 27 bases|has 31 bases, more than the backgrounds' 27",
        ),
    ],
)
def test_what_is_no_arrangement(tmp_path, entry, message):
    with pytest.raises(InputError, match=message):
        read_elements(Config.of(config_of(tmp_path, [entry])))


def test_controls_are_of_motifs_alone(tmp_path):
    entry = {"motifs": ["motif_0"], "copies": 3, "distances": [1]}
    with_them = read_elements(Config.of(config_of(tmp_path, [entry], controls={"shuffles": 2})))
    without = read_elements(Config.of(config_of(tmp_path, [], controls={"shuffles": 2})))
    kinds = with_them.elements["kind"]
    pd.testing.assert_frame_equal(
        with_them.elements[kinds == "control"].reset_index(drop=True),
        without.elements[without.elements["kind"] == "control"].reset_index(drop=True),
    )


def test_an_arrangement_that_is_a_pair_or_a_control_is_that_element(tmp_path):
    pair = {"first": "motif_0", "second": "motif_0", "distances": [2], "orientations": ["++"]}
    arrangements = [
        {"motifs": ["motif_0"], "copies": 3, "distances": [2]},
        {"motifs": ["motif_2"] * 2, "distances": [0]},
    ]
    motifs = ["TGA", "CAA", "A", "GT"]
    config = config_of(tmp_path, arrangements, motifs, pairs=[pair], controls={"shuffles": 3})
    read = read_elements(Config.of(config))
    known = read.elements.set_index("element_id")
    assert known.loc[read.arrangements["element_id"], "sequence"].tolist() == read.arrangements["sequence"].tolist()
    assert read.arrangements["element_id"][1] == read.pairs["element_id"][0]
    assert known.loc[read.arrangements["element_id"], "kind"].tolist() == [
        "motif",
        "pair",
        "arrangement",
        "arrangement",
    ]
    controls = read.elements[read.elements["kind"] == "control"]
    (shuffled,) = controls.loc[controls["sequence"].isin(["AAC", "ACA"]), "sequence"].head(1)
    named = [*motifs, shuffled[0], shuffled[1:]]
    entry = {"motifs": ["motif_4", "motif_5"], "distances": [0]}
    again = read_elements(Config.of(config_of(tmp_path / "again", [entry], named, controls={"shuffles": 3})))
    of = again.elements.set_index("element_id").loc[again.arrangements["element_id"][0]]
    assert (of["sequence"], of["kind"]) == (shuffled, "control")
