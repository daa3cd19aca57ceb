"""Which tracks of an output a readout takes, by number, by name or from a table, and what its targets are called."""

import numpy as np
import pandas as pd
import pytest
import torch
from binned_models import Binned, by_hand
from marginalization.config.checks import model_files
from marginalization.config.resolving import resolve
from marginalization.config.sections import Readout
from marginalization.design.plan import make_plan
from marginalization.errors import InputError
from marginalization.inference.incremental.engine import Incremental
from marginalization.inputs.model_tables import read_targets
from marginalization.models.readouts import ReadoutModel, target_names
from marginalization.probing.probe import probe
from screens import MINIMAL, SCHEMA, check_readout, finish, run_screen, screen_of, typed

BASENJI = """index\tgenome\tidentifier\tfile\tclip\tscale\tsum_stat\tdescription
0\t0\tENCFF833POA\ta.w5\t32\t2\tmean\tDNASE:cerebellum male adult (27 years)
1\t0\tENCFF110QGM\tb.w5\t32\t2\tmean\tDNASE:frontal cortex
2\t0\tCNhs10608\tc.w5\t384\t1\tsum\tCAGE:Clontech Human Universal Reference Total RNA
"""
BORZOI = """\tidentifier\tfile\tclip\tclip_soft\tscale\tsum_stat\tstrand_pair\tdescription
0\tCNhs10608+\ta.w5\t768\t384\t1.0\tsum\t1\tCAGE:universal
1\tCNhs10608-\tb.w5\t768\t384\t1.0\tsum\t0\tCAGE:universal
2\tENCFF833POA\tc.w5\t512\t256\t1.0\tmean\t2\tDNASE:cerebellum
"""


@pytest.fixture
def table(tmp_path):
    def written(text=BASENJI):
        path = tmp_path / "targets_human.txt"
        path.write_text(text)
        return str(path)

    return written


def readout_of(**readout):
    return typed(Readout, readout)


def read(outputs, average_strands=False, **readout):
    """What a readout takes of an output, and its targets' names."""
    of = readout_of(**readout)
    model = outputs if isinstance(outputs, torch.nn.Module) else lambda X: outputs
    y = ReadoutModel(model, {"r": of}, average_strands)(torch.from_numpy(sequences()))["r"]
    return y.tolist(), target_names(of, y.shape[1], "r")


def sequences(n=2, length=24, seed=1):
    return np.eye(4)[np.random.default_rng(seed).integers(4, size=(n, length))].transpose(0, 2, 1)


def refusal(outputs, **readout):
    with pytest.raises(InputError) as error:
        read(outputs, **readout)
    return str(error.value)


TASKS = torch.arange(10.0).reshape(2, 5)
BINS = torch.arange(24.0).reshape(2, 4, 3)
"""(batch, bins, tracks)."""
FIRST = {"layout": ["positions", "tracks"]}


def test_tracks_by_number():
    """In the order in which they are asked for; without names they are called by their numbers."""
    assert read(TASKS, channels=[3, 0]) == ([[3, 0], [8, 5]], ["3", "0"])
    assert read(TASKS, channels=[1, 2]) == ([[1, 2], [6, 7]], ["1", "2"])
    assert read(TASKS, channels=[1, 0], targets=["x", "y"]) == ([[1, 0], [6, 5]], ["x", "y"])


def test_tracks_by_name():
    names = ["a", "b", "c", "d", "e"]
    assert read(TASKS, channels=["d", "a"], targets=names) == ([[3, 0], [8, 5]], ["d", "a"])
    assert "readouts.r: there is no track dd; did you mean d?" in refusal(TASKS, channels=["dd"], targets=names)
    assert "readouts.r: there is no track z; targets has a, b, c, d, e" in refusal(TASKS, channels=["z"], targets=names)
    said = refusal(TASKS, channels=["d"], targets=names[:4])
    assert said == "config: readouts.r.targets names 4 tracks, and the output has 5"


