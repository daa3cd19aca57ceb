"""Several screens side by side: a model in which one motif was switched off and another turned, and its own first run.

Numbers are compared with what pandas and scipy make of the two screens' own Parquet files.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from marginalization.commands.cli import main
from marginalization.errors import InputError
from marginalization.view.results import summary_keys
from marginalization.view.several import contents as shown_contents
from marginalization.view.several.comparing import compare_screens
from marginalization.view.several.matching import match_views
from marginalization.view.several.screens import read_screens
from screens import cluster, finish, run_screen, screen_of, shown_on
from torch import nn

FIRST = {"ACGTCATG": 3.0, "CACGTGAC": 2.5, "GGCATTAC": 2.0, "TTAACCGT": -2.0}
"""Words that the first model knows: motif_0 to motif_3."""
SECOND = {"ACGTCATG": 3.0, "GGCATTAC": -2.0, "TTAACCGT": -2.0}
"""Without motif_1, and with motif_2 turned."""
OTHERS = ["AAGGTCAA", "CTAGCAAT", "TGCTGACC", "GATTACCA", "CCTGAACA", "TCCATGAA"]
MOTIFS = [*FIRST, *OTHERS]
CONTROLS = {"shuffles": 20, "strata": {"width": 1, "gc": 1}, "level": 0.05}
READOUTS = {"counts": {"output": 0, "targets": ["liver", "heart"]}}


class Words(nn.Module):
    """Two targets: letters' own small weights, and for each known word, wherever it stands, its weight.

    A word does more in a background of many A; in the second target all that is doubled, and another letter counts.
    """

    def __init__(self, words):
        super().__init__()
        self.words = [(["ACGT".index(x) for x in word], weight) for word, weight in words.items()]
        self.weights = nn.Parameter(torch.randn(24, generator=torch.Generator().manual_seed(4)) / 30)

    def forward(self, X):
        y = torch.einsum("nlp,p->n", X[:, :2], self.weights)
        for letters, weight in self.words:
            there = sum(X[:, x, i : X.shape[2] - len(letters) + i + 1] for i, x in enumerate(letters))
            found = torch.relu(there - len(letters) + 1).sum(1)
            y = y + weight * found * (1 + X[:, 0].sum(1) / 50)
        return torch.stack([y, 2 * y + X[:, 2] @ self.weights], dim=1)


def backgrounds(seed, n=12, length=24):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), length)) for _ in range(n)]


def finished(folder, words, motifs=MOTIFS, letters=None, controls=CONTROLS, models=None, **sections):
    """The results of a screen, made as the workflow makes them."""
    models = {"toy": words} if models is None else models
    made = {name: {"factory": "test_several_screens:Words", "kwargs": {"words": of}} for name, of in models.items()}
    sections = {"models": made, "readouts": READOUTS, "screen": folder.name, **sections}
    config = screen_of(folder, motifs, letters or backgrounds(1), controls, **sections)
    return Path(cluster(config, finish(config, run_screen(config, folder), folder)))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Runs of the two models, and further ones."""
    folder = tmp_path_factory.mktemp("several")
    both = {"placement": {"strands": "both", "start": [3, 8]}}
    return {
        "first": finished(folder / "first", FIRST, **both),
        "second": finished(folder / "second", SECOND, **both),
        "elsewhere": finished(folder / "elsewhere", SECOND, letters=backgrounds(2, n=15), seed=9),
        "fewer": finished(folder / "fewer", FIRST, motifs=[*MOTIFS[1:7], "GGGTTTCA"], **both),
        "plain": finished(folder / "plain", SECOND, controls=None, **both),
        "folds": finished(
            folder / "folds", None, motifs=MOTIFS[:5], controls=None, models={"a": SECOND, "b": FIRST},
            groups={"all": ["a", "b"]}, readouts={"counts": {**READOUTS["counts"], "effect": "log2_fold_change",
            "pseudocount": 30}}, **both,
        ),
    }  # fmt: skip


def found_in(*folders, **chosen):
    compared = read_screens([str(folder) for folder in folders])
    keys = [summary_keys(screen.results) for screen in compared.screens]
    for key, values in chosen.items():
        keys = [of[of[key].isin(values)] for of in keys]
    return compared, list(compare_screens(compared, match_views(compared.screens, keys)))


def by_sequence(compared, rows):
    """Rows by the letters of their elements."""
    return rows.set_axis(compared.elements["sequence"].loc[rows.index])


