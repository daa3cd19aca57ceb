"""Attributions of a screen: the functions against tangermeme's, and the merged table against brute force."""

import itertools
import random
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from marginalization.config.attributions import (
    attribution_files,
    attribution_readouts,
    check_attributions,
    require_tangermeme,
)
from marginalization.config.checks import readouts_of
from marginalization.config.sections import Config
from marginalization.design.backgrounds import select_backgrounds, transform_backgrounds
from marginalization.design.elements import motifs_and_annotations, read_elements
from marginalization.design.placement import place, placed_table
from marginalization.design.plan import make_plan
from marginalization.errors import InputError
from marginalization.inference.attribution import OneReadout, draw_references
from marginalization.inference.prediction import predict
from marginalization.jobs import attributions, running
from marginalization.jobs.attributions import run_attributions
from marginalization.jobs.shard import read_shard
from marginalization.merging.means import merge_attributions
from marginalization.merging.parts import find_parts
from marginalization.models.loading import load_inputs
from marginalization.probing.probe import load_readout_model, probe
from marginalization.sequences.onehot import one_hot_encode
from marginalization.store.files import write_json, write_table
from marginalization.store.paths import job_labels
from marginalization.store.schemas import ATTRIBUTION_TOTALS, ATTRIBUTIONS, BACKGROUNDS, ELEMENTS
from screens import resolved, screen_of, substituted
from tangermeme.deep_lift_shap import deep_lift_shap
from tangermeme.saturation_mutagenesis import saturation_mutagenesis

LAB = '''
import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    """Two heads of two targets each, which take nothing else, or a number and an index for each sequence."""

    def __init__(self, seed=0, inputs=False):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.body = nn.Sequential(nn.Conv1d(4, 6, 3, padding=1), nn.ReLU(), nn.Conv1d(6, 5, 3), nn.ReLU())
            self.table = nn.Embedding(3, 5)
            self.heads = nn.ModuleList(nn.Linear(5, 2) for _ in range(2))

    def forward(self, X, number=None, index=None):
        h = self.body(X).mean(dim=-1)
        if number is not None:
            h = h * number + self.table(index)
        return [head(h) for head in self.heads]


class Linear(nn.Module):
    """Integer weights of letters and positions: the letter's weight x the 0-based position, and its negative half."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.weights = nn.Parameter(scale * torch.tensor([1.0, -2.0, 4.0, 8.0]).outer(torch.arange(12.0)))

    def forward(self, X):
        total = (X * self.weights).sum(dim=(1, 2))
        return torch.stack([total, -total / 2], dim=1)


class Broken(Linear):
    """No number for sequences that hold GG."""

    def forward(self, X):
        pair = (X[:, 2, 1:] * X[:, 2, :-1]).amax(dim=-1, keepdim=True)
        return super().forward(X) * torch.where(pair > 0, torch.nan, 1.0)


class Squashed(Net):
    """Of a function that is no layer."""

    def forward(self, X):
        return [y.exp().tanh() for y in super().forward(5 * X)]


def gradient_times_input(model, X, args, target, device, batch_size, rows=4, scale=1.0):
    X = X.to(device).requires_grad_()
    gradient = torch.autograd.grad(model(X, *(args or ()))[:, target].sum(), X)[0]
    y = scale * gradient * X
    return y if rows == 4 else y.sum(dim=1)


def wrong_shape(model, X, args, target, device, batch_size):
    return torch.zeros(len(X), 4, 7)


def no_tensor(model, X, args, target, device, batch_size):
    return np.zeros((len(X), 4, X.shape[2]))
'''
draw = random.Random(1)
MOTIFS = ["ACG", "TTTT", "GNNC", "TGACTCAT"]
LETTERS = ["".join(draw.choices("ACGT", k=12)) for _ in range(5)]
READOUTS = {"b": {"output": 0, "targets": ["zeta", "Alpha"]}, "a": {"output": 1}}
PLACEMENT = {"start": [4, 0], "strands": "both"}
LINEAR = {"total": {"targets": ["up", "down"]}}
GRADIENT = "gradient_times_input"


@pytest.fixture(scope="module", autouse=True)
def lab(tmp_path_factory):
    """A folder with the lab's file, which paths are relative to."""
    folder = tmp_path_factory.mktemp("attributions")
    (folder / "lab.py").write_text(LAB)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


