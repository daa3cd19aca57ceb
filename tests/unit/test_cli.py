"""The command line, on the results of small screens: what it prints is what stands in their tables."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from marginalization.commands import cli
from marginalization.commands.cli import main
from marginalization.errors import InputError
from marginalization.store.files import write_table
from marginalization.store.other_schemas import CLUSTERS
from marginalization.store.paths import Results
from marginalization.store.schemas import ANNOTATIONS, ELEMENTS, MOTIFS, SUMMARY
from marginalization.view import results
from screens import finish, run_screen, screen_of

PACKAGE = Path(cli.__file__).parents[2]
MODEL = """
import torch


class Fold(torch.nn.Module):
    def __init__(self, seed):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weights = torch.randn(4, 1, generator=generator) + torch.randn(4, 14, generator=generator) / 4
        self.taste = torch.nn.Parameter(torch.tensor([[2.0, 1.0, -1.0], [0.5, 2.0, 0.0]])[seed])

    def forward(self, X):
        h = X * self.weights
        acg = (X[:, 0, :-2] * X[:, 1, 1:-1] * X[:, 2, 2:]).sum(1, keepdim=True)
        return (h[:, :3].sum(2) / 4 + acg * self.taste).exp(), h.amax((1, 2)).unsqueeze(1)
"""
READOUTS = {
    "fold_change": {"output": 0, "targets": ["liver", "heart", "same"], "effect": "ratio"},
    "peak": {"output": 1, "targets": ["best"]},
}
MOTIFS_OF_SCREEN = ["ACGTCA", "TTTTTT", "CACGTG", "GGCATT", "AAGGTC", "ACGTCA"]
BACKGROUNDS = ["ACGTACGTACGTAC", "AAAACCCCGGGTTT", "TTTTTTTTTTTACG", "ACACACGTGTGTCA", "GGGGGGGATTTTCC"]
CONTROLS = {"shuffles": 4, "level": 0.4, "strata": {"width": 1, "gc": 1}}
EVERY = ["model", "readout", "target"]
PLACED = ["element_id", "strand", "start"]


def finished(folder, controls=None, placement=None, motifs=MOTIFS_OF_SCREEN, folds=("fold_0", "fold_1"), groups=None):
    """The results of a screen, made as the workflow makes them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(MODEL)
    models = {name: {"factory": f"{folder / 'model.py'}:Fold", "kwargs": {"seed": i}} for i, name in enumerate(folds)}
    sections = {"models": models, "readouts": READOUTS, "placement": placement or {}, "groups": groups or {}}
    config = screen_of(folder, motifs, BACKGROUNDS, controls, **sections)
    return finish(config, run_screen(config, folder), folder)


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    """Two models and their group, controls, both strands, two starts."""
    placement = {"strands": "both", "start": [1, 6]}
    groups = {"both": ["fold_0", "fold_1"]}
    return finished(tmp_path_factory.mktemp("folds"), CONTROLS, placement, groups=groups)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """One model, no controls, one strand, in the centre."""
    return finished(tmp_path_factory.mktemp("plain"), folds=["only"])