@pytest.mark.parametrize("numbers", [[2], [2, 0], [0, 1, 2]])
def test_tracks_beside_positions(numbers):
    for outputs, layout in (
        (BINS, FIRST),
        (BINS.transpose(1, 2), {}),
        (BINS.transpose(1, 2), {"layout": ["tracks", "positions"]}),
    ):
        y, names = read(outputs, channels=numbers, positions=2, reduce="sum", **layout)
        assert y == BINS[:, 1:3].sum(dim=1)[:, numbers].tolist()
        assert names == [str(number) for number in numbers]
        y, names = read(outputs, channels=numbers, positions=2, **layout)
        assert y == BINS[:, 1:3][:, :, numbers].transpose(1, 2).flatten(1).tolist()
        assert names == [str(i) for i in range(2 * len(numbers))]


@pytest.mark.parametrize(
    ("outputs", "readout", "message"),
    [
        (TASKS, {"channels": [5]}, "readouts.r: there is no track 5, counted from 0: the output has 5"),
        (
            BINS,
            {"channels": [7]},
            "there is no track 7, counted from 0: the output has 4 beside 3 positions; if these are the tracks, write "
            "`layout: [positions, tracks]`",
        ),
        (TASKS, {"channels": [1], "reduce": "sum"}, "tracks without positions; leave out `positions` and `reduce`"),
        (TASKS, {"channels": [1], "positions": 2}, "tracks without positions; leave out `positions` and `reduce`"),
        (BINS[..., None], {"channels": [1]}, "channels are of one axis of tracks, and the output is (batch, 4, 3, 1)"),
    ],
)
def test_tracks_that_are_not_there(outputs, readout, message):
    assert message in refusal(outputs, **readout)


def test_a_table_as_basenji_and_enformer_ship_it(table):
    targets = {"file": table(), "where": {"description": "DNASE:*", "genome": 0}}
    y, names = read(BINS, targets=targets, positions=2, reduce="mean", **FIRST)
    assert (y, names) == (BINS[:, 1:3, :2].mean(dim=1).tolist(), ["ENCFF833POA", "ENCFF110QGM"])
    y, names = read(BINS, targets={"file": table()}, reduce="sum", **FIRST)
    assert (y, names) == (BINS.sum(dim=1).tolist(), ["ENCFF833POA", "ENCFF110QGM", "CNhs10608"])
    by_name = {"file": table(), "name": "description"}
    y, names = read(BINS, targets=by_name, channels=["DNASE:frontal cortex"], reduce="max", **FIRST)
    assert (y, names) == (BINS[:, :, 1:2].amax(dim=1).tolist(), ["DNASE:frontal cortex"])
    y, names = read(BINS, targets={"file": table()}, channels=[2, 0], reduce="max", **FIRST)
    assert (y, names) == (BINS[:, :, [2, 0]].amax(dim=1).tolist(), ["CNhs10608", "ENCFF833POA"])


def test_a_value_stands_for_itself_but_for_stars(table):
    """Brackets and question marks, which other patterns read otherwise, are letters."""
    path = table("index\tidentifier\tdescription\n0\ta\tDNASE:cortex [left]?\n1\tb\tDNASE:cortexl\n")
    for value in ("DNASE:cortex [left]?", "*[left]?", "DNASE:*?"):
        assert read_targets(path, "identifier", {"description": value}).numbers == (0,)
    assert read_targets(path, "identifier", {"description": "DNASE:c*"}).numbers == (0, 1)


def test_a_table_of_some_tracks_keeps_their_numbers(table):
    """As Borzoi's tables of some assays: the first column, without a name, is the number among all."""
    header, _, second, third = BASENJI.splitlines()
    some = table("\n".join([header.replace("index", ""), third, second]))
    y, names = read(BINS, targets={"file": some}, reduce="sum", **FIRST)
    assert (y, names) == (BINS.sum(dim=1)[:, [2, 1]].tolist(), ["CNhs10608", "ENCFF110QGM"])
    without = "\n".join(line.partition("\t")[2] for line in BASENJI.splitlines())
    assert read_targets(table(without), "identifier", {}).numbers == (0, 1, 2)