def config_of(folder, function, factory="lab.py:Linear", motifs=MOTIFS, letters=LETTERS, **sections):
    """A resolved config, on which the checks of a parse were made."""
    spec = {"function": function, "window": 6, **sections.pop("attributions", {})}
    options = {"placement": PLACEMENT, "readouts": LINEAR, "models": {"toy": {"factory": factory}}, **sections}
    config = screen_of(folder, motifs, letters, attributions=spec, **options)
    check_attributions(Config.of(config))
    return config


def attribute(config, folder, control=None):
    """Run all jobs of a screen's attributions and merge them, as the workflow does; one element may be a control."""
    elements = read_elements(Config.of(config)).elements
    elements.loc[elements["sequence"] == control, "kind"] = "control"
    selected, _ = select_backgrounds(Config.of(config))
    backgrounds = transform_backgrounds(selected, "none", 1, config["seed"])
    paths = SimpleNamespace(**{key: str(folder / key) for key in ("elements", "backgrounds", "probe")})
    write_table(elements, paths.elements, ELEMENTS, {})
    write_table(backgrounds, paths.backgrounds, BACKGROUNDS, {})
    plan = make_plan(config, folder / "cache")
    files, targets = [], {}
    for name, jobs in plan.attribution_jobs.items():
        found = probe(Config.of(config), name, plan.n_backgrounds)
        write_json(found, paths.probe)
        targets[name] = found["targets"]
        model = load_readout_model(Config.of(config), name)
        for job in jobs:
            outputs = {
                readout: str(folder / "attribution_sums" / f"model={name}" / f"readout={readout}" / f"{job}.parquet")
                for readout in attribution_readouts(Config.of(config))
            }
            shard = read_shard(Config.of(config), name, job, paths, controls=False)
            facts = {"model": name, "job": job}
            run_attributions(model, shard, Config.of(config), outputs, torch.device("cpu"), folder / "pieces", facts)
            files += outputs.values()
    length = config["backgrounds"]["length"]
    placed = motifs_and_annotations(placed_table(elements, Config.of(config).placement, length)).reset_index(drop=True)
    screened = find_parts(files, placed, targets, config["groups"])
    path = folder / "attributions.parquet"
    merge_attributions(screened, placed, length, config["attributions"]["window"], str(path), {"seed": 0})
    return pd.read_parquet(path).astype({"model": str, "readout": str, "target": str, "strand": str})


KEYS = ["model", "readout", "target", "element_id", "strand", "start"]


