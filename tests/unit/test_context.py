"""Which loci respond: effects against what is known of each locus."""

from types import SimpleNamespace

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from hypothesis import given
from marginalization.config.checks import readouts_of
from marginalization.config.resolving import resolve
from marginalization.config.sections import Config
from marginalization.design.backgrounds import COLUMNS, select_backgrounds, transform_backgrounds
from marginalization.errors import InputError
from marginalization.merging.context import KEYS, dependence, merge_context, table_of_loci
from marginalization.merging.parts import find_parts
from marginalization.store.files import write_table
from marginalization.store.other_schemas import CONTEXT
from marginalization.store.paths import Results
from marginalization.store.reading import read_table
from marginalization.view.report.reading.tables.loci import dependences
from screens import MINIMAL, SCHEMA, finish, resolved, run_screen, typed
from torch import nn

LENGTH, MOTIF = 40, "TTTTTTTT"


class Gated(nn.Module):
    """T in the middle, as often as there are G and C in the first ten positions; and T in the middle alone."""

    def forward(self, X):
        gate = X[:, 1:3, :10].sum(dim=(1, 2))
        middle = X[:, 3, LENGTH // 2 - 4 : LENGTH // 2 + 4].sum(dim=1)
        return torch.stack([gate * middle, middle], dim=1)


def screen_of_loci(folder, n=24, columns=None, **backgrounds):
    """A screen in loci whose first ten bases have 0 to 10 G, as a column of the BED says; another is noise."""
    rng = np.random.default_rng(0)
    letters, rows = [], []
    for i in range(n):
        n_gc = int(rng.integers(11))
        first = rng.permutation(["G"] * n_gc + ["A"] * (10 - n_gc))
        letters += ["".join(first), "".join(rng.choice(list("ACG"), LENGTH - 10))]
        noise = "." if i == 3 else f"{rng.normal():.3f}"
        rows.append(f"chr1\t{i * LENGTH}\t{(i + 1) * LENGTH}\tlocus\t{n_gc}\t+\t{noise}")
    folder.mkdir(exist_ok=True)
    (folder / "genome.fa").write_text(f">chr1\n{''.join(letters)}\n")
    (folder / "loci.bed").write_text("\n".join(rows) + "\n")
    (folder / "motif.fa").write_text(f">ts\n{MOTIF}\n>other\nACACACAC\n")
    columns = {"gate": 5, "noise": 7} if columns is None else columns
    loci = {"file": str(folder / "loci.bed"), "genome": str(folder / "genome.fa"), "columns": columns}
    return resolved(
        models={"toy": {"factory": "test_context:Gated"}},
        elements={"motifs": [{"file": str(folder / "motif.fa"), "sequences": "consensus"}]},
        backgrounds={"length": LENGTH, "loci": loci, **backgrounds},
    )


def context_of(config, folder):
    """What the workflow's job makes of a screen that was run here, and the run."""
    run, screen = run_screen(config, folder), Config.of(config)
    results = finish(config, run, folder)
    selected, _ = select_backgrounds(screen)
    known = selected.loc[selected.index.repeat(screen.backgrounds.copies)].drop(columns=COLUMNS)
    known = known.assign(gc=run.backgrounds["gc"].to_numpy())
    screened = find_parts(run.effects, run.placed, run.targets, config["groups"])
    copies = screen.backgrounds.copies
    table = merge_context(results / "summary.parquet", screened, run.placed, known, copies, readouts_of(screen))
    write_table(table, results / "context.parquet", CONTEXT, {})
    return read_table(results / "context.parquet", CONTEXT), run, known


@pytest.mark.parametrize("copies", [1, 3])
def test_every_row_is_what_the_effects_of_each_locus_give(tmp_path, copies):
    shuffled = {} if copies == 1 else {"transform": "shuffle", "copies": copies}
    config = screen_of_loci(tmp_path, **shuffled)
    table, run, known = context_of(config, tmp_path)
    effects = pd.concat([pd.read_parquet(path) for path in run.effects])
    effects["locus"] = effects["background_id"] // copies
    assert set(table["covariate"]) == {"gc", "before", "gate", "noise"}
    assert len(table) == 2 * 2 * 4
    for row in table.itertuples():
        own = effects[(effects["element_id"] == row.element_id) & (effects["target"] == row.target)]
        of_locus = own.groupby("locus")[["effect", "before"]].mean()
        values = known.groupby(np.arange(len(known)) // copies).mean().join(of_locus)
        values = values.dropna(subset=[row.covariate])
        assert row.n_loci == len(values) == (23 if row.covariate == "noise" else 24)
        if values[row.covariate].nunique() == 1:
            assert np.isnan([row.spearman, row.effect_lowest, row.effect_highest]).all()
            continue
        if values["effect"].nunique() == 1:
            assert np.isnan(row.spearman)
            continue
        expected = scipy.stats.spearmanr(values["effect"], values[row.covariate])
        np.testing.assert_allclose([row.spearman, row.p_value], expected, rtol=1e-6, atol=1e-12)
        ordered = values.sort_values(row.covariate, kind="stable")["effect"]
        np.testing.assert_allclose(row.effect_lowest, ordered[: len(values) // 4].mean(), rtol=1e-5)
        np.testing.assert_allclose(row.effect_highest, ordered[-(len(values) // 4) :].mean(), rtol=1e-5)
    q = table.groupby(KEYS, observed=True)["p_value"].transform(lambda p: adjusted(p.to_numpy()))
    np.testing.assert_allclose(table["q_value"], q)


def adjusted(p):
    q = p.copy()
    q[~np.isnan(p)] = scipy.stats.false_discovery_control(p[~np.isnan(p)])
    return q


def test_a_column_that_gates_the_effect_is_found_and_noise_is_not(tmp_path):
    table, _, _ = context_of(screen_of_loci(tmp_path, n=60), tmp_path)
    ts = table[(table["name"] == "ts") & (table["target"].astype(str) == "0")].set_index("covariate")
    assert ts.loc["gate", "spearman"] > 0.95
    assert ts.loc["gate", "q_value"] < 1e-6
    assert ts.loc["gate", "effect_highest"] > 4 * ts.loc["gate", "effect_lowest"]
    assert abs(ts.loc["noise", "spearman"]) < 0.4
    even = table[(table["name"] == "ts") & (table["target"].astype(str) == "1")]
    assert even["spearman"].isna().all()  # the same in every locus


def test_where_nothing_is_significant_there_are_no_rows_and_the_report_says_nothing(tmp_path):
    config = screen_of_loci(tmp_path)
    (tmp_path / "motif.fa").write_text(">other\nACACACAC\n>more\nACCAACGC\n")
    config["elements"]["controls"] = {"shuffles": 20, "kind": "mononucleotide", "per": "element", "level": 0.05}
    config["elements"]["controls"] |= {"effect_floor": None, "strata": {"width": 1, "gc": 1}}
    table, _, _ = context_of(config, tmp_path)
    assert table.empty
    screen = SimpleNamespace(config=Config.of(config), results=Results(tmp_path / "results"))
    assert dependences(screen) == []


@given(st.data())
def test_dependence_is_that_of_scipy(data):
    n = data.draw(st.integers(0, 30))
    numbers = st.integers(-5, 5)
    effects = np.array(data.draw(st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=1, max_size=4)), float)
    covariate = np.array(data.draw(st.lists(st.one_of(numbers, st.none()), min_size=n, max_size=n)), float)
    found = dependence(effects.reshape(len(effects), n), covariate)
    known = ~np.isnan(covariate)
    assert found["n_loci"] == known.sum()
    for i, row in enumerate(effects.reshape(len(effects), n)[:, known]):
        if found["n_loci"] < 4 or len(set(row)) == 1 or len(set(covariate[known])) == 1:
            assert np.isnan(found["spearman"][i])
            continue
        expected = scipy.stats.spearmanr(row, covariate[known])
        np.testing.assert_allclose(found["spearman"][i], expected.statistic, atol=1e-12)
        np.testing.assert_allclose(found["p_value"][i], expected.pvalue, rtol=1e-6, atol=1e-12)
        assert found["spearman_ci_low"][i] <= found["spearman"][i] + 1e-12
        assert found["spearman"][i] <= found["spearman_ci_high"][i] + 1e-12


def test_a_column_that_is_no_number_or_not_there_stops_before_any_job(tmp_path):
    config = screen_of_loci(tmp_path, columns={"what": 4})
    with pytest.raises(InputError, match=r"loci.bed, line 1: 'locus' in column 4 \('what'\) is no number"):
        run_screen(config, tmp_path)
    config = screen_of_loci(tmp_path, columns={"far": 9})
    with pytest.raises(InputError, match="there is no column 9 for 'far'; there are 7"):
        run_screen(config, tmp_path)


@pytest.mark.parametrize("name", ["summit", "line", "where", "value", "covariate", "background_id"])
def test_columns_may_have_any_other_name(tmp_path, name):
    """Those of columns of this project's own tables, too; `table_of_loci` is what the workflow's job writes."""
    config = screen_of_loci(tmp_path, columns={name: 5})
    selected, _ = select_backgrounds(Config.of(config))
    assert selected[name].tolist() == [
        float(line.split("\t")[4]) for line in (tmp_path / "loci.bed").read_text().splitlines()
    ]
    backgrounds = transform_backgrounds(selected, "none", 1, 0)
    table = table_of_loci(backgrounds, selected.drop(columns=COLUMNS))
    assert table["covariate"].tolist() == [name] * len(selected)
    assert table["value"].tolist() == selected[name].tolist()


def test_a_column_called_like_what_is_known_anyway_is_refused():
    loci = {"file": "loci.bed", "genome": "genome.fa", "columns": {"gc": 5}}
    config = {**MINIMAL, "models": {"a": {"factory": "torch.nn:ReLU"}}, "backgrounds": {"length": 12, "loci": loci}}
    with pytest.raises(InputError, match="gc is known of each locus"):
        resolve(config, str(SCHEMA))


def test_when_there_is_a_context():
    def has_context(keep="all", **backgrounds):
        return typed(Config, resolved(backgrounds={"length": 12, **backgrounds}, keep_effects=keep)).has_context

    loci = {"file": "loci.bed", "genome": "genome.fa"}
    assert has_context(loci=loci)
    assert has_context(loci={**loci, "columns": {"signal": 7}}, transform="shuffle")
    assert not has_context(loci=loci, transform="shuffle")
    assert not has_context(loci=loci, keep="summary")
    assert not has_context(fasta="backgrounds.fa")
