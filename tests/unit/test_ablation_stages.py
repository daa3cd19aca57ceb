"""Ablations from the config to their tables, by the jobs of the rules, beside brute force letter by letter."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import tangermeme.ablate
from hypothesis import given
from hypothesis import strategies as st
from marginalization.config.ablations import ablation_files, check_ablations
from marginalization.config.sections import Config
from marginalization.config.sections.substitutions import Ablations
from marginalization.design.instances import read_instances, replacements
from marginalization.design.plan import make_plan
from marginalization.errors import InputError
from marginalization.jobs import ablations as ablation_jobs
from marginalization.jobs import pieces
from marginalization.sequences.onehot import one_hot_encode
from marginalization.stages.ablations import ablate, ablations, instances
from marginalization.stages.screen import probe
from mock_snakemake import Files, run_rule
from screens import MINIMAL, Tracks, expected_activities, resolved, substituted, typed

LENGTH = 40
HERE = "results/tiny"
TARGETS = ["0", "1", "2"]


def write_genome(folder, unknown=slice(700, 710)):
    """Chromosomes of 1,500 random letters, the second with an N for some."""
    rng = np.random.default_rng(3)
    text = {name: "".join(rng.choice(list("ACGT"), 1500)) for name in ("chr1", "chr2")}
    n = unknown.stop - unknown.start
    text["chr2"] = text["chr2"][: unknown.start] + "N" * n + text["chr2"][unknown.stop :]
    (folder / "genome.fa").write_text("".join(f">{name}\n{letters}\n" for name, letters in text.items()))
    return text


def write_sites(folder, rows):
    lines = ["\t".join(map(str, row)) for row in rows]
    (folder / "sites.bed").write_text("\n".join(lines) + "\n")


SITES = [("chr1", 100 + 37 * i, 107 + 37 * i + i % 3, "ab"[i % 2], 0, "+-"[i % 2]) for i in range(24)]
SITES += [("chr2", 200 + 29 * i, 206 + 29 * i, "c", 0, "+") for i in range(9)]


def config_of(folder, ablations=None, **sections):
    """A resolved config that ablates the sites, in loci of 40 bases."""
    table = {"file": "sites.bed", "genome": "genome.fa"}
    (folder / "motif.fa").write_text(">motif\nACGT\n")
    elements = {"motifs": [{"file": "motif.fa"}], "ablations": {"annotations": [table], **(ablations or {})}}
    readouts = {"activity": {"output": 2}}
    backgrounds = {"length": LENGTH, "random": {"n": 2}}
    return resolved(**{"elements": elements, "backgrounds": backgrounds, "readouts": readouts, **sections})


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_sites(tmp_path, SITES)
    return write_genome(tmp_path)


def run_all(config):
    """All jobs of the ablations; the two tables, and that of the instances."""
    plan = make_plan(config)
    table = f"{HERE}/instances.parquet"
    run_rule(instances, config, f"{HERE}/logs/instances.log", Files(*ablation_files(Config.of(config))), Files(table))
    outputs, probes = [], []
    for model, jobs in plan.ablation_jobs.items():
        probes.append(f"{HERE}/models/{model}.json")
        params = {"n_backgrounds": plan.n_backgrounds}
        run_rule(
            probe, config, f"{HERE}/logs/probe/{model}.log", Files(), Files(probes[-1]), {"model": model}, **params
        )
        for job in jobs:
            readouts = sorted(config["readouts"])
            written = [f"{HERE}/ablation_outputs/model={model}/readout={name}/{job}.parquet" for name in readouts]
            record = f"{HERE}/jobs/ablate/{model}/{job}.json"
            read, written_too = Files(instances=table, probe=probes[-1]), Files(outputs=written, record=record)
            log = f"{HERE}/logs/ablate/{model}/{job}.log"
            run_rule(ablate, config, log, read, written_too, {"model": model, "job": job})
            outputs += written
    merged = Files(f"{HERE}/ablations.parquet", f"{HERE}/ablations_summary.parquet")
    read = Files(outputs=outputs, probes=probes, instances=table)
    run_rule(ablations, config, f"{HERE}/logs/ablations.log", read, merged, files=[])
    return [pd.read_parquet(path) for path in (*merged, table)]


def test_a_sequence_in_place_of_instances_equals_brute_force(lab, tmp_path):
    config = config_of(tmp_path, {"by": "GATTACAGATT", "elsewhere": 4, "within": 18})
    each, over, table = run_all(config)
    expected = {}
    for row in table.itertuples():
        locus = lab[row.chrom][row.locus_start :][:LENGTH]
        before = expected_activities(locus)
        starts = [row.start - row.locus_start, *row.elsewhere]
        effects = np.array([expected_activities(substituted(locus, "GATTACAGATT", s)) - before for s in starts])
        expected[row.instance_id] = before, effects
        # In the middle, as tangermeme has it.
        assert starts[0] == LENGTH // 2 - 11 // 2
    assert len(each) == 3 * len(table)
    assert each.equals(each.sort_values(["model", "readout", "target", "instance_id"], ignore_index=True))
    for row in each.itertuples():
        before, effects = (values[..., int(row.target)] for values in expected[row.instance_id])
        found = [row.before, row.effect_mean, row.elsewhere_mean, row.elsewhere_std, row.after_mean]
        mine, others = effects[0], effects[1:]
        np.testing.assert_allclose(found, [before, mine, others.mean(), others.std(ddof=1), before + mine], rtol=1e-6)
        assert row.elsewhere_p == (abs(effects) >= abs(mine)).mean()
        assert np.isnan(row.effect_std)
    for row in over.itertuples():
        of_name = [expected[id] for id in table["instance_id"][table["name"] == row.name]]
        effects = np.array([effects[:, int(row.target)] for _, effects in of_name])
        differences = effects[:, 0] - effects[:, 1:].mean(axis=1)
        assert row.n_instances == len(of_name)
        np.testing.assert_allclose(row.difference, differences.mean(), rtol=1e-5, atol=1e-6)
        assert row.beyond_floor == (not row.elsewhere_low <= effects[:, 0].mean() <= row.elsewhere_high)
        np.testing.assert_allclose(
            [row.elsewhere_low, row.elsewhere_high], np.quantile(effects[:, 1:], [0.025, 0.975]), rtol=1e-5, atol=1e-5
        )
        interval = scipy.stats.t.interval(0.95, len(differences) - 1, differences.mean(), scipy.stats.sem(differences))
        np.testing.assert_allclose([row.difference_ci_low, row.difference_ci_high], interval, rtol=1e-4, atol=1e-4)
    assert over["name"].tolist() == ["a", "b", "c"] * 3


def test_shuffles_equal_tangermeme(lab, tmp_path):
    """The same replacements, put in place by tangermeme in the locus, through the same model."""
    config = config_of(tmp_path, {"shuffles": 4, "elsewhere": 5, "within": None}, readouts={"activity": {"output": 2}})
    each, _, table = run_all(config)
    spec = Config.of(config).elements.ablations
    rows = each.set_index(["target", "instance_id"])
    for row in table.head(8).itertuples():
        locus = lab[row.chrom][row.locus_start :][:LENGTH]
        starts = [row.start - row.locus_start, *row.elsewhere.tolist()]
        drawn = replacements(row.instance_id, starts, row.width, locus, spec, config["seed"])
        effects = []
        for i, start in enumerate(starts):
            own = drawn[4 * i : 4 * i + 4]
            assert {"".join(sorted(letters)) for letters in own} == {"".join(sorted(locus[start : start + row.width]))}

            def shuffle_fn(X, start, end, n, random_state, own=own):
                shuffled = X.unsqueeze(1).repeat(1, n, 1, 1)
                shuffled[0, :, :, start:end] = one_hot_encode(own)
                return shuffled

            X = one_hot_encode([locus]).float()
            options = {"n": 4, "shuffle_fn": shuffle_fn, "func": lambda m, X, args: m(X.float())[2]}
            y_before, y_after = tangermeme.ablate.ablate(Tracks(), X, start, start + row.width, **options)
            effects.append((y_after - y_before.unsqueeze(1)).mean(dim=1)[0].numpy())
        for target in range(3):
            found = rows.loc[(str(target), row.instance_id)]
            np.testing.assert_allclose(found["effect_mean"], effects[0][target], atol=1e-4)
            np.testing.assert_allclose(found["elsewhere_mean"], np.mean(effects[1:], axis=0)[target], atol=1e-4)


def test_how_the_work_is_cut_changes_no_number(lab, tmp_path):
    tables = []
    for marginals in (10**6, 150):
        config = config_of(
            tmp_path, {"shuffles": 3, "elsewhere": 4, "by": "locus_shuffle"}, shards={"marginals": marginals}
        )
        assert len(make_plan(config).ablation_jobs["toy"]) == (1 if marginals > 150 else 4)
        tables.append([table for table in run_all(config)])
    for whole, cut in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(whole, cut)


def test_models_of_a_group_are_averaged_before_the_effect(lab, tmp_path):
    """On a scale that is not linear, the effect of mean predictions is not the mean of effects."""
    models = {"toy": {"factory": "screens:Tracks"}, "other": {"factory": "toy_models:Composition"}}
    readouts = {"first": {"output": 0, "channels": [0], "effect": "ratio", "pseudocount": 1000}}
    models["toy"] = {"factory": "toy_models:Positions"}
    config = config_of(
        tmp_path,
        {"by": "AAAAAAAAAAA", "elsewhere": 3},
        models=models,
        readouts=readouts,
        groups={"both": ["toy", "other"]},
    )
    each, _, table = run_all(config)
    rows = each.set_index(["model", "instance_id"])
    for row in table.itertuples():
        one, other, both = (rows.loc[(model, row.instance_id)] for model in ("toy", "other", "both"))
        before, after = ((one[name] + other[name]) / 2 for name in ("before", "after_mean"))
        assert both["before"] == pytest.approx(before)
        assert both["effect_mean"] == pytest.approx((after + 1000) / (before + 1000))


@given(st.data())
def test_stretches_elsewhere(tmp_path_factory, data):
    """They overlap no instance of any name where there is room, never their own, hold no N, and are near enough."""
    folder = tmp_path_factory.mktemp("lab")
    starts = data.draw(st.lists(st.integers(600, 800), min_size=1, max_size=6, unique=True))
    write_sites(folder, [("chr2", start, start + data.draw(st.integers(1, 6)), f"n{start}") for start in starts])
    text = write_genome(folder)["chr2"]
    within = data.draw(st.none() | st.integers(19, 25))
    spec = {
        "elsewhere": 2,
        "within": within,
        "annotations": [{"file": f"{folder}/sites.bed", "genome": f"{folder}/genome.fa"}],
    }
    config = config_of(folder, spec, elements={"motifs": [{"file": f"{folder}/motif.fa"}], "ablations": spec})
    try:
        read = read_instances(Config.of(config))
    except InputError:
        return  # there is no room, or nothing without N
    spans = [
        (int(line.split("\t")[1]), int(line.split("\t")[2])) for line in (folder / "sites.bed").read_text().splitlines()
    ]
    for row in read.table.itertuples():
        assert row.start - row.locus_start == LENGTH // 2 - row.width // 2
        locus = text[row.locus_start :][:LENGTH]
        reach = LENGTH if within is None else within

        def free(start, others, row=row, locus=locus, reach=reach):
            begin, end = row.locus_start + start, row.locus_start + start + row.width
            centre = row.start + row.width // 2
            apart = all(end <= first or last <= begin for first, last in others)
            near = reach == LENGTH or (centre - reach <= begin and end <= centre + reach)
            return apart and near and "N" not in locus[start : start + row.width]

        candidates = range(LENGTH - row.width + 1)
        alone = {start for start in candidates if free(start, spans)}
        beside = {start for start in candidates if free(start, [(row.start, row.end)])}
        chosen = set(row.elsewhere)
        assert len(chosen) == 2
        assert chosen <= beside
        assert len(chosen & alone) == min(2, len(alone))
    assert {int(row.start) for row in read.table.itertuples()} <= set(starts)


def test_what_is_left_out_and_what_is_refused(lab, tmp_path):
    rows = [
        *SITES[:2],
        SITES[0],
        *(
            (*row, 0, "+")
            for row in [("chr1", 5, 12, "early"), ("chr1", 1490, 1498, "late"), ("chr2", 698, 704, "unknown")]
        ),
    ]
    write_sites(tmp_path, rows)
    read = read_instances(Config.of(config_of(tmp_path, {"elsewhere": 5})))
    assert sorted(read.table["name"]) == ["a", "b"]
    assert read.warnings[:-1] == [
        "elements.ablations: 1 instance left out: twice in the tables",
        "elements.ablations: 2 instances left out: too near a chromosome's end",
        "elements.ablations: 1 instance left out: with an N in it",
    ]
    for spec, message in (
        ({"elsewhere": 40}, r"sites.bed:\d: [ab] has \d+ stretches of \d bases beside it, of the 40"),
        ({"by": "ACGT"}, r"sites.bed:1: a has 7 bases, more than the 4 of the sequence"),
    ):
        with pytest.raises(InputError, match=message):
            read_instances(Config.of(config_of(tmp_path, spec)))
    write_sites(tmp_path, [("chr1", 100, 100 + LENGTH + 1, "wide")])
    with pytest.raises(InputError, match=r"wide has 41 bases, more than the 40 of its locus; clip"):
        read_instances(Config.of(config_of(tmp_path, {"elsewhere": 5})))
    write_sites(tmp_path, [("chr1", 1, 8, "early")])
    with pytest.raises(InputError, match=r"nothing to ablate.*1 instance left out: too near"):
        read_instances(Config.of(config_of(tmp_path, {"elsewhere": 5})))


def test_where_nothing_can_be_significant_a_line_tells(lab, tmp_path):
    write_sites(tmp_path, [("chr1", 100 + 50 * i, 107 + 50 * i) for i in range(3)])
    (warning,) = read_instances(Config.of(config_of(tmp_path, {"elsewhere": 9}))).warnings
    assert "no name has more than 1 instance, and of so many no p-value is under 0.2" in warning
    assert (
        read_instances(
            Config.of(
                config_of(
                    tmp_path,
                    {},
                    elements={
                        "motifs": [{"file": "motif.fa"}],
                        "ablations": {"annotations": [{"file": "sites.bed", "genome": "genome.fa"}], "elsewhere": 9},
                        "controls": {"level": 0.3},
                    },
                )
            )
        ).warnings
        == []
    )


def test_tables_and_inputs_that_do_not_go_with_ablations(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    motifs = [{"file": "motif.fa"}]
    config = resolved(elements={"motifs": motifs, "ablations": {}})
    with pytest.raises(InputError, match="no annotations to ablate"):
        check_ablations(Config.of(config))
    patterns = [{"file": "hits.tsv", "patterns": "modisco.h5"}]
    config = resolved(elements={"annotations": patterns, "ablations": {}})
    with pytest.raises(InputError, match=r"hits.tsv goes with patterns.*lies in a genome"):
        check_ablations(Config.of(config))
    models = {"toy": {"factory": "screens:Tracks", "inputs": [{"constant": 0, "shape": [3]}, {"file": "x.npy"}]}}
    genome = [{"file": "sites.bed", "genome": "genome.fa"}]
    config = resolved(elements={"annotations": genome, "ablations": {}}, models=models)
    with pytest.raises(InputError, match=r"models.toy.inputs\[1\] has a row for each background"):
        check_ablations(Config.of(config))
    config = resolved(elements={"annotations": genome, "ablations": {}})
    check_ablations(Config.of(config))
    with pytest.raises(InputError, match=r"no file genome\.fa"):
        ablation_files(Config.of(config))
    assert ablation_files(Config.of(MINIMAL | resolved())) == []


def test_an_output_that_has_no_meaning_is_named(lab, tmp_path):
    readouts = {"activity": {"output": 2, "effect": "log2_fold_change"}}
    spec = {"elsewhere": 3}
    with pytest.raises(AssertionError, match=r"readout activity is -?\d+\.\d+ for the locus of \w \(sites.bed:\d+\)"):
        run_all(config_of(tmp_path, spec, readouts=readouts))


def test_replacements():
    locus = "ACGTTGCAAC" * 6
    spec = typed(Ablations, {"by": "dinucleotide_shuffle", "shuffles": 3, "elsewhere": 2})
    drawn = replacements("0a", [5, 20], 12, locus, spec, 1)
    assert len(drawn) == 6
    assert drawn == replacements("0a", [5, 20], 12, locus, spec, 1)
    assert drawn != replacements("0b", [5, 20], 12, locus, spec, 1)
    assert drawn != replacements("0a", [5, 20], 12, locus, spec, 2)
    pairs = [sorted(map("".join, itertools.pairwise(letters))) for letters in drawn[:3]]
    assert len(set(map(str, pairs))) == 1
    spec = typed(Ablations, {"by": "locus_shuffle", "shuffles": 2, "elsewhere": 2})
    first, second, *_ = replacements("0a", [0, 0], 60, locus, spec, 1)
    assert sorted(first) == sorted(locus)
    assert first != second


def test_a_locus_is_shuffled_between_its_gaps():
    """So that no N comes to lie where a stretch is, which would keep the stretch's own letters there."""
    rng = np.random.default_rng(0)
    parts = ["".join(rng.choice(list("ACGT"), n)) for n in (20, 15, 9)]
    locus = "NNNN".join([*parts, "NN"])
    spec = typed(Ablations, {"by": "locus_shuffle", "shuffles": 20, "elsewhere": 2})
    drawn = replacements("0a", [0, 24, 29], 6, locus, spec, 1)
    assert len(drawn) == 60
    assert not any("N" in letters for letters in drawn)
    whole = replacements("0a", [0], len(locus), locus, spec, 1)
    assert {len(letters) for letters in whole} == {len(locus)}
    assert {sorted_parts(letters) for letters in whole} == {sorted_parts(locus)}
    assert len(set(whole)) == 20