def check_rows(table, config, of_sequences, rtol=1e-5, atol=1e-7):
    """Compare a table with means of attributions (n, length) of a model's readout and target, over all placements."""
    elements = read_elements(Config.of(config)).elements
    placements = list(place(elements, Config.of(config).placement, 12))
    names = elements.set_index("element_id")["name"]
    window = config["attributions"]["window"]
    rows = {tuple(row[key] for key in KEYS): row for row in table.to_dict("records")}
    assert list(rows) == sorted(rows)
    count = 0
    for (model, readout, target), function in of_sequences.items():
        before = function(LETTERS).double().mean(dim=0).numpy()
        for p in placements:
            constructs = [substituted(letters, p.sequence, p.start) for letters in LETTERS]
            after = function(constructs).double().mean(dim=0).numpy()
            row = rows[(model, readout, target, p.element_id, p.strand, p.start)]
            width = len(p.sequence)
            first = min(max(p.start + width // 2 - window // 2, 0), 12 - window)
            assert (row["window_start"], row["name"]) == (first, names[p.element_id])
            for name, mean in (("before", before), ("after", after)):
                np.testing.assert_allclose(row[name], mean[first : first + window].astype(np.float32), rtol, atol)
                inside = mean[p.start : p.start + width].sum()
                np.testing.assert_allclose(row[f"{name}_inside"], inside, rtol=rtol, atol=atol)
                np.testing.assert_allclose(row[f"{name}_outside"], mean.sum() - inside, rtol=rtol, atol=atol)
            count += 1
    assert count == len(rows) > 0


SHARDS = [
    {"shards": {}, "attributions": {}},
    {"shards": {"backgrounds": 2}, "attributions": {"marginals": 9}},
    {"shards": {"backgrounds": 1}, "attributions": {"marginals": 1}},
]


@pytest.fixture(params=[0, 1, 2], ids=["one job", "some jobs", "a job each"])
def shards(request, monkeypatch):
    """Shards, and calls and row groups of different sizes."""
    monkeypatch.setattr(attributions, "CALL_NUMBERS", [2**25, 48 * 3 * 2, 1][request.param])
    monkeypatch.setattr(running, "ROW_GROUP_NUMBERS", [2**22, 100, 1][request.param])
    monkeypatch.setattr(running, "FEWEST_NUMBERS", [2**14, 1, 1][request.param])
    return SHARDS[request.param]


def test_deep_lift_shap_equals_tangermeme_with_the_same_references(shards, tmp_path):
    spec = {**shards["attributions"], "kwargs": {"n_shuffles": 3}}
    options = {"attributions": spec, "shards": shards["shards"], "readouts": READOUTS, "seed": 5}
    options["placement"] = {"start": [4, 0], "strands": "-"}
    config = config_of(tmp_path, "deep_lift_shap", "lab.py:Net", **options)
    table = attribute(config, tmp_path)
    references = draw_references(LETTERS, 3, 5)
    assert len({reference.numpy().tobytes() for reference in references.flatten(0, 1)}) > 10
    model = load_readout_model(Config.of(config), "toy")

    def of(readout, i):
        def function(sequences):
            X = one_hot_encode(sequences)
            return deep_lift_shap(OneReadout(model, readout), X, target=i, references=references, device="cpu").sum(1)

        return function

    targets = {"a": ["0", "1"], "b": ["zeta", "Alpha"]}
    functions = {("toy", r, t): of(r, i) for r, names in targets.items() for i, t in enumerate(names)}
    check_rows(table, config, functions, atol=1e-6)


def test_deep_lift_shap_adds_up_to_the_effect(tmp_path):
    """Because the references are the same before and after."""
    options = {"readouts": {"b": READOUTS["b"]}, "placement": {}, "attributions": {"kwargs": {"n_shuffles": 2}}}
    config = config_of(tmp_path, "deep_lift_shap", "lab.py:Net", **options)
    rows = attribute(config, tmp_path).set_index(["target", "element_id"])
    model = OneReadout(load_readout_model(Config.of(config), "toy"), "b")
    for p in place(read_elements(Config.of(config)).elements, Config.of(config).placement, 12):
        constructs = [substituted(letters, p.sequence, p.start) for letters in LETTERS]
        before, after = (predict(model, one_hot_encode(letters)).mean(dim=0) for letters in (LETTERS, constructs))
        for i, target in enumerate(READOUTS["b"]["targets"]):
            row = rows.loc[(target, p.element_id)]
            change = row["after_inside"] + row["after_outside"] - row["before_inside"] - row["before_outside"]
            np.testing.assert_allclose(change, (after - before)[i], atol=1e-6)


def test_saturation_mutagenesis_equals_tangermeme(shards, tmp_path):
    spec = {**shards["attributions"], "readouts": ["b"]}
    options = {"attributions": spec, "shards": shards["shards"], "readouts": READOUTS}
    config = config_of(tmp_path, "saturation_mutagenesis", "lab.py:Net", **options)
    model = OneReadout(load_readout_model(Config.of(config), "toy"), "b")

    def of(i):
        return lambda sequences: saturation_mutagenesis(model, one_hot_encode(sequences), target=i, device="cpu").sum(1)

    check_rows(
        attribute(config, tmp_path),
        config,
        {("toy", "b", t): of(i) for i, t in enumerate(["zeta", "Alpha"])},
        atol=1e-6,
    )


def by_hand(scale, target):
    """The attributions of `Linear`."""
    weights = torch.tensor([1.0, -2.0, 4.0, 8.0])
    factor = scale * (1.0, -0.5)[target]
    return lambda sequences: torch.tensor(
        [[factor * weights["ACGT".index(x)] * i for i, x in enumerate(sequence)] for sequence in sequences]
    )


@pytest.mark.parametrize("rows", [4, 1])
def test_a_labs_own_function(shards, tmp_path, rows):
    spec = {**shards["attributions"], "kwargs": {"rows": rows, "scale": 2.0}}
    config = config_of(tmp_path, f"lab.py:{GRADIENT}", attributions=spec, shards=shards["shards"])
    table = attribute(config, tmp_path)
    assert pq.read_schema(tmp_path / "attributions.parquet").remove_metadata() == ATTRIBUTIONS
    functions = {("toy", "total", name): by_hand(2, i) for i, name in enumerate(["up", "down"])}
    check_rows(table, config, functions, rtol=1e-12)
    n_jobs = sum(map(len, make_plan(config, tmp_path / "cache").attribution_jobs.values()))
    assert n_jobs == {0: 1, 1: 9, 2: 20}[SHARDS.index(shards)]


def test_sharding_changes_no_number(tmp_path):
    tables = []
    for i, shards in enumerate(SHARDS):
        config = config_of(tmp_path / str(i), f"lab.py:{GRADIENT}", **shards)
        tables.append(attribute(config, tmp_path / str(i)))
    for other in tables[1:]:
        pd.testing.assert_frame_equal(other, tables[0], check_exact=True)


def test_a_group_has_the_mean_of_its_models(shards, tmp_path):
    models = {name: {"factory": "lab.py:Linear", "kwargs": {"scale": s}} for name, s in (("a", 1.0), ("c", 4.0))}
    sections = {"models": models, "groups": {"b": ["a", "c"]}, **shards}
    config = config_of(tmp_path, f"lab.py:{GRADIENT}", **sections)
    scales = {"a": 1, "b": 2.5, "c": 4}
    functions = {
        (model, "total", name): by_hand(scale, i)
        for model, scale in scales.items()
        for i, name in ((0, "up"), (1, "down"))
    }
    check_rows(attribute(config, tmp_path), config, functions, rtol=1e-12)


def test_controls_have_no_attributions(tmp_path):
    table = attribute(config_of(tmp_path / "with", f"lab.py:{GRADIENT}"), tmp_path / "with", control="TTTT")
    without = config_of(tmp_path / "without", f"lab.py:{GRADIENT}", motifs=[m for m in MOTIFS if m != "TTTT"])
    columns = [*KEYS, "window_start", *ATTRIBUTION_TOTALS]
    expected = attribute(without, tmp_path / "without")
    pd.testing.assert_frame_equal(table[columns], expected[columns], check_exact=True)


@pytest.mark.parametrize("function", [deep_lift_shap, saturation_mutagenesis], ids=lambda function: function.__name__)
def test_further_inputs_go_along_in_their_own_dtype(tmp_path, function):
    np.save("number.npy", np.linspace(0.5, 2, 5, dtype=np.float32)[:, None])
    np.save("index.npy", np.array([0, 1, 2, 1, 0]))
    model = {"factory": "lab.py:Net", "inputs": [{"file": "number.npy"}, {"file": "index.npy"}]}
    deep = function is deep_lift_shap
    sections = {"models": {"toy": model}, "readouts": {"b": READOUTS["b"]}}
    sections["attributions"] = {"kwargs": {"n_shuffles": 2} if deep else {}}
    config = config_of(tmp_path, function.__name__, **sections)
    args = load_inputs(Config.of(config).models["toy"], "toy", 5)
    one = OneReadout(load_readout_model(Config.of(config), "toy"), "b", args)
    options = {"args": args, "device": "cpu", **({"references": draw_references(LETTERS, 2, 0)} if deep else {})}

    def of(i):
        return lambda sequences: function(one, one_hot_encode(sequences), target=i, **options).sum(1)

    check_rows(
        attribute(config, tmp_path),
        config,
        {("toy", "b", t): of(i) for i, t in enumerate(["zeta", "Alpha"])},
        atol=1e-6,
    )


def test_a_base_that_is_not_known_has_no_attribution(tmp_path):
    for function in ("deep_lift_shap", "saturation_mutagenesis"):
        options = {"readouts": {"b": READOUTS["b"]}, "placement": {}, "attributions": {"window": 12}}
        config = config_of(tmp_path / function, function, "lab.py:Net", ["ACGT"], ["NNACGTACGTNN"], **options)
        row = attribute(config, tmp_path / function).iloc[0]
        assert row["before"][[0, 1, 10, 11]].tolist() == [0, 0, 0, 0]
        assert (row["before"][2:10] != 0).all()


def test_references_are_named_by_the_sequence():
    both = draw_references(LETTERS, 4, 7)
    assert both.shape == (5, 4, 4, 12)
    assert torch.equal(draw_references(LETTERS[3:], 4, 7), both[3:])
    assert torch.equal(draw_references(LETTERS, 2, 7), both[:, :2])
    assert not torch.equal(draw_references(LETTERS, 4, 8), both)


def test_layers_without_a_rule_draw_one_warning(tmp_path, caplog):
    options = {"readouts": {"b": READOUTS["b"]}, "compute": {"batch_size": 2}}
    attribute(config_of(tmp_path, "deep_lift_shap", "lab.py:Squashed", **options), tmp_path)
    warned = [record.message for record in caplog.records if "onvergence deltas are" in record.message]
    assert len(warned) == 1
    assert warned[0].startswith("deep_lift_shap: RuntimeWarning: Convergence deltas are")
    assert any(re.search(r"the warning from .* came \d+ times", record.message) for record in caplog.records)


def test_an_unfinished_shard_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(attributions, "CALL_NUMBERS", 1)
    monkeypatch.setattr("marginalization.jobs.pieces.SECONDS", 0)
    config = config_of(tmp_path / "whole", f"lab.py:{GRADIENT}")
    whole = attribute(config, tmp_path / "whole")
    config = config_of(tmp_path / "again", f"lab.py:{GRADIENT}")
    kept, calls = attributions._kept, itertools.count(1)

    def fails_at_the_ninth(*args):
        if next(calls) == 9:
            raise KeyboardInterrupt
        return kept(*args)

    monkeypatch.setattr(attributions, "_kept", fails_at_the_ninth)
    with pytest.raises(KeyboardInterrupt):
        attribute(config, tmp_path / "again")
    assert len(list((tmp_path / "again" / "pieces").iterdir())) == 8
    again = attribute(config, tmp_path / "again")
    pd.testing.assert_frame_equal(again, whole, check_exact=True)
    assert not (tmp_path / "again" / "pieces").exists()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            "wrong_shape",
            r"lab.py:wrong_shape gave \(\d+, 4, 7\) for sequences of shape \((\d+), 4, 12\); .* \(\1, 12\)$",
        ),
        ("no_tensor", "lab.py:no_tensor gave a ndarray for sequences of shape"),
        ("absent", "lab.py has no absent; it has .*gradient_times_input"),
    ],
)
def test_what_a_labs_function_must_give(tmp_path, function, message):
    with pytest.raises(InputError, match=f"^config: attributions.function: {message}"):
        attribute(config_of(tmp_path, f"lab.py:{function}"), tmp_path)


