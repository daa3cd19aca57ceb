"""Effects against measurements: by scipy, by a truth known by construction, and from the config to the table."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from marginalization.config.sections import Config
from marginalization.design.elements import read_elements
from marginalization.errors import InputError
from marginalization.inputs.model_tables import read_measured, read_numbers
from marginalization.merging.derived import measured as derived
from marginalization.merging.derived.measured import calibration, compare_with_measured
from screens import expected_activities, finish, resolved, run_screen, screen_of, substituted

MOTIFS = ["ACGT", "GATTACA", "TTT", "CCGG", "ATATAT", "GGGCC", "TACG", "CA"]
LETTERS = ["ACGTTGCAACGGTC", "GGCATCATTACCAT", "TTTTACGGCATTCA"]


@given(st.integers(0, 2**32 - 1), st.integers(3, 60))
def test_correlations_are_scipys(seed, n):
    rng = np.random.default_rng(seed)
    effect, measured = rng.normal(size=(2, n)).round(1)  # with ties
    found = calibration(effect, measured, rng)
    if effect.std() > 0 and measured.std() > 0:
        assert found["pearson"] == pytest.approx(scipy.stats.pearsonr(effect, measured).statistic, abs=1e-12)
        assert found["spearman"] == pytest.approx(scipy.stats.spearmanr(effect, measured).statistic, abs=1e-12)
        line = scipy.stats.linregress(effect, measured)
        assert [found["slope"], found["intercept"]] == pytest.approx([line.slope, line.intercept], abs=1e-9)
    assert sum(found["bin_n"]) == n
    assert np.all(np.diff(found["bin_effect"]) >= 0)
    mean = np.average(found["bin_measured"], weights=found["bin_n"])
    assert mean == pytest.approx(measured.mean())


def test_intervals_hold_the_truth():
    """95 % intervals of a normal pair's correlation, 0.6, hold it in about 95 % of draws."""
    inside = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        effect = rng.normal(size=80)
        found = calibration(effect, 0.6 * effect + 0.8 * rng.normal(size=80), rng)
        inside += found["pearson_ci_low"] <= 0.6 <= found["pearson_ci_high"]
    assert 0.88 <= inside / 200 <= 0.99


def test_few_and_equal_measurements_have_no_correlation():
    rng = np.random.default_rng(0)
    for effect, measured in (([1.0, 2.0], [1.0, 2.0]), ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])):
        found = calibration(np.array(effect), np.array(measured), rng)
        assert np.isnan([found[name] for name in ("pearson", "spearman", "pearson_ci_low", "spearman_ci_high")]).any()
        assert found["n_measured"] == len(effect)


def with_table(folder, header, rows, column="ln_ka"):
    (folder / "measured.tsv").write_text(
        "\n".join(["\t".join(header), *("\t".join(map(str, row)) for row in rows)]) + "\n"
    )
    config = screen_of(folder, MOTIFS, LETTERS, readouts={"activity": {"output": 2}})
    return {**config, "measured": [{"file": str(folder / "measured.tsv"), "column": column}]}