def sorted_parts(locus):
    return tuple("".join(sorted(part)) for part in locus.split("N"))


def test_the_record_tells_how_it_went(lab, tmp_path):
    config = config_of(tmp_path, {"shuffles": 2, "elsewhere": 3})
    run_all(config)
    (record,) = Path(f"{HERE}/jobs/ablate/toy").glob("*.json")
    found = json.loads(record.read_text())
    assert found["marginals"] == len(read_instances(Config.of(config)).table) * 8
    assert not Path(f"{HERE}/unfinished_ablations").exists()


def test_a_job_that_is_stopped_goes_on_with_the_same_bytes(lab, tmp_path, monkeypatch):
    config = config_of(tmp_path, {"shuffles": 2, "elsewhere": 3})
    run_all(config)
    (part,) = Path(f"{HERE}/ablation_outputs").rglob("*.parquet")
    whole = part.read_bytes()
    part.unlink()
    monkeypatch.setattr(pieces, "SECONDS", 0)
    seen, every = [], ablation_jobs.loci

    def broken(table, length):
        for row, locus in every(table, length):
            seen.append(row.instance_id)
            if len(seen) == 12:
                raise RuntimeError("the machine died")
            yield row, locus

    monkeypatch.setattr(ablation_jobs, "loci", broken)
    with pytest.raises(AssertionError, match="the machine died"):
        run_all(config)
    kept = list(Path(f"{HERE}/unfinished_ablations").rglob("*.safetensors"))
    assert len(kept) == 10  # the first locus is looked at to open the session
    del seen[:]
    seen += [None] * 12
    run_all(config)
    assert part.read_bytes() == whole
    assert len(seen) == 12 + 1 + len(read_instances(Config.of(config)).table) - 10
    assert not list(Path(f"{HERE}/unfinished_ablations").rglob("*.safetensors"))