def test_an_attribution_that_is_no_number_names_background_and_element(tmp_path):
    # By a seed with which the probe draws no GG.
    options = {"motifs": ["GG"], "letters": ["ACGTACGTACGT", "ACGTACGTACGA"], "seed": 14}
    config = config_of(tmp_path, "saturation_mutagenesis", "lab.py:Broken", **options)
    with pytest.raises(
        InputError, match=r"^an attribution of readout total is nan for background 0 \(.*\) as it is; fix"
    ):
        attribute(config, tmp_path)
    config = config_of(tmp_path, f"lab.py:{GRADIENT}", "lab.py:Broken", **options)
    with pytest.raises(
        InputError, match=r"total is nan for background 0 \(.*\) with element [0-9a-f]{16} \((GG|CC)\); fix"
    ):
        attribute(config, tmp_path)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"readouts": ["totl"]}, "readouts: there is no readout totl; did you mean total?"),
        ({"readouts": ["qq"]}, "readouts: there is no readout qq; the readouts are total"),
        ({"window": 13}, "window: 13 positions are more than the backgrounds' 12; set it to 12 or less"),
        ({"function": "lap.py:f"}, "function: no file lap.py; did you mean lab.py?"),
        ({"kwargs": {"n_shufles": 3}}, "kwargs: deep_lift_shap takes no n_shufles here; did you mean n_shuffles?"),
        ({"kwargs": {"x": 3}}, "kwargs: deep_lift_shap takes no x here; it takes n_shuffles, warning_threshold"),
        (
            {"function": "saturation_mutagenesis", "kwargs": {"start": 3}},
            "kwargs: saturation_mutagenesis takes no start here; it takes no kwargs",
        ),
        ({"kwargs": {"n_shuffles": 0}}, "kwargs.n_shuffles: 0 is no number of shuffles; give 1 or more"),
        (
            {"function": "lab.py:f", "kwargs": {"target": 1}},
            "kwargs: target is given to lab.py:f by the workflow; leave it out",
        ),
    ],
)
def test_bad_sections_are_told_in_words(tmp_path, sections, message):
    with pytest.raises(InputError) as error:
        config_of(tmp_path, "deep_lift_shap", attributions=sections)
    assert str(error.value).startswith(f"config: attributions.{message}")