def summary_of(folder, target):
    """The rows of motifs on a target, by sequence, strand and start."""
    rows = pd.read_parquet(folder / "summary.parquet").query("kind == 'motif' and target == @target")
    return rows.astype({"strand": str}).set_index(["sequence", "strand", "start"]).sort_index()


def effects_of(folder, target):
    """The effects in each background, by sequence, strand and start."""
    elements = pd.read_parquet(folder / "elements.parquet").set_index("element_id")["sequence"]
    rows = pd.concat(map(pd.read_parquet, folder.glob("effects/model=toy/readout=counts/*.parquet")))
    rows = rows[rows["target"] == target].astype({"element_id": str, "strand": str})
    rows["effect"] = rows["after"].astype(float) - rows["before"].astype(float)
    rows["sequence"] = rows["element_id"].map(elements)
    return rows.sort_values("background_id").groupby(["sequence", "strand", "start"])["effect"].apply(np.array)


def test_a_motif_switched_off_and_one_turned_are_told(made):
    compared, found = found_in(made["first"], made["second"])
    assert [of.match.label for of in found] == ["toy · counts · heart", "toy · counts · liver"]
    for of in found:
        assert of.answer == (
            "motif_0, motif_3: in both. motif_2: raises in first, lowers in second. motif_1: in first alone."
        )
        (numbers,) = of.numbers
        assert numbers.startswith(
            "2 of 10 elements have another verdict in second than in first (1 lost, 1 flipped); the effects of 2 of "
            "these, and of 0 others, differ more than their shuffles do (q < 0.05). Effects correlate by "
        )
        (differences,) = of.differences
        assert differences.paired
        assert differences.among_controls
        differs = by_sequence(compared, differences.table)["differs"]
        assert [sequence for sequence in MOTIFS if differs[sequence]] == MOTIFS[1:3]
        states = [by_sequence(compared, own)["state"] for own in of.table.own]
        assert [[own[sequence] for own in states] for sequence in MOTIFS[:4]] == [
            ["raises", "raises"],
            ["raises", "not significant"],
            ["raises", "lowers"],
            ["lowers", "lowers"],
        ]


def test_effects_are_those_of_the_summaries_at_one_place(made):
    compared, found = found_in(made["first"], made["second"])
    for of in found:
        target = of.match.views[0][2]
        tables = [summary_of(made[name], target) for name in ("first", "second")]
        for number, place in of.table.places.iterrows():
            sequence = compared.elements.at[number, "sequence"]
            rows = [table.loc[sequence].assign(n=len(table)) for table in tables]
            here = (place["strand"], place["place"] + 12)
            assert min(row["rank"].min() for row in rows) == min(row.at[here, "rank"] for row in rows)
            for own, row in zip(of.table.own, rows, strict=True):
                shown, expected = own.loc[number], row.loc[here]
                assert (shown["strand"], shown["start"]) == here
                for name in ("effect_mean", "effect_ci_low", "effect_ci_high", "element_q"):
                    assert shown[name] == expected[name]


def test_differences_in_the_same_backgrounds_are_paired(made):
    compared, found = found_in(made["first"], made["second"])
    for of in found:
        each = [effects_of(made[name], of.match.views[0][2]) for name in ("first", "second")]
        for number, row in of.differences[0].table.iterrows():
            place = of.table.places.loc[number]
            key = (compared.elements.at[number, "sequence"], place["strand"], place["place"] + 12)
            values = each[1][key] - each[0][key]
            interval = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95) if np.ptp(values) else values[:2]
            assert row["difference"] == pytest.approx(values.mean(), rel=1e-9, abs=1e-12)
            np.testing.assert_allclose(row[["low", "high"]].astype(float), interval, rtol=1e-6, atol=1e-9)