def test_a_table_of_another_head_is_refused(table):
    """Of the human tracks for the mouse head, say: names would be those of other tracks."""
    targets = {"file": table(), "where": {"description": "DNASE:*"}}
    for outputs in (torch.zeros(2, 4, 2), torch.zeros(2, 4, 5)):
        n = outputs.shape[2]
        said = refusal(outputs, targets=targets, reduce="sum", **FIRST)
        assert said == f"config: readouts.r.targets names 3 tracks, and the output has {n} beside 4 positions"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (BASENJI, {"name": "identifer"}, "targets_human.txt has no column identifer; did you mean identifier?"),
        (BASENJI, {"where": {"assay": "DNASE"}}, "has no column assay; it has index, genome, identifier"),
        (
            BASENJI,
            {"where": {"description": "ATAC:*"}},
            "has no row with description ATAC:*; description is DNASE:cere",
        ),
        (BASENJI, {"where": {"genome": 1}}, "has no row with genome 1; genome is 0"),
        (BASENJI, {"name": "sum_stat"}, "lines 2 and 3 are both of sum_stat mean; name another column as `name`"),
        (BASENJI.replace("1\t0", "0\t0"), {}, "line 3: the index 0 is there twice; give it once"),
        (BASENJI.replace("1\t0", "one\t0"), {}, "line 3: index 'one' is no number of a track; write a whole number"),
        (BASENJI.replace("CNhs10608", ""), {}, "line 4: no identifier; give it one, or name another column as `name`"),
        (BORZOI.replace("sum\t1", "sum\t"), {}, "line 2: strand_pair '' is no number of a track"),
        (BASENJI.splitlines()[0], {}, "targets_human.txt has no targets; give a header, and rows"),
        (BASENJI.replace("\t", ","), {}, "has no column identifier; it has index,genome"),
    ],
    ids=lambda value: "" if isinstance(value, str) and "\t" in value else str(value)[:40],
)
def test_tables_that_do_not_fit(table, text, options, message):
    said = refusal(BINS, targets={"file": table(text), **options}, reduce="sum", **FIRST)
    assert said.startswith("config: readouts.r.targets: ")
    assert message in said
    assert "\n" not in said


def test_the_other_strand_of_a_track_reads_the_reverse_complement(table):
    """Borzoi's tables name it; of a track that is taken alone too."""
    X, targets = sequences(), {"file": table(BORZOI)}
    model = Binned().double()
    forward, reverse = by_hand(X), by_hand(X[:, ::-1, ::-1])[:, ::-1]
    expected = ((forward + reverse[:, :, [1, 0, 2]]) / 2)[:, 1:4].sum(axis=1)
    for chosen, rows in (({}, [0, 1, 2]), ({"channels": ["CNhs10608-"]}, [1]), ({"channels": [2, 0]}, [2, 0])):
        y, _ = read(model, True, targets=targets, positions=[1, 4], reduce="sum", **FIRST, **chosen)
        np.testing.assert_allclose(y, expected[:, rows], rtol=1e-6)
    apart = ((forward + reverse[:, :, [1, 0, 2]]) / 2)[:, 1:4].transpose(0, 2, 1).reshape(2, -1)
    with pytest.raises(InputError, match=r"names 3 targets, but the readout has 9: .*; reduce the positions of"):
        read(model, True, targets=targets, positions=[1, 4], **FIRST)
    own, _ = read(model, True, channels=[0, 1, 2], positions=[1, 4], reverse_order=[3, 4, 5, 0, 1, 2, 6, 7, 8], **FIRST)
    np.testing.assert_allclose(own, apart, rtol=1e-6)


def config_of(targets, **sections):
    readout = {"targets": targets, "positions": 2, "reduce": "sum", **FIRST}
    spec = {"factory": "binned_models:Binned"}
    return {**MINIMAL, "models": {"m": spec}, "readouts": {"r": readout}, **sections}


def test_the_dry_run_reads_the_table(table):
    """And its names are known to comparisons; the table is an input of the model's jobs."""
    path = table()
    both = {"first": "ENCFF833POA", "second": "CNhs10608", "readout": "r"}
    config = resolve(config_of({"file": path}, compare=[both]), str(SCHEMA))
    assert path in model_files(config, "m")
    with pytest.raises(InputError, match=r"r, which compare\[0\] is of: there is no track ENCFF833; did you"):
        resolve(config_of({"file": path}, compare=[{**both, "first": "ENCFF833"}]), str(SCHEMA))
    with pytest.raises(InputError, match=r"readouts\.r\.targets: no file .*targets_human\.tx; did you mean .*\.txt\?"):
        resolve(config_of({"file": path[:-1]}), str(SCHEMA))
    assert probe(config, "m", 5)["targets"] == {"r": ["ENCFF833POA", "ENCFF110QGM", "CNhs10608"]}