def test_deep_lift_shap_wants_layers(tmp_path):
    Path("model.pt2").touch()
    stored = {"stored": {"file": "model.pt2"}}
    with pytest.raises(InputError, match=r"torch\.export file such as that of models\.stored does not keep its layers"):
        config_of(tmp_path, "deep_lift_shap", models=stored)
    config_of(tmp_path, "saturation_mutagenesis", models=stored)
    config_of(tmp_path, "deep_lift_shap", models={"stored": {"file": "model.pt2", "trust_pickle": True}})


def test_deep_lift_shap_wants_tangermeme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = resolved(attributions={"function": "deep_lift_shap", "window": 3})
    require_tangermeme(Config.of(config))
    monkeypatch.setitem(sys.modules, "tangermeme", None)
    require_tangermeme(Config.of(resolved()))
    with pytest.raises(
        InputError, match=r"tangermeme's, which is not installed; .*: pip install '\.\[attributions\]'$"
    ):
        require_tangermeme(Config.of(config))


def test_readouts_and_files():
    config = resolved(attributions={"function": "lab.py:f", "kwargs": {"path": "lab.py", "n": 3, "text": "no file"}})
    assert attribution_readouts(Config.of(config)) == list(readouts_of(Config.of(config))) == ["prediction"]
    assert attribution_files(Config.of(config)) == ["lab.py"]
    assert attribution_files(Config.of(resolved())) == []
    check_attributions(Config.of(resolved()))