def test_q_is_that_of_a_comparison_within_one_screen(made, tmp_path):
    """The same two models in one screen, whose table differential.parquet has by the code of the workflow."""
    from marginalization.config.sections import Config
    from marginalization.merging.differential import merge_differential
    from marginalization.merging.parts import find_parts
    from marginalization.statistics.families import families

    words = {"one": FIRST, "two": SECOND}
    models = {name: {"factory": "test_several_screens:Words", "kwargs": {"words": of}} for name, of in words.items()}
    config = screen_of(
        tmp_path, MOTIFS, backgrounds(1), CONTROLS, models=models, readouts=READOUTS, screen="both",
        placement={"strands": "both", "start": [3, 8]}, compare=[{"first": "two", "second": "one"}],
    )  # fmt: skip
    run = run_screen(config, tmp_path)
    typed = Config.of(config)
    parts = find_parts(run.effects, run.placed, run.targets, {})
    among = families(run.elements, config["elements"]["controls"])
    path = tmp_path / "results" / "differential.parquet"
    merge_differential(typed.compare, parts, run.placed, among, typed.readouts, path, {})
    expected = pd.read_parquet(path).query("kind == 'motif'").drop_duplicates(["target", "sequence"])
    compared, found = found_in(made["first"], made["second"])
    for of in found:
        own = expected[expected["target"] == of.match.views[0][2]].set_index("sequence")
        table = by_sequence(compared, of.differences[0].table).loc[own.index]
        np.testing.assert_allclose(table["q"].astype(float), own["element_q"], rtol=1e-12)
        assert table["differs"].tolist() == own["significant"].tolist()


def test_without_controls_the_q_is_of_the_test_over_backgrounds(made):
    folders = made["plain"], made["first"]
    compared, (of,) = found_in(*folders, target=["liver"])
    (differences,) = of.differences
    assert differences.paired
    assert not differences.among_controls
    each = [effects_of(folder, "liver") for folder in folders]
    p = {}
    for number, place in of.table.places.iterrows():
        key = (compared.elements.at[number, "sequence"], place["strand"], place["place"] + 12)
        values = each[1][key] - each[0][key]
        method = "exact" if len(np.unique(np.abs(values))) == len(values) else "asymptotic"
        p[number] = scipy.stats.wilcoxon(values, method=method).pvalue if values.any() else 1.0
    expected = scipy.stats.false_discovery_control(list(p.values()))
    np.testing.assert_allclose(differences.table["q"].loc[list(p)].astype(float), expected, rtol=1e-9)
    assert of.answer == "No verdicts to compare: plain has no controls."
    assert of.numbers[0].startswith(f"The effects of {(expected < 0.05).sum()} differ over backgrounds (q < 0.05). ")


def test_screens_of_other_backgrounds_and_seeds(made, tmp_path):
    one = finished(tmp_path / "one", FIRST, seed=3)
    compared, (_, of) = found_in(one, made["elsewhere"])
    (differences,) = of.differences
    assert not differences.paired
    assert not differences.among_controls  # other seeds draw other controls
    rows = [summary_of(folder, "liver").reset_index().set_index("sequence") for folder in (one, made["elsewhere"])]
    table = by_sequence(compared, differences.table)
    ps = []
    for sequence in MOTIFS:
        a, b = (own.loc[sequence] for own in rows)
        test = scipy.stats.ttest_ind_from_stats(
            b["effect_mean"], b["effect_std"], b["n_backgrounds"],
            a["effect_mean"], a["effect_std"], a["n_backgrounds"], equal_var=False,
        )  # fmt: skip
        ps.append(test.pvalue)
        variances = [a["effect_sem"] ** 2, b["effect_sem"] ** 2]
        df = sum(variances) ** 2 / (variances[0] ** 2 / 11 + variances[1] ** 2 / 14)
        half = scipy.stats.t.ppf(0.975, df) * np.sqrt(sum(variances))
        difference = b["effect_mean"] - a["effect_mean"]
        expected = [difference, difference - half, difference + half]
        np.testing.assert_allclose(table.loc[sequence, ["difference", "low", "high"]].astype(float), expected)
    np.testing.assert_allclose(table.loc[MOTIFS, "q"].astype(float), scipy.stats.false_discovery_control(ps))
    told = {row["what"]: row["each"] for row in page_of(one, made["elsewhere"])[0]["settings"]}
    assert told["backgrounds screened"] == ["12", "15"]
    assert told["their sequences"] == ["as they are", "others"]
    assert told["seed"] == ["3", "9"]
    assert told["models.toy.kwargs.words.CACGTGAC"] == ["2.5", "-"]
    assert "backgrounds.length" not in told


def page_of(*folders, path=None):
    """What the page shows, by the command, and what that prints."""
    path = path or folders[0].parent / "page.html"
    assert main(["report", *map(str, folders), "--output", str(path)]) == 0
    html = path.read_text()
    return shown_on(html), html