@pytest.mark.parametrize("by", ["name", "sequence"])
def test_what_a_model_tells_exactly_is_told(tmp_path, by):
    """Measured is twice the effect on the first activity, and one; of each motif but the last, of one of them twice."""
    start = [len(LETTERS[0]) // 2 - len(motif) // 2 for motif in MOTIFS]
    effects = [
        np.mean(
            [
                (expected_activities(substituted(letters, motif, first)) - expected_activities(letters))[0]
                for letters in LETTERS
            ]
        )
        for motif, first in zip(MOTIFS, start, strict=True)
    ]
    keys = [f"motif_{i}" for i in range(8)] if by == "name" else [motif.lower() for motif in MOTIFS]
    rows = [(key, 2 * effect + 1) for key, effect in zip(keys, effects, strict=True)][:7]
    rows = [(rows[0][0], rows[0][1] - 3), (rows[0][0], rows[0][1] + 3), *rows[1:], ("another", 9), (keys[7], "")]
    config = with_table(tmp_path, [by, "ln_ka"], rows)
    screen = Config.of(config)
    results = finish(config, run_screen(config, tmp_path), tmp_path)
    read = read_elements(screen)
    tables = read.elements, read.motifs, read.annotations
    table = compare_with_measured(screen.measured, results / "summary.parquet", *tables, screen.seed)
    assert table["target"].astype(str).tolist() == ["0", "1", "2"]
    first = table.iloc[0]
    assert first[["n_measured", "pearson", "spearman", "slope", "intercept"]].tolist() == pytest.approx(
        [7, 1, 1, 2, 1], abs=1e-4
    )
    assert first["bin_n"] == [1] * 7
    again = compare_with_measured(screen.measured, results / "summary.parquet", *tables, screen.seed)
    pd.testing.assert_frame_equal(table, again)


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (["name", "kd"], [("motif_1", 2)], "has no column ln_ka; it has name, kd"),
        (["motif", "ln_ka"], [("motif_1", 2)], "has no column name"),
        (["name", "ln_ka"], [("motif_1", "high")], r"line 2: ln_ka 'high' is no number"),
        (["name", "ln_ka"], [("motif_1", "")], "has no measurement in the column ln_ka"),
        (["name", "ln_ka"], [("Motif-1", 2)], r"measures 1 by name, such as Motif-1, and none .*called as motif_\d is"),
        (["sequence", "ln_ka"], [("ACGTA", 2)], "measures 1 by sequence, such as ACGTA, and none of them is a motif"),
    ],
)
def test_tables_that_can_not_be_used(tmp_path, header, rows, message):
    with pytest.raises(InputError, match=message):
        read_elements(Config.of(with_table(tmp_path, header, rows)))


def test_a_first_row_without_a_measurement(tmp_path):
    """Editors take tabs off the ends of lines; the header says which columns there are."""
    (tmp_path / "m.tsv").write_text("name\tln_ka\nmotif_0\nmotif_1\t2.5\n")
    assert read_measured(tmp_path / "m.tsv", "ln_ka") == ("name", {"motif_1": 2.5})


def test_a_first_row_that_lacks_an_input_is_told(tmp_path):
    """Not taken for one of fewer columns, by which a model would have fewer inputs."""
    (tmp_path / "x.tsv").write_text("name\ta\tb\none\t1\ntwo\t2\t3\n")
    with pytest.raises(InputError, match=r"line 2: b '' is no number"):
        read_numbers(tmp_path / "x.tsv", None, ["one", "two"])


def test_a_measurement_of_a_name_counts_once(tmp_path):
    """However many sites have that name: it is compared with their mean."""
    sites = "".join(
        f"chr\t{start}\t{start + 5}\t{name}\n" for start, name in ((0, "a"), (9, "a"), (21, "a"), (33, "b"))
    )
    (tmp_path / "sites.bed").write_text(sites + "chr\t40\t46\tc\n")
    (tmp_path / "genome.fa").write_text(">chr\nACGTTGCAACGGTCTTTACGGCATTCAGGCATCATTACCATCCTAGA\n")
    config = with_table(tmp_path, ["name", "ln_ka"], [("a", 1), ("b", 2), ("c", 4)])
    annotations = [{"file": str(tmp_path / "sites.bed"), "genome": str(tmp_path / "genome.fa")}]
    config = resolved(**{**config, "elements": {**config["elements"], "annotations": annotations}})
    screen = Config.of(config)
    results = finish(config, run_screen(config, tmp_path), tmp_path)
    read = read_elements(screen)
    table = compare_with_measured(
        screen.measured, results / "summary.parquet", read.elements, read.motifs, read.annotations, screen.seed
    )
    assert table["n_measured"].tolist() == [3, 3, 3]
    summary = pd.read_parquet(results / "summary.parquet").query("target == '0'").set_index("element_id")["effect_mean"]
    by_name = (
        read.annotations.assign(effect=read.annotations["element_id"].map(summary)).groupby("name")["effect"].mean()
    )
    expected = scipy.stats.pearsonr(by_name[["a", "b", "c"]], [1, 2, 4]).statistic
    assert table["pearson"][0] == pytest.approx(expected)


def test_draws_at_a_time_change_nothing_but_memory(monkeypatch):
    effect, measured = np.random.default_rng(0).normal(size=(2, 30))
    whole = calibration(effect, measured, np.random.default_rng(1))
    monkeypatch.setattr(derived, "NUMBERS", 100)
    assert calibration(effect, measured, np.random.default_rng(1)) == whole