OTHER = {
    "function": {"function": "saturation_mutagenesis"},
    "kwargs": {"kwargs": {"n_shuffles": 3}},
    "window": {"window": 5},
    "readouts": {"readouts": ["total"]},
}


def test_jobs_are_named_by_what_they_compute(tmp_path):
    plain = screen_of(tmp_path, MOTIFS, LETTERS, readouts=LINEAR, models={"toy": {"factory": "lab.py:Linear"}})
    effects = make_plan(plain, tmp_path / "cache")
    assert effects.attribution_jobs == {}
    names = {}
    for what, section in {"as it is": {}, **OTHER}.items():
        config = config_of(tmp_path, "deep_lift_shap", placement=plain["placement"], attributions=section)
        plan = make_plan(config, tmp_path / "cache")
        assert plan.jobs == effects.jobs
        names[what] = set(plan.attribution_jobs["toy"])
    assert len(set.union(*names.values())) == sum(map(len, names.values()))
    assert not names["as it is"] & set(effects.jobs["toy"])
    assert {job_labels(job) for job in names["as it is"]} == {("0000of0001", "0000of0001")}


def test_a_change_of_the_functions_file_renames_its_jobs_alone(tmp_path):
    own = tmp_path / "own.py"
    own.write_text("def f(): ...")
    config = config_of(tmp_path, f"{own}:f")
    first = make_plan(config, tmp_path / "cache")
    own.write_text("def f(): return 1")
    second = make_plan(config, tmp_path / "cache")
    assert second.jobs == first.jobs
    assert not set(second.attribution_jobs["toy"]) & set(first.attribution_jobs["toy"])


def test_too_many_jobs_draw_a_warning_whose_remedy_works(tmp_path):
    sections = {"shards": {"max_jobs": 2}, "attributions": {"marginals": 1}}
    config = config_of(tmp_path, f"lab.py:{GRADIENT}", **sections)
    warning = make_plan(config, tmp_path / "cache").warning(Config.of(config).shards)
    assert warning.startswith("its attributions take 4 jobs, more than shards.max_jobs (2)")
    assert warning.endswith("set attributions.marginals: 80")
    config["attributions"]["marginals"] = 80
    plan = make_plan(config, tmp_path / "cache")
    assert plan.warning(Config.of(config).shards) is None
    assert plan.describe().endswith("in 1 job, and their attributions in 1")