def test_a_screen_against_itself_has_changed_nothing(made, capsys):
    capsys.readouterr()
    contents, _ = page_of(made["first"], made["first"])
    assert [screen["name"] for screen in contents["screens"]] == ["first", "first (2)"]
    assert contents["settings"] == []
    for match in contents["matches"]:
        assert match["answer"] == "Nothing changed. motif_0, motif_1, motif_3, motif_2: in both."  # by their ranks
        assert set(match["rows"]["change1"]) == {"same"}
        assert set(match["rows"]["difference1"]) == {0}
        assert set(match["rows"]["differs1"]) == {False}
        assert (match["tests"][0]["pearson"], match["tests"][0]["spearman"]) == (1, 1)
        assert match["changed"] == 0
    out, err = capsys.readouterr()
    assert err == ""
    for match in contents["matches"]:
        assert f"{match['label']}: {match['answer']}\n  {match['numbers'][0]}\n" in out


def test_the_page_of_three_has_what_is_found(made):
    folders = made["first"], made["second"], made["fewer"]
    compared, found = found_in(*folders)
    contents, html = page_of(*folders)
    for match, of in zip(contents["matches"], found, strict=True):
        assert match["answer"] == of.answer
        assert len(match["numbers"]) == 2
        rows = match["rows"]
        for i, element in enumerate(rows["element"]):
            sequence = contents["elements"][element]["sequence"]
            for s, own in enumerate(of.table.own):
                expected = by_sequence(compared, own).loc[sequence]
                assert (rows[f"effect{s}"][i] is None) == np.isnan(expected["effect_mean"])
                if rows[f"effect{s}"][i] is not None:
                    assert rows[f"effect{s}"][i] == pytest.approx(expected["effect_mean"], rel=1e-3)
                    assert rows[f"q{s}"][i] == pytest.approx(expected["element_q"], rel=1e-3)
        by_change = [dict(zip(rows["element"], rows[f"change{k}"], strict=True)) for k in (1, 2)]
        names = {contents["elements"][i]["sequence"]: i for i in rows["element"]}
        assert [by_change[0][names[motif]] for motif in MOTIFS[:4]] == ["same", "lost", "flipped", "same"]
        assert by_change[1][names[MOTIFS[0]]] == by_change[0][names["GGGTTTCA"]] == "not comparable"
        assert rows["screened"][rows["element"].index(names["GGGTTTCA"])] == [0, 0, 1]
        assert "motif_1: in first and fewer, not in second" in match["answer"]
        assert "motif_0: in first and second, not screened in fewer" in match["answer"]
        pairs = [by_sequence(compared, own)["effect_mean"] for own in of.table.own[:2]]
        both = pairs[0].notna() & pairs[1].notna()
        test = match["tests"][0]
        assert test["pearson"] == pytest.approx(scipy.stats.pearsonr(pairs[0][both], pairs[1][both])[0], abs=1e-4)
        assert test["spearman"] == pytest.approx(scipy.stats.spearmanr(pairs[0][both], pairs[1][both])[0], abs=1e-4)
        assert test["n"] == both.sum()
    assert "4 sequences are in first alone and 1 sequence is in fewer alone" in html


def test_settings_that_differ_far_on_and_files_of_some_are_told(made, tmp_path):
    """A list of the config whose first 300 letters are alike, and a file that the third screen has not."""
    folders = []
    for name, last, inputs in (("a", "x", {"m.h5": "1" * 64}), ("b", "y", {"m.h5": "2" * 64}), ("c", "x", {})):
        folders.append(Path(shutil.copytree(made["first"], tmp_path / name)))
        told = json.loads((folders[-1] / "provenance.json").read_text())
        told["config"]["models"]["toy"]["kwargs"]["names"] = [*["the same"] * 40, last]
        (folders[-1] / "provenance.json").write_text(json.dumps({**told, "inputs": inputs}))
    settings = {row["what"]: row["each"] for row in page_of(*folders)[0]["settings"]}
    assert settings.keys() == {"models.toy.kwargs.names", "contents of m.h5"}
    assert all(value.endswith(" ...") for value in settings["models.toy.kwargs.names"])
    assert settings["contents of m.h5"] == ["1" * 12, "2" * 12, "-"]


def test_other_units_compare_ranks_and_verdicts_alone(made):
    contents, html = page_of(made["first"], made["folds"])
    for match in contents["matches"]:
        assert match["views"][1].startswith("all · counts")  # the group of models that the first does not have
        assert match["alike"] == [True, False]
        assert "difference1" not in match["rows"]
        assert "in their ranks; their units are others" in match["numbers"][0]
    assert ["change of counts, after - before", "log2 fold change of counts"] in [
        row["each"] for row in contents["settings"]
    ]
    assert "no controls" in html