def printed(capsys, *arguments):
    assert main([str(argument) for argument in arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def error_of(capsys, *arguments):
    """The one line on stderr of a call that fails."""
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as stop:  # argparse's own
        status = stop.code
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert re.fullmatch(r"marginalization: .+\n", err)
    return err.removeprefix("marginalization: ").rstrip("\n")


def tables_of(out):
    """The tables in what was printed, by the line above each: data frames of text."""
    found = {}
    lines = out.splitlines()
    for i, line in enumerate(lines):
        if line and set(line) == {"─"}:
            rows = [row.ljust(len(line)) for row in [lines[i - 1], *lines[i + 1 : lines.index("", i)]]]
            # Columns are where three blanks do not go through all rows.
            blank = "".join(" " if set(letters) == {" "} else "x" for letters in zip(*rows, strict=True))
            spans = [match.span() for match in re.finditer("x+( {1,2}x+)*", blank)]
            header, *cells = ([row[slice(*span)].strip() for span in spans] for row in rows)
            found[lines[i - 2]] = pd.DataFrame(cells, columns=header)
    return found


def text(values):
    return ["" if np.isnan(value) else f"{value:.4g}" for value in values]


def rows_of(folder, **keys):
    """The rows of motifs on one target, with how far they are from no effect."""
    rows = pd.read_parquet(folder / "summary.parquet").query("kind != 'control'")
    for key, value in keys.items():
        rows = rows[rows[key] == value]
    neutral = rows["readout"].map({"fold_change": 1.0, "peak": 0.0}).astype(float)
    return rows.assign(distance=(rows["effect_mean"] - neutral).abs(), significant=rows["significant"] == True)  # noqa: E712


def one_each(rows, by):
    return rows.sort_values(by, ascending=False, kind="stable").drop_duplicates("element_id")


def test_summary_has_the_strongest_of_each_target(folds, capsys):
    keys = {"readout": "fold_change", "target": "heart"}
    out = printed(capsys, "summary", folds, "--readout", "fold_change", "--target", "heart", "--top", 3)
    found = tables_of(out)
    assert len(found) == 3
    counts = []
    for (line, table), model in zip(found.items(), ["both", "fold_0", "fold_1"], strict=True):
        rows = rows_of(folds, model=model, **keys)
        n = rows.loc[rows["significant"], "element_id"].nunique()
        counts.append(n)
        title = f"{model}, fold_change, heart" + (" (mean of 2 models)" if model == "both" else "")
        verdict = f"{n} of 5 elements are significant (element_q < 0.4), 1 without controls"
        assert line == f"{title}: {verdict}; effect: ratio, where 1 is no effect"
        best = one_each(rows, "distance").head(3)
        assert table["rank"].tolist() == [str(rank) for rank in best["rank"].astype(int)]
        assert table["name"].tolist() == best["name"].tolist()
        assert table["strand"].tolist() == best["strand"].tolist()
        assert table["start"].tolist() == best["start"].astype("str").tolist()
        assert table["effect"].tolist() == text(best["effect_mean"])
        interval = zip(text(best["effect_ci_low"]), text(best["effect_ci_high"]), strict=True)
        assert table["95 % interval"].tolist() == [f"{low} to {high}" for low, high in interval]
        assert table["z"].tolist() == text(best["control_z"])
        assert table["element_q"].tolist() == text(best["element_q"])
        if model == "both":
            assert table["models agree"].tolist() == [f"{n} of 2" for n in best["n_models_agree"].astype(int)]
        else:
            assert "models agree" not in table
    assert 0 < max(counts) < 5


def test_that_none_is_significant_is_not_said_where_none_could_be(tmp_path, capsys):
    results = finished(tmp_path, {"shuffles": 2}, folds=["only"])
    capsys.readouterr()
    line = next(iter(tables_of(printed(capsys, "summary", results, "--target", "best"))))
    assert line == (
        "only, peak, best: 5 elements; with 8 controls none of 4 elements can be significant, for the smallest q of a "
        "lone one is 0.44: set controls.shuffles to 20 or more, 1 without controls"
    )


def test_summary_of_significant_elements_alone(folds, capsys):
    for model in ("fold_0", "fold_1"):
        out = printed(capsys, "summary", folds, "--model", model, "--significant")
        for target in ("heart", "liver", "same", "best"):
            rows = rows_of(folds, model=model, target=target)
            best = one_each(rows[rows["significant"]], "distance")
            (line,) = (line for line in out.splitlines() if f", {target}: {len(best)} of 5 " in line)
            listed = tables_of(out).get(line)
            assert (len(best) == 0) if listed is None else (listed["effect"].tolist() == text(best["effect_mean"]))


def test_a_screen_of_many_targets_says_how_to_choose(folds, capsys):
    out = printed(capsys, "summary", folds)
    assert len(tables_of(out)) == 6
    assert out.splitlines()[-1] == "6 more; choose with --model and --readout and --target"
    assert "more; choose" not in printed(capsys, "summary", folds, "--model", "both")


def test_like_motifs_are_listed_once(folds, tmp_path, capsys):
    """With the sentence that the report has, and how many more there are."""
    copy = copy_of(folds, tmp_path / "copy")
    ids = pd.read_parquet(copy / "motifs.parquet").drop_duplicates("element_id").set_index("name")["element_id"]
    rows = rows_of(copy, model="both", target="best")
    best = one_each(rows, "distance").set_index("element_id")
    alike = [name for name in ids.index if ids[name] in best.index[:3]]
    others = [name for name in ids.index if name not in alike]
    groups = [alike, *([name] for name in others)]
    key = {"model": "both", "readout": "peak", "target": "best"}
    table = [
        {
            **{**key, "cluster": i, "motif": names[0], "element_id": ids[names[0]], "strand": "+", "start": 1},
            **{"direction": "raises", "effect_mean": 1.0, "effect_ci_low": 0.5, "effect_ci_high": 1.5},
            **{"element_q": 0.1, "n_motifs": len(names), "n_significant": int(i == 0), "significant": i == 0},
            **{"members": names, "member_ids": [ids[name] for name in names]},
        }
        for i, names in enumerate(groups)
    ]
    write_table(pd.DataFrame(table), copy / "clusters.parquet", CLUSTERS, {})
    out = printed(capsys, "summary", copy, "--model", "both", "--target", "best")
    ((sentence, found),) = tables_of(out).items()
    assert sentence == (f"Raise: {alike[0]}. 1 of 3 clusters of like motifs acts; this screen could find a single one.")
    assert found["effect"].tolist() == text(best["effect_mean"].iloc[[0, 3, 4]])
    assert found["more alike"].tolist() == ["2", "", ""]


def test_a_screen_without_controls(plain, capsys):
    out = printed(capsys, "summary", plain, "--kind", "motif", "--readout", "peak")
    ((line, table),) = tables_of(out).items()
    assert line == "only, peak, best: 5 motifs; the screen has no controls, so no verdict"
    assert list(table) == ["rank", "name", "strand", "effect", "95 % interval"]
    assert table["effect"].tolist() == text(one_each(rows_of(plain, target="best"), "distance")["effect_mean"])
    (shown,) = tables_of(printed(capsys, "show", plain, "motif_1")).values()
    assert not {"controls", "z", "element_q", "significant"} & set(shown)
    (agreement, _) = tables_of(printed(capsys, "compare", plain, "liver", "heart")).values()
    assert list(agreement) == ["model", "readout", "n", "Pearson", "Spearman"]


def test_show_has_all_about_an_element(folds, capsys):
    motifs = pd.read_parquet(folds / "motifs.parquet")
    element_id = motifs["element_id"].iloc[0]
    outs = {printed(capsys, "show", folds, asked) for asked in (element_id, "motif_0", "MOTIF_5", "if_0")}
    assert len(outs) == 1
    (out,) = outs
    facts = dict(re.split(" +", line, maxsplit=1) for line in out.splitlines()[:5])
    assert facts["element_id"] == element_id
    assert (facts["kind"], facts["sequence"], facts["motifs"]) == ("motif", "ACGTCA", "motif_0, motif_5")
    assert facts["source"] == motifs["source"].iloc[0]
    table, places = tables_of(out).values()
    scans = pd.read_parquet(folds / "scans.parquet").query("element_id == @element_id")
    assert places["start"].tolist() == scans["start"].astype("str").tolist()
    for name in ("left", "right"):
        assert places[f"half {name}"].tolist() == text(scans[f"half_{name}"])
    rows = rows_of(folds, element_id=element_id)
    assert len(rows) == 3 * 4 * 2 * 2
    for name in (*EVERY, "strand", "start", "n_backgrounds"):
        assert table[name].tolist() == rows[name].astype("str").tolist()
    for name in ("before", "after", "effect"):
        assert table[name].tolist() == text(rows[f"{name}_mean"])
    controls = zip(text(rows["control_mean"]), text(rows["control_std"]), strict=True)
    assert table["controls"].tolist() == [f"{mean} ± {std}" for mean, std in controls]
    assert table["z"].tolist() == text(rows["control_z"])
    assert table["element_q"].tolist() == text(rows["element_q"])
    assert table["significant"].tolist() == rows["significant"].map({True: "yes", False: "no"}).tolist()

    # The lines of pandas give the same rows, and those that their means are of.
    summary, effects = (eval(line, {"pd": pd}) for line in out.splitlines()[-2:])
    pd.testing.assert_frame_equal(summary[PLACED], rows[PLACED].reset_index(drop=True))
    means = effects.groupby([*EVERY, "strand", "start"], observed=True)["effect"].mean()
    of_models = rows[rows["model"] != "both"].set_index([*EVERY, "strand", "start"])["effect_mean"]
    np.testing.assert_allclose(means.loc[of_models.index], of_models, rtol=1e-5)


def test_show_of_a_control_and_of_what_has_none(folds, capsys):
    elements = pd.read_parquet(folds / "elements.parquet")
    control = elements[elements["kind"] == "control"].iloc[0]
    out = printed(capsys, "show", folds, control["element_id"])
    assert f"control of   {control['control_of']}\n" in out
    assert f"sequence     {control['sequence']}\n" in out
    assert "motifs" not in out
    bare, _ = tables_of(printed(capsys, "show", folds, "motif_1")).values()  # TTTTTT has no other order
    assert (bare[["controls", "z", "element_q", "significant"]] == "").all(axis=None)


def test_compare_models(folds, capsys):
    out = printed(capsys, "compare", folds, "both", "fold_1", "--readout", "fold_change", "--top", 2)
    agreement, *differences = tables_of(out).values()
    assert agreement["target"].tolist() == ["heart", "liver", "same"]
    for target, found, most in zip(agreement["target"], agreement.itertuples(index=False), differences, strict=True):
        check_comparison(folds, {"model": "both", "target": target}, {"model": "fold_1", "target": target}, found, most)


def test_compare_targets(folds, capsys):
    out = printed(capsys, "compare", folds, "liver", "same", "--model", "fold_0", "--top", 2)
    (agreement, differences) = tables_of(out).values()
    keys = {"model": "fold_0"}
    (found,) = agreement.itertuples(index=False)
    check_comparison(folds, {**keys, "target": "liver"}, {**keys, "target": "same"}, found, differences)
    assert "fold_0, fold_change: where liver and same differ most" in out.splitlines()
    everywhere = printed(capsys, "compare", folds, "liver", "same")
    assert next(iter(tables_of(everywhere).values()))["model"].tolist() == ["both", "fold_0", "fold_1"]


def check_comparison(folder, key_a, key_b, found, most):
    a, b = (rows_of(folder, readout="fold_change", **key).set_index(PLACED) for key in (key_a, key_b))
    b = b.loc[a.index]
    n, pearson, spearman, both, only_a, only_b = found[2:]
    assert (n, len(a)) == ("20", 20)  # 5 elements, 2 strands, 2 starts
    assert pearson == f"{np.corrcoef(a['effect_mean'], b['effect_mean'])[0, 1]:.4g}"
    assert spearman == f"{a['effect_mean'].corr(b['effect_mean'], method='spearman'):.4g}"
    in_a, in_b = a["significant"], b["significant"]
    assert [both, only_a, only_b] == [str(x.sum()) for x in (in_a & in_b, in_a & ~in_b, in_b & ~in_a)]
    joined = a[["name"]].assign(a=a["effect_mean"], b=b["effect_mean"], difference=a["effect_mean"] - b["effect_mean"])
    order = joined["difference"].abs().sort_values(ascending=False, kind="stable").index
    joined = joined.loc[order].reset_index().drop_duplicates("element_id").head(2)
    assert most["name"].tolist() == joined["name"].tolist()
    assert most["strand"].tolist() == joined["strand"].astype("str").tolist()
    assert most["start"].tolist() == joined["start"].astype("str").tolist()
    for i, column in enumerate(["a", "b", "difference"], start=3):
        assert most.iloc[:, i].tolist() == text(joined[column])


def test_errors_of_compare(folds, tmp_path, capsys):
    assert error_of(capsys, "compare", folds, "fold_0", "fold1") == (
        "there is no model or target 'fold1'; did you mean 'fold_1'?"
    )
    assert error_of(capsys, "compare", folds, "liver", "best") == (
        "'liver' and 'best' are targets of different readouts; compare targets of one readout"
    )
    assert error_of(capsys, "compare", folds, "fold_0", "liver") == (
        "'fold_0' and 'liver' are a model and a target; compare two models or two targets"
    )
    assert error_of(capsys, "compare", folds, "liver", "liver") == (
        "'liver' is compared with itself; give another model or target"
    )
    assert error_of(capsys, "compare", folds, "fold_0", "fold_1", "--model", "both").startswith(
        "there is no target 'fold_0'; there are heart, liver, same, best"
    )
    assert "not allowed with" in error_of(capsys, "compare", folds, "a", "b", "--model", "both", "--target", "best")
    ambiguous = finished(tmp_path, folds=["liver", "heart"])
    capsys.readouterr()  # progress bars
    assert error_of(capsys, "compare", ambiguous, "liver", "heart") == (
        "'liver' and 'heart' are models and also targets; "
        "add --model to compare the targets, or --target to compare the models"
    )
    assert "on the targets liver and heart" in printed(
        capsys, "compare", ambiguous, "liver", "heart", "--model", "heart"
    )
    assert "on the models liver and heart" in printed(
        capsys, "compare", ambiguous, "liver", "heart", "--target", "best"
    )


def test_errors_of_summary(folds, plain, capsys):
    assert error_of(capsys, "summary", folds, "--model", "fold_O") == (
        "there is no model or group 'fold_O'; did you mean 'fold_1'?"
    )
    assert error_of(capsys, "summary", folds, "--readout", "peak", "--target", "liver") == (
        "there is no target 'liver'; there are best"
    )
    assert error_of(capsys, "summary", folds, "--kind", "annotation") == (
        "the screen has no elements of kind annotation; leave out --kind"
    )
    assert error_of(capsys, "summary", plain, "--significant") == (
        "the screen has no controls, so nothing is significant; leave out --significant"
    )
    for top in ("0", "-1", "1.5", "many"):
        assert error_of(capsys, "summary", plain, f"--top={top}") == (
            f"argument --top: {top!r} is no whole number of 1 or more; see marginalization summary --help"
        )
    assert error_of(capsys).endswith("see marginalization --help")


def test_all_elements_of_a_name_are_listed(tmp_path):
    """Sites of a factor have its name and other sequences: each is to be chosen by its id."""
    ids = ["aaaa", "bbbb", "cccc"]
    nothing = pd.DataFrame(columns=[*ELEMENTS.names, *MOTIFS.names])
    sites = pd.DataFrame({"name": "CTCF", "element_id": [*ids, "aaaa"]}).reindex(columns=ANNOTATIONS.names)
    for name, table, schema in (
        ("elements", nothing, ELEMENTS),
        ("motifs", nothing, MOTIFS),
        ("annotations", sites, ANNOTATIONS),
    ):
        write_table(table.loc[:, ~table.columns.duplicated()][schema.names], tmp_path / f"{name}.parquet", schema, {})
    with pytest.raises(InputError, match=r"'CTCF' fits 3 elements: CTCF \(aaaa\), CTCF \(bbbb\), CTCF \(cccc\); give"):
        results.find_element(Results(tmp_path), "CTCF")


def test_errors_of_show(folds, capsys):
    ids = pd.read_parquet(folds / "motifs.parquet").drop_duplicates("element_id").set_index("name")["element_id"]
    error = error_of(capsys, "show", folds, "motif")
    assert error.startswith("'motif' fits 5 elements: motif_0 (")
    assert all(f"{name} ({element_id})" in error for name, element_id in ids.items())
    assert error.endswith("; give more of the name, or an element_id")
    assert error_of(capsys, "show", folds, "mottif_3").startswith("there is no element 'mottif_3'; near it are motif_3")
    assert error_of(capsys, "show", folds, "xyz") == (
        "there is no element 'xyz'; motifs.parquet and annotations.parquet have all"
    )


def copy_of(folder, to):
    to.mkdir()
    for path in folder.glob("*.*"):
        (to / path.name).write_bytes(path.read_bytes())
    return to


def test_what_is_no_finished_screen(folds, tmp_path, capsys):
    assert error_of(capsys, "summary", tmp_path / "x") == (
        f"there is no folder {tmp_path / 'x'}; give a screen's results, such as results/demo"
    )
    copy = copy_of(folds, tmp_path / "copy")
    assert error_of(capsys, "show", tmp_path, "motif_0") == (
        f"{tmp_path} is not the results of a finished screen: it has no summary.parquet, elements.parquet, "
        f"motifs.parquet, annotations.parquet, provenance.json; did you mean {copy}?"
    )
    whole = (copy / "summary.parquet").read_bytes()
    (copy / "summary.parquet").write_bytes(whole[: len(whole) // 2])
    assert error_of(capsys, "summary", copy).startswith(f"{copy / 'summary.parquet'} can not be read: ")
    (copy / "summary.parquet").write_bytes(whole.replace(whole[1000:1100], bytes(100)))
    assert error_of(capsys, "summary", copy).startswith(f"{copy / 'summary.parquet'} can not be read: ")
    older = SUMMARY.remove(SUMMARY.get_field_index("element_q"))
    write_table(pd.read_parquet(folds / "summary.parquet")[older.names], copy / "summary.parquet", older, {})
    assert error_of(capsys, "compare", copy, "a", "b") == (
        f"{copy} is of another version: its summary has no element_q; run its screen again"
    )
    (copy / "summary.parquet").write_bytes(whole)
    (copy / "provenance.json").write_text("{")
    assert error_of(capsys, "summary", copy).startswith(f"{copy / 'provenance.json'} is damaged: JSONDecodeError")
    (copy / "provenance.json").unlink()
    assert error_of(capsys, "summary", copy) == (
        f"{copy} is not the results of a finished screen: it has no provenance.json; let snakemake finish the screen"
    )


def test_names_are_no_markup_and_long_ones_are_cut_but_in_show(plain, tmp_path, capsys):
    copy = copy_of(plain, tmp_path / "copy")
    name = "[red]a:smile:[/red] " + "x" * 60
    for table, schema in (("summary", SUMMARY), ("motifs", MOTIFS)):
        frame = pd.read_parquet(copy / f"{table}.parquet").assign(name=name)
        write_table(frame, copy / f"{table}.parquet", schema, {})
    found = tables_of(printed(capsys, "summary", copy, "--readout", "peak"))
    assert next(iter(found.values()))["name"].unique().tolist() == [f"{name[:37]}..."]
    element_id = frame["element_id"].iloc[0]
    assert f"motifs       {name}\n" in printed(capsys, "show", copy, element_id)


def test_an_annotation_is_found_by_its_own_name(plain, tmp_path, capsys):
    copy = copy_of(plain, tmp_path / "copy")
    element_id = pd.read_parquet(copy / "motifs.parquet")["element_id"].iloc[2]
    row = {"annotation_id": 0, "name": "chr1:5-11(-)", "chrom": "chr1", "start": 5, "end": 11, "strand": "-"}
    write_table(pd.DataFrame([{**row, "element_id": element_id}]), copy / "annotations.parquet", ANNOTATIONS, {})
    out = printed(capsys, "show", copy, "chr1:5")
    assert f"element_id   {element_id}\n" in out
    assert "motifs       motif_2\nannotations  chr1:5-11(-)\n" in out


def test_only_what_is_asked_for_is_read(folds):
    rows = results.read_summary(Results(folds), ["effect_mean", "kind"], model="both", kind=results.KINDS, start=None)
    assert list(rows) == ["effect_mean", "kind"]
    assert rows["kind"].unique().tolist() == ["motif"]
    assert len(rows) == 4 * 5 * 2 * 2
    keys = results.summary_keys(Results(folds))
    assert list(keys.itertuples(index=False, name=None)) == [
        (model, readout, target)
        for model in ("both", "fold_0", "fold_1")
        for readout, target in [("fold_change", t) for t in ("heart", "liver", "same")] + [("peak", "best")]
    ]
    with pytest.raises(InputError, match="did you mean 'peak'"):
        results.require_known("peek", keys["readout"], "readout")


def run_terminal(columns, *arguments):
    """What the program writes to a terminal of so many columns, without its colours."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "COLUMNS": str(columns), "TERM": "xterm"}
    command = [sys.executable, "-m", "marginalization", *map(str, arguments)]
    with subprocess.Popen(command, stdout=theirs, env=environment) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                read = os.read(ours, 4096)
            except OSError:  # Linux says so of a terminal that nobody writes to any more
                break
            if not read:
                break
            written += read
    os.close(ours)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", written.decode()).replace("\r\n", "\n")


def test_a_narrow_terminal_cuts_no_number(folds, capsys):
    element_id = pd.read_parquet(folds / "motifs.parquet")["element_id"].iloc[0]
    wide = run_terminal(200, "show", folds, element_id)
    assert tables_of(wide).keys() == tables_of(printed(capsys, "show", folds, element_id)).keys()
    table, _ = tables_of(wide).values()
    for columns in (60, 120):
        blocks = run_terminal(columns, "show", folds, element_id).split("\n\n")[: len(table)]
        for block, (_, row) in zip(blocks, table.iterrows(), strict=True):
            lines = [re.split(" {2,}", line) for line in block.splitlines()[-len(row) :]]
            assert lines == [[name, value] for name, value in row.items()]
    few = ("summary", folds, "--model", "fold_0", "--target", "best")
    (wide,), (narrow,) = (tables_of(run_terminal(columns, *few)).values() for columns in (200, 91))
    assert len(narrow) > len(wide)  # names are folded
    for name in set(wide) - {"name"}:
        assert [cell for cell in narrow[name] if cell] == [cell for cell in wide[name] if cell]


def test_as_a_program():
    module = [sys.executable, "-m", "marginalization"]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    told = subprocess.run([*module, "summary", "nowhere"], capture_output=True, text=True, env=environment)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == "marginalization: there is no folder nowhere; give a screen's results, such as results/demo\n"
    helped = subprocess.run([*module, "--help"], capture_output=True, text=True, env=environment, check=True)
    assert all(command in helped.stdout for command in ("init", "check", "run", "summary", "show", "compare"))


def test_no_command_imports_torch(folds):
    calls = [["summary"], ["show", "motif_0"], ["compare", "fold_0", "fold_1"]]
    code = f"""
import sys
from marginalization.commands.cli import main
for command, *rest in {calls!r}:
    assert main([command, {str(folds)!r}, *rest]) == 0
assert "torch" not in sys.modules
"""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, stdout=subprocess.DEVNULL)


def test_piped_output_is_plain(folds):
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "marginalization", "show", str(folds), "motif_0"]
    out = subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout
    assert "\x1b" not in out
    assert "…" not in out