def test_a_screen_of_chosen_tracks(table, tmp_path):
    """From the table to the summary, by brute force; another table makes other jobs."""
    path, letters = table(), ["ACGTTGCAACGTACGGATTACAGA", "TTGACCAGTACGATCAGGCATTAC", "GGCATGACCTTAGACATGGATACC"]
    targets = {"file": path, "where": {"description": "DNASE:*"}}
    readouts = {"r": {"targets": targets, "positions": 2, "reduce": "sum", **FIRST}}
    models = {"m": {"factory": "binned_models:Binned"}}
    config = screen_of(tmp_path, ["GATTACA"], letters, models=models, readouts=readouts, placement={"strands": "both"})
    run = run_screen(config, tmp_path)
    summary = pd.read_parquet(finish(config, run, tmp_path) / "summary.parquet").set_index(["strand", "target"])
    one_hot = np.stack([np.eye(4)[["ACGT".index(x) for x in sequence]].T for sequence in letters])
    for strand, motif in (("+", "GATTACA"), ("-", "TGTAATC")):
        after = one_hot.copy()
        after[:, :, 9:16] = np.eye(4)[["ACGT".index(x) for x in motif]].T
        expected = (by_hand(after) - by_hand(one_hot))[:, 2:4].sum(axis=1).mean(axis=0)
        for track, target in enumerate(["ENCFF833POA", "ENCFF110QGM"]):
            assert summary.loc[(strand, target), "effect_mean"] == pytest.approx(expected[track], rel=1e-5)
    assert len(summary) == 4
    table(BASENJI.replace("frontal", "occipital"))
    assert not set(run.plan.jobs["m"]) & set(make_plan(config, tmp_path / "cache").jobs["m"])


@pytest.mark.parametrize(
    ("readout", "message"),
    [
        ({"channels": ["a"]}, "channels are names; give `targets`, which names all tracks"),
        ({"channels": [0], "function": "a.b:c"}, "channels goes only with an output"),
        ({"channels": [0], "profile": {"logits": 0, "counts": 1}}, "channels goes only with an output"),
        ({"targets": {"file": "t"}, "function": "a.b:c"}, "a table of targets goes only with an output"),
        ({"targets": {"file": "t", "where": {"a": "b"}}, "channels": [0]}, "both say which tracks to take"),
        ({"channels": [0, "a"], "targets": ["a"]}, "channels are numbers and names; give all as the one or the other"),
        ({"channels": []}, "channels: [] should be non-empty (Which of the output's tracks to take"),
        ({"channels": [1, 1]}, "channels: [1, 1] has non-unique elements"),
        ({"channels": [-1]}, "channels[0]: -1"),
        ({"targets": {"file": "t", "colum": "a"}}, "unknown key 'colum'"),
    ],
)
def test_what_excludes_what(readout, message):
    with pytest.raises(InputError) as error:
        check_readout(readout)
    assert message in str(error.value)


@pytest.mark.parametrize("numbers", [[1, 2], [2, 0]])
def test_they_are_taken_of_windows(numbers):
    """Incremental inference computes no operation as a whole for their sake."""
    X = torch.from_numpy(sequences())
    readout = readout_of(channels=numbers, positions=4, reduce="sum", **FIRST)
    model = ReadoutModel(Binned(), {"r": readout}).double().eval()
    engine = Incremental(model, [X])
    engine.prepare([X], (0, 2), 9, 14, 2)
    Z = X.clone()
    Z[:, :, 9:14] = torch.eye(4, dtype=torch.float64)[:, [0, 1, 2, 3, 0]]
    after = engine.after((Z - X)[:, :, 9:14], 9, slice(0, 2))["r"]
    torch.testing.assert_close(after, model(Z)["r"], rtol=0, atol=1e-12)
    rules = [type(step.rule).__name__ for step in engine.program(9, 14).steps]
    assert "NoneType" not in rules[: rules.index("Reduction")]
    assert ("Pick" in rules) == (numbers == [2, 0])