def test_a_table_that_is_large_shows_what_changed_first(made, monkeypatch):
    monkeypatch.setattr(shown_contents, "MOST_ROWS", 0)
    monkeypatch.setattr(shown_contents, "FEWEST", 3)
    contents, _ = page_of(made["first"], made["second"])
    for match in contents["matches"]:
        assert match["n"] == 10
        names = [contents["elements"][i]["name"] for i in match["rows"]["element"]]
        assert set(names[:2]) == {"motif_1", "motif_2"}
        assert len(names) == 3


def error_of(capsys, *arguments):
    capsys.readouterr()
    assert main(["report", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    return err.removeprefix("marginalization: ").rstrip("\n")


def test_errors(made, tmp_path, capsys):
    first, second = made["first"], made["second"]
    assert error_of(capsys, first) == f"{first} is one screen; give two or more, or open {first}/report.html"
    assert error_of(capsys, first, tmp_path / "x").startswith(f"there is no folder {tmp_path / 'x'}; ")
    assert "is not the results of a finished screen" in error_of(capsys, first, tmp_path)
    assert error_of(capsys, first, second, "--output", "a.pdf") == (
        "a.pdf ends in neither .html nor .htm; the page is HTML"
    )
    assert error_of(capsys, first, second, "--target", "livr") == "there is no target 'livr'; did you mean 'liver'?"
    assert error_of(capsys, first, second, "--target", "liver", "heart", "liver") == (
        "--target has 3 names for 2 screens; give one for all, or one for each"
    )
    other = finished(tmp_path / "other", FIRST, motifs=["GGGGGGG", "CCCAAA"], controls=None)
    assert error_of(capsys, first, other).endswith(
        "have no element in common, by their letters; compare screens of the same motifs or annotations"
    )
    renamed = {"counts": {"output": 0, "targets": ["lung", "brain"]}}
    named = finished(tmp_path / "named", FIRST, motifs=MOTIFS[:2], controls=None, readouts=renamed)
    assert error_of(capsys, first, named) == (
        "the screens have no target in common: first has heart, liver; named has brain, lung; choose one of each with "
        "--target heart brain"
    )
    placed = finished(tmp_path / "placed", FIRST, motifs=MOTIFS[:2], controls=None, placement={"start": [0, 1]})
    assert error_of(capsys, first, placed) == (
        "first and placed have no element on the same strand at the same start, counted from the middle of the "
        "backgrounds; compare screens that are placed alike"
    )
    copy = tmp_path / "copy"
    shutil.copytree(second, copy)
    shutil.rmtree(copy / "effects")
    read = read_screens([str(first), str(made["folds"])])
    keys = [summary_keys(screen.results) for screen in read.screens]
    with pytest.raises(InputError, match=r"have no model in common: first has toy; folds has a, b; choose one"):
        match_views(read.screens, [keys[0], keys[1][keys[1]["model"] != "all"]])
    _, found = found_in(first, copy)
    assert not found[0].differences[0].paired  # without effects/ their means are compared


ODD = {
    "a single background": {"letters": backgrounds(3, n=1)},
    "one motif": {"motifs": MOTIFS[:1]},
    "one motif without controls": {"motifs": MOTIFS[:1], "controls": None},
    "controls that can not be drawn": {"motifs": ["AAAA", MOTIFS[0]]},
    "no effect at all": {
        "words": {},
        "motifs": ["NNGGNN", "GGG"],
        "readouts": {"liver": {"output": 0, "targets": ["x", "y"]}},
    },
    "statistics alone": {"keep_effects": "summary"},
}


@pytest.mark.parametrize("name", ODD)
def test_odd_screens(tmp_path, name):
    sections = {"words": FIRST, **ODD[name]}
    folders = [finished(tmp_path / side / "same", **sections, seed=seed) for side, seed in (("old", 0), ("new", 5))]
    contents, _ = page_of(*folders, path=tmp_path / "page.html")
    assert [screen["name"] for screen in contents["screens"]] == ["old", "new"]
    assert "seed" in [row["what"] for row in contents["settings"]]
    for match in contents["matches"]:
        assert match["changed"] == 0
        assert {0, None} >= set(match["rows"]["difference1"])


def test_each_screen_picks_its_own_target(made, capsys):
    path = made["first"].parent / "picked.html"
    arguments = ["--target", "liver", "heart", "--output", str(path)]
    assert main(["report", str(made["first"]), str(made["second"]), *arguments]) == 0
    assert capsys.readouterr().out.startswith("toy · counts · liver / heart: motif_0, motif_3: in both. ")
