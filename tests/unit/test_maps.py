"""Maps of motifs from the config to their tables, by the jobs of the rules, beside brute force letter by letter."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from marginalization import saturation_mutagenesis
from marginalization.config.checks import check_maps
from marginalization.config.sections import Config
from marginalization.design.plan import make_plan
from marginalization.errors import InputError
from marginalization.jobs import effects as effect_jobs
from marginalization.jobs import pieces
from marginalization.maps.chosen import MOST_TARGETS, acting_motifs, changed, changes, chosen_motifs
from marginalization.maps.plan import map_jobs
from marginalization.merging.derived.clusters import clusters_of_motifs
from marginalization.sequences.letters import reverse_complement
from marginalization.sequences.onehot import one_hot_encode
from marginalization.stages.derived import maps, mutate
from marginalization.stages.inputs import backgrounds, elements
from marginalization.stages.screen import probe
from marginalization.store.files import read_facts, write_table
from marginalization.store.other_schemas import CLUSTERS
from marginalization.view.maps import read_in
from mock_snakemake import Files, run_rule
from screens import resolved, substituted
from toy_models import Words

LENGTH = 40
HERE = "results/tiny"
MOTIFS = ["reads", "carries", "lowers", "turned", "known", "written"]
"""`carries` holds the consensus of `reads` in columns that say little; `known` has an N, `written` has no matrix."""


def columns(word, share):
    rest = (1 - share) / 3
    return [[share if x == letter else rest for letter in "ACGT"] for x in word]


MATRICES = {
    "reads": columns("GATTACAT", 0.9),
    "carries": columns("CGC", 0.95) + columns("GATTACAT", 0.4) + columns("GCG", 0.95),
    "lowers": columns("CCTGAGTC", 0.8),
    "turned": columns("GACTCAGG", 0.9),
    "known": [*columns("GAT", 0.9), [0.25] * 4, *columns("ACAT", 0.9)],
}


def write_motifs(folder):
    for file, names in (("motifs.meme", MOTIFS[:4]), ("known.meme", ["known"])):
        lines = ["MEME version 4", "", "ALPHABET= ACGT", ""]
        for name in names:
            lines += [f"MOTIF {name}", f"letter-probability matrix: alength= 4 w= {len(MATRICES[name])}"]
            lines += [" ".join(f"{p:.6f}" for p in row) for row in MATRICES[name]] + [""]
        (folder / file).write_text("\n".join(lines))
    (folder / "more.tsv").write_text("name\tsequence\nwritten\tAGATTACATC\n")


def config_of(**sections):
    tables = [{"file": "motifs.meme"}, {"file": "known.meme", "sequences": "informative"}, {"file": "more.tsv"}]
    models = {"toy": {"factory": "toy_models:Words"}}
    settings = {
        "elements": {"motifs": tables, "controls": {"shuffles": 2}, "maps": {}},
        "models": models,
        "readouts": {"words": {"output": 0}},
        "backgrounds": {"length": LENGTH, "random": {"n": 5}},
        "placement": {"strands": "both"},
    }
    return resolved(**{**settings, **sections})


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_motifs(tmp_path)
    return tmp_path


def words(sequence):
    """The outputs of `Words`, window by window."""
    windows = [sequence[i : i + 8] for i in range(len(sequence) - 7)]
    sums = [sum(4.0 ** (sum(map(str.__eq__, window, word)) - 8) for window in windows) for word in Words.words]
    return np.array([sums[0], -sums[1]])


def write_clusters(motifs, models=("toy",), readouts=("words",), effects=None):
    """A clusters.parquet in which motifs act on targets, on a strand, as told."""
    clusters = clusters_of_motifs(pd.read_parquet(f"{HERE}/motifs.parquet")).set_index("motif")
    effects = effects or {}
    rows = [
        {
            **{"model": model, "readout": readout, "target": target, "motif": motif, "strand": strand},
            **clusters.loc[motif].to_dict(),
            **{"start": LENGTH // 2 - 6, "element_q": 0.01, "significant": acts},
            **{"effect_mean": effects.get(motif, -1.0 if target == "1" else 1.0)},
            **{
                "direction": "lowers" if target == "1" else "raises",
                "n_motifs": 1,
                "members": [motif],
                "member_ids": [],
            },
        }
        for model in models
        for readout in readouts
        for motif, target, strand, acts in motifs
    ]
    table = pd.DataFrame(rows).reindex(columns=CLUSTERS.names).sort_values(["model", "readout", "target"])
    write_table(table, f"{HERE}/clusters.parquet", CLUSTERS, {})


ACTS = [
    ("reads", "0", "+", True),
    ("carries", "0", "+", True),
    ("lowers", "1", "+", True),
    ("turned", "1", "-", True),
    ("known", "0", "+", True),
    ("written", "0", "+", False),
]


def start(config):
    """The tables that come before, and the first looks at the models."""
    Path(HERE).mkdir(parents=True, exist_ok=True)
    tables = {name: f"{HERE}/{name}.parquet" for name in ("elements", "motifs", "annotations", "pairs")}
    outputs = Files(**tables, control_pairs=[], arrangements=[])
    run_rule(elements, config, f"{HERE}/logs/elements.log", Files(), outputs)
    run_rule(backgrounds, config, f"{HERE}/logs/backgrounds.log", Files(), Files(f"{HERE}/backgrounds.parquet"))
    for model in config["models"]:
        log, written = f"{HERE}/logs/probe/{model}.log", Files(f"{HERE}/models/{model}.json")
        run_rule(probe, config, log, Files(), written, {"model": model}, n_backgrounds=5)


def run_all(config):
    """The jobs of maps; their two tables."""
    read = {name: f"{HERE}/{name}.parquet" for name in ("clusters", "elements", "backgrounds", "motifs")}
    outputs = []
    for model, (job,) in map_jobs(make_plan(config), Config.of(config)).items():
        written = [
            f"{HERE}/map_outputs/model={model}/readout={name}/{job}.parquet" for name in sorted(config["readouts"])
        ]
        record, log = f"{HERE}/jobs/mutate/{model}/{job}.json", f"{HERE}/logs/mutate/{model}/{job}.log"
        files = Files(**read, probe=f"{HERE}/models/{model}.json")
        run_rule(mutate, config, log, files, Files(outputs=written, record=record), {"model": model, "job": job})
        outputs += written
    merged = Files(f"{HERE}/maps.parquet", f"{HERE}/maps_summary.parquet")
    run_rule(maps, config, f"{HERE}/logs/maps.log", Files(outputs=outputs, **read), merged, files=[])
    return [pd.read_parquet(path) for path in merged]


def constructs(element, strand, begin):
    """The element in each background, and the element with each change, in the order of the table."""
    sequences = pd.read_parquet(f"{HERE}/backgrounds.parquet")["sequence"]

    def placed(letters):
        oriented = letters if strand == "+" else reverse_complement(letters)
        return [substituted(sequence, oriented, begin) for sequence in sequences]

    every = [(i, base) for i, own in enumerate(element) if own != "N" for base in "ACGT" if base != own]
    return (
        list(sequences),
        placed(element),
        {(i, base): placed(element[:i] + base + element[i + 1 :]) for i, base in every},
    )


@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_each_change_equals_brute_force(lab, scale):
    config = config_of(
        readouts={"words": {"output": 0, "effect": scale, **({"pseudocount": 3} if scale == "ratio" else {})}}
    )
    start(config)
    write_clusters(ACTS)
    table, summary = run_all(config)
    ids = pd.read_parquet(f"{HERE}/motifs.parquet").drop_duplicates("element_id").set_index("element_id")["name"]
    elements_of = pd.read_parquet(f"{HERE}/elements.parquet").set_index("element_id")["sequence"]

    def effect(y, y0):
        return y - y0 if scale == "difference" else (y + 3) / (y0 + 3)

    keys = ["model", "readout", "target", "element_id", "strand", "start"]
    order = table.astype({"base": str}).sort_values([*keys, "position", "base"], kind="stable").index
    assert order.tolist() == list(range(len(table)))
    assert sorted(summary["name"]) == ["carries", "known", "lowers", "reads", "turned"]
    for (_, _, target, element_id, strand, begin), rows in table.groupby(keys, observed=True):
        before, whole, each = constructs(elements_of[element_id], strand, begin)
        t = int(target)
        y0, y = (np.array([words(x)[t] for x in of]) for of in (before, whole))
        assert len(rows) == len(each) == 3 * sum(x != "N" for x in elements_of[element_id])
        for row in rows.itertuples():
            assert row.name == ids[element_id]
            assert row.reference == elements_of[element_id][row.position]
            mine = np.array([words(x)[t] for x in each[row.position, row.base]])
            found = effect(mine, y0) - effect(y, y0)
            np.testing.assert_allclose([row.effect_mean, row.effect_std], [found.mean(), found.std(ddof=1)], atol=1e-5)
            assert row.n_backgrounds == 5
    assert "N" in elements_of[ids[ids == "known"].index[0]]


def test_maps_are_saturation_mutagenesis_of_the_constructs_averaged(lab):
    start(config_of())
    write_clusters(ACTS)
    table, _ = run_all(config_of())
    elements_of = pd.read_parquet(f"{HERE}/elements.parquet").set_index("element_id")["sequence"]
    for motif, target, strand, acts in ACTS[:4]:
        rows = table[table["name"] == motif]
        element, begin = elements_of[rows["element_id"].iloc[0]], rows["start"].iloc[0]
        X = one_hot_encode(constructs(element, strand, begin)[1]).double()
        y0, y = saturation_mutagenesis(Words(), X, start=begin, end=begin + len(element), raw_outputs=True)
        change = (y - y0[:, None, None])[..., int(target)].mean(dim=0).numpy()  # (letters, positions)
        change = change if strand == "+" else change[::-1, ::-1]
        found = change[["ACGT".index(base) for base in rows["base"]], rows["position"]]
        np.testing.assert_allclose(rows["effect_mean"], found, atol=1e-5)
        assert acts


def test_parts_hold_elements_on_the_targets_that_they_are_mapped_on_alone(lab):
    start(config_of())
    write_clusters(ACTS)
    table, _ = run_all(config_of())
    (part,) = Path(f"{HERE}/map_outputs").rglob("*.parquet")
    rows = pd.read_parquet(part)
    keys = ["target", "element_id", "strand", "start"]
    assert set(map(tuple, rows[keys].to_numpy())) == set(map(tuple, table[keys].to_numpy()))
    assert len(rows) == len(table) + 5  # and each as it is
    assert read_facts(part)["rows"] == len(rows)


def test_a_motif_that_carries_another_is_told_from_that(lab):
    """The model reads GATTACAT; the matrix of `carries` holds it where it says little."""
    start(config_of())
    write_clusters(ACTS)
    _, summary = run_all(config_of())
    of = summary.set_index("name")
    assert of["reads"].to_dict() == {**dict.fromkeys(of.index, "itself"), "carries": "another"}
    assert of["closest"].to_dict() == {**{name: name for name in of.index}, "carries": "reads", "turned": "lowers"}
    assert of.loc["turned", "closest_strand"] == "-"
    assert of.loc["reads", "similarity"] > 0.95
    assert of.loc["lowers", "similarity"] > 0.95
    assert of.loc["carries", "similarity"] < 0.5 < 0.95 < of.loc["carries", "closest_similarity"]
    assert of.loc["carries", ["closest_offset", "closest_strand"]].tolist() == [3, "+"]
    place = ["carried_start", "carried_end", "carried"]
    assert of.loc["carries", place].tolist() == [3, 11, "GATTACAT"]
    assert of.loc["lowers", place].tolist() == [0, 8, "CCTGAGTC"]


@pytest.mark.parametrize(
    ("acts", "effects", "reads"),
    [
        ([("carries", "0", "+", True)], {}, "unclear"),  # nothing says that the model reads the other
        ([("carries", "0", "+", True), ("reads", "0", "+", True)], {"carries": 1.0, "reads": 0.4}, "unclear"),
        ([("carries", "0", "+", True), ("reads", "1", "+", True)], {}, "unclear"),  # on another target
        ([("written", "0", "+", True), ("reads", "0", "+", True)], {}, "another"),  # a sequence has no matrix
        ([("written", "0", "+", True)], {}, "unclear"),
    ],
)
def test_what_is_read_is_named_where_it_is_known_to_be(lab, acts, effects, reads):
    start(config_of())
    write_clusters(acts, effects=effects)
    _, summary = run_all(config_of())
    row = summary[summary["target"] == "0"].set_index("name").loc[acts[0][0]]
    assert row["reads"] == reads
    assert row["closest"] == "reads"
    assert np.isnan(row["similarity"]) == (acts[0][0] == "written")


def test_motifs_without_matrices_are_mapped_and_like_none(lab):
    config = config_of(elements={"motifs": [{"file": "more.tsv"}], "controls": {"shuffles": 2}, "maps": {}})
    start(config)
    write_clusters([("written", "0", "+", True)])
    table, summary = run_all(config)
    assert len(table) == 30
    (row,) = summary.itertuples()
    assert (row.reads, row.carried) == ("unclear", "GATTACAT")
    assert read_in(row) == (
        "reads what can not be told without a matrix of its own; GATTACAT (bases 2 to 9) carries it"
    )


def test_models_of_a_group_are_averaged_before_the_effect(lab):
    models = {"toy": {"factory": "toy_models:Words"}, "second": {"factory": "toy_models:Positions"}}
    readouts = {"first": {"output": 0, "channels": [0], "effect": "ratio", "pseudocount": 1}}
    config = config_of(models=models, readouts=readouts, groups={"both": ["second", "toy"]})
    start(config)
    write_clusters([("reads", "0", "+", True)], models=["both"], readouts=["first"])
    table, summary = run_all(config)
    assert summary["model"].tolist() == ["both"]
    sequence = pd.read_parquet(f"{HERE}/elements.parquet").set_index("element_id")["sequence"]
    before, whole, each = constructs(sequence[table["element_id"][0]], "+", table["start"][0])

    def mean(sequences):
        positions = [sum(i for i, x in enumerate(s, 1) if x == "A") for s in sequences]
        return (np.array([words(s)[0] for s in sequences]) + positions) / 2 + 1

    for row in table.itertuples():
        found = (mean(each[row.position, row.base]) - mean(whole)) / mean(before)
        np.testing.assert_allclose(row.effect_mean, found.mean(), rtol=1e-5, atol=1e-7)


def test_where_nothing_is_significant_there_are_empty_tables(lab):
    start(config_of())
    write_clusters([(*of[:3], False) for of in ACTS])
    table, summary = run_all(config_of())
    assert len(table) == len(summary) == 0
    (record,) = Path(f"{HERE}/jobs/mutate/toy").glob("*.json")
    assert json.loads(record.read_text())["marginals"] == 0


def test_a_job_that_is_stopped_goes_on_with_the_same_bytes(lab, monkeypatch):
    config = config_of(compute={"batch_size": 5})
    start(config)
    write_clusters(ACTS)
    every, seen, last = effect_jobs.changed_part, [], None

    def breaking(placed):
        seen.append(placed)
        if len(seen) == last:
            raise RuntimeError("the machine died")
        return every(placed)

    monkeypatch.setattr(effect_jobs, "changed_part", breaking)
    run_all(config)
    (part,) = Path(f"{HERE}/map_outputs").rglob("*.parquet")
    whole = part.read_bytes()
    part.unlink()
    monkeypatch.setattr(pieces, "SECONDS", 0)
    last = len(seen) + len(seen) * 3 // 4
    with pytest.raises(AssertionError, match="the machine died"):
        run_all(config)
    assert list(Path(f"{HERE}/unfinished_maps").rglob("*.safetensors"))
    monkeypatch.setattr(effect_jobs, "changed_part", every)
    run_all(config)
    assert part.read_bytes() == whole
    assert not Path(f"{HERE}/unfinished_maps").exists()


def test_which_motifs_are_mapped():
    """Those that lead on some target come before the strong seconds of another; the undecided never."""
    rng = np.random.default_rng(0)
    rows = [
        {"model": "m", "readout": readout, "target": str(t), "cluster": c, "element_id": f"{c:x}", "strand": "+"}
        | {"start": 3, "direction": "raises", "effect_mean": size, "significant": size > 0}
        for readout, scale in (("large", 100), ("small", 1))
        for t in range(9)
        for c, size in enumerate(scale * rng.permutation(12))
    ]
    rows[5]["significant"] = None
    acting = acting_motifs(pd.DataFrame(rows), {"large": 0.0, "small": 0.0})
    assert len(acting) == len(rows) - 18 - (rows[5]["effect_mean"] > 0)
    for most in (1, 3, 50):
        found = chosen_motifs(acting, most)
        for _, of_readout in found.groupby("readout"):
            assert of_readout["cluster"].nunique() == min(most, 12)
        counts = found.groupby(["readout", "cluster"])["size"].agg(["size", "min"])
        assert (counts["size"] <= MOST_TARGETS).all()
        for (readout, cluster), (_, least) in counts.iterrows():
            of_cluster = acting[(acting["readout"] == readout) & (acting["cluster"] == cluster)]["size"]
            assert least == of_cluster.nlargest(MOST_TARGETS).min()
    leads = acting.sort_values("size").drop_duplicates(["readout", "target"], keep="last")
    found = chosen_motifs(acting, leads.groupby("readout")["cluster"].nunique().max())
    assert set(map(tuple, leads[["readout", "cluster"]].to_numpy())) <= set(
        map(tuple, found[["readout", "cluster"]].to_numpy())
    )


def test_changes_of_an_element():
    every = list(changes("ANG"))
    assert [changed("ANG", change) for change in every] == ["ANG", "CNG", "GNG", "TNG", "ANA", "ANC", "ANT"]


def test_maps_need_motifs_that_can_be_significant(lab):
    table = [{"file": "motifs.meme"}]
    for spec, missing in (({"motifs": table}, "controls"), ({"annotations": [{"file": "a", "genome": "b"}]}, "motifs")):
        config = resolved(elements={**spec, "maps": {}})
        with pytest.raises(InputError, match=rf"elements.maps: .* there is no elements\.{missing}"):
            check_maps(Config.of(config))
    check_maps(Config.of(config_of()))


def test_a_job_is_named_after_what_decides_its_maps(lab):
    def name(**sections):
        config = config_of(**sections)
        return map_jobs(make_plan(config), Config.of(config))["toy"]

    tables = config_of()["elements"]
    assert name() == name()
    assert name() != name(elements={**tables, "maps": {"most": 3}})
    assert name() != name(elements={**tables, "controls": {"shuffles": 2, "level": 0.2}})
    assert name() != name(backgrounds={"length": LENGTH, "random": {"n": 6}})
    assert map_jobs(make_plan(config_of()), Config.of(resolved())) == {}
