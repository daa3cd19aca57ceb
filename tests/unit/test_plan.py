import json
import os
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from marginalization.config.sections import Config, Shards
from marginalization.design.plan import make_plan
from marginalization.design.shards import background_ranges, element_bounds, element_ranges
from marginalization.errors import InputError
from marginalization.store.paths import job_labels, shard_label
from screens import resolved, screen_of, typed, write_fasta

IDS = st.lists(st.integers(0, 2**64 - 1).map("{:016x}".format), min_size=1, max_size=50, unique=True).map(sorted)


@settings(deadline=None)
@given(IDS, st.integers(0, 9).map(lambda k: 2**k))
def test_element_shards_are_a_partition(ids, n_shards):
    ranges = element_ranges(ids, n_shards)
    taken = [ids[rows] for rows in ranges.values()]
    assert [id for part in taken for id in part] == ids
    assert all(taken)
    for label, part in zip(ranges, taken, strict=True):
        low, high = element_bounds(label)
        assert part == [id for id in ids if low <= id <= high]


@given(st.integers(0, 12).map(lambda k: 2**k))
def test_bounds_cover_all_ids_once(n_shards):
    bounds = [element_bounds(shard_label(i, n_shards)) for i in range(n_shards)]
    assert (bounds[0][0], bounds[-1][1]) == ("0" * 16, "f" * 16)
    assert all(int(low, 16) == int(high, 16) + 1 for (_, high), (low, _) in pairwise(bounds))


@given(st.integers(1, 200), st.integers(1, 50))
def test_background_shards_are_a_partition(n, size):
    ranges = list(background_ranges(n, size).values())
    assert [row for first, last in ranges for row in range(first, last)] == list(range(n))
    assert all(0 < last - first <= size for first, last in ranges)


def plan_of(config):
    """The plan of a config, read again."""
    with tempfile.TemporaryDirectory() as cache:
        return make_plan(config, Path(cache))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    (folder / "weights.pt").write_bytes(b"1")
    (folder / "own.py").write_text("def read(y): return y")
    return folder


MOTIFS = ["ACG", "TTGA", "GGNCC", "CATCAT", "TGACTCA"]
BACKGROUNDS = ["ACGTACGTACGT", "TTTTGGGGCCCC", "GATTACAGATTA"]
SHARDS = {"backgrounds": 2, "marginals": 3}


def base(folder, **sections):
    sections.setdefault("shards", SHARDS)
    return screen_of(folder, sections.pop("motifs", MOTIFS), sections.pop("letters", BACKGROUNDS), **sections)


distinct = st.lists(st.text("ACGT", min_size=1, max_size=12), min_size=2, max_size=12, unique=True)


@settings(deadline=None, max_examples=12)
@given(distinct, st.sampled_from([1, 5, 20, 1000]))
def test_adding_an_element_changes_one_shard(tmp_path_factory, sequences, marginals):
    folder = tmp_path_factory.mktemp("adding")
    shards = {"backgrounds": 2, "marginals": marginals}
    more = plan_of(base(folder, motifs=sequences, shards=shards))
    fewer = plan_of(base(folder, motifs=sequences[:-1], shards=shards))
    assert more.n_elements == fewer.n_elements + 1
    if {job.split("-")[0][6:] for job in more.jobs["toy"]} != {job.split("-")[0][6:] for job in fewer.jobs["toy"]}:
        return  # the number of shards is another
    added = set(more.jobs["toy"]) - set(fewer.jobs["toy"])
    assert len({job_labels(job)[0] for job in added}) == 1
    assert len(added) == 2  # one for each shard of the three backgrounds
    assert {job[:19] for job in fewer.jobs["toy"]} - {job[:19] for job in more.jobs["toy"]} == set()


MODEL = {"factory": "torch.nn:Linear", "weights": "weights.pt"}
OTHER = {
    "kwargs": {"models": {"toy": {**MODEL, "kwargs": {"n": 3}}}},
    "readouts": {"readouts": {"r": {"output": 1}}},
    "reduce": {"readouts": {"own": {"function": "own.py:read"}, "r": {"reduce": "sum"}}},
    "effect": {"readouts": {"own": {"function": "own.py:read", "effect": "ratio"}}},
    "start": {"placement": {"start": 3}},
    "strands": {"placement": {"strands": "both"}},
    "average": {"placement": {"average_strands": True}},
    "dtype": {"compute": {"dtype": "float64"}},
    "precision": {"compute": {"precision": "medium"}},
    "seed": {"seed": 1},
    "transform": {"backgrounds": {"transform": "shuffle"}},
    "copies": {"backgrounds": {"transform": "shuffle", "copies": 2}},
}
SAME = {
    "screen": {"screen": "another"},
    "batch size": {"compute": {"batch_size": 1}},
    "threads": {"compute": {"threads": 7}},
    "device": {"compute": {"device": "cpu"}},
    "warning": {"shards": {**SHARDS, "max_jobs": 1}},
    "another model": {"models": {"toy": MODEL, "new": {"factory": "torch.nn:ReLU"}}},
    "another order": {"motifs": MOTIFS[::-1]},
    "the same again": {"motifs": [*MOTIFS, MOTIFS[1]]},
}
READOUTS = {"own": {"function": "own.py:read"}}


@pytest.mark.parametrize("what", sorted(OTHER) + sorted(SAME))
def test_names_of_jobs_depend_on_what_they_compute(folder, monkeypatch, what):
    monkeypatch.chdir(folder)
    sections = {"models": {"toy": MODEL}, "readouts": READOUTS}
    before = set(plan_of(base(folder, **sections)).jobs["toy"])
    after = set(plan_of(base(folder, **{**sections, **{**OTHER, **SAME}[what]})).jobs["toy"])
    assert after == before if what in SAME else not after & before


def test_jobs_of_a_scan_are_named_after_its_starts(folder):
    """However they are written; without `to` they depend on the widest element, which all shards are to know of."""

    def jobs(start, motifs=MOTIFS):
        plan = plan_of(base(folder, motifs=motifs, placement={"start": start}))
        return plan.n_placements, set(plan.jobs["toy"])

    listed = jobs([1, 3, 5])
    assert jobs({"from": 1, "to": 6, "step": 2}) == jobs({"from": 1, "step": 2}) == listed
    assert listed[0] == 3
    wider = [*MOTIFS, "TTTTTTTT"]
    assert len(jobs([1, 3], wider)[1] & jobs([1, 3])[1]) > 0
    assert jobs({"from": 1, "step": 2}, wider)[0] == 2
    assert not jobs({"from": 1, "step": 2}, wider)[1] & listed[1]


def test_names_of_jobs_depend_on_the_contents_of_files(folder, monkeypatch):
    monkeypatch.chdir(folder)
    config = base(folder, models={"toy": MODEL, "bare": {"factory": "torch.nn:ReLU"}}, readouts=READOUTS)
    first = plan_of(config)
    os.utime("weights.pt", (1, 1))
    assert plan_of(config) == first
    Path("weights.pt").write_bytes(b"2")
    second = plan_of(config)
    assert not set(second.jobs["toy"]) & set(first.jobs["toy"])
    assert second.jobs["bare"] == first.jobs["bare"]
    Path("own.py").write_text("def read(y): return 2 * y")
    assert not set(plan_of(config).jobs["bare"]) & set(first.jobs["bare"])
    Path("own.py").write_text("def read(y): return y")
    Path("weights.pt").write_bytes(b"1")
    assert plan_of(config) == first
    write_fasta(folder / "background.fa", [*BACKGROUNDS[:2], "GATTACAGATTT"])
    changed = plan_of(config).jobs["toy"]
    assert {job_labels(job)[1] for job in set(changed) - set(first.jobs["toy"])} == {"0001of0002"}


def jobs_after(config, change):
    """The names of jobs before a change and after it, by plans that are kept where that is possible."""
    with tempfile.TemporaryDirectory() as cache:
        before = make_plan(config, Path(cache)).jobs["toy"]
        change()
        return set(before), set(make_plan(config, Path(cache)).jobs["toy"])


FACTORY = "import layers\ndef make(**kwargs): return layers.Net(**kwargs)"


@pytest.mark.parametrize("path", ["layers.py", "parts/norm.py", "table.tsv", "lab_package/nets.py"])
def test_names_of_jobs_depend_on_what_models_import_and_are_given(tmp_path, monkeypatch, path):
    """Also when a file is replaced by one of the same size and time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    files = {"make.py": FACTORY, "layers.py": "from parts.norm import scale\n", "parts/norm.py": "scale = 1"}
    files |= {"table.tsv": "1", "lab_package/__init__.py": "", "lab_package/nets.py": "width = 1"}
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    factory = "lab_package.nets:Net" if "package" in path else "make.py:make"
    kwargs = {"tables": [{"first": ["table.tsv"]}, 3, None]}
    config = base(tmp_path, models={"toy": {"factory": factory, "kwargs": kwargs}})

    def replace():
        stat = Path(path).stat()
        new = Path("new")
        new.write_text(Path(path).read_text().replace("1", "2").replace("scale\n", "scael\n"))
        os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert (new.stat().st_size, new.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
        new.replace(path)

    before, after = jobs_after(config, replace)
    assert not before & after
    before, after = jobs_after(config, Path(path).touch)
    assert before == after


def test_tables_that_do_not_name_jobs_have_a_digest_too(folder):
    """By which they are written again, also where no time of a file tells that it has changed."""
    config = base(folder)
    before = plan_of(config)
    table = Path(config["elements"]["motifs"][0]["file"])
    table.write_text(table.read_text().replace(">motif_0", ">motif_9"))
    after = plan_of(config)
    assert after.jobs == before.jobs
    assert after.elements_digest != before.elements_digest


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 5), st.integers(1, 40), st.integers(1, 20), st.integers(1, 20))
@example(n=1, copies=30, size=8, other_size=9)  # four shards of the same original either way
def test_jobs_of_one_name_have_the_same_backgrounds(folder, n, copies, size, other_size):
    """Also when their copies are of the same originals: otherwise a screen could mix files that are cut differently."""
    ranges = {}
    elements = {"motifs": [{"file": write_fasta(folder / "one.fa", ["ACG"])}]}
    for shards in (size, other_size):
        spec = {"length": 4, "random": {"n": n}, "transform": "shuffle", "copies": copies}
        config = resolved(elements=elements, backgrounds=spec, shards={"backgrounds": shards})
        plan = plan_of(config)
        cut = background_ranges(plan.n_backgrounds, shards)
        for job in plan.jobs["toy"]:
            assert ranges.setdefault(job, cut[job_labels(job)[1]]) == cut[job_labels(job)[1]]


@settings(deadline=None, max_examples=12)
@given(
    distinct,
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(1, 300),
    st.integers(1, 3),
    st.integers(3, 12),
    st.sampled_from(["+", "both"]),
)
def test_the_remedy_for_too_many_jobs_works(tmp_path_factory, motifs, n, size, marginals, n_models, max_jobs, strands):
    table = {"file": write_fasta(tmp_path_factory.mktemp("remedy") / "m.fa", motifs)}
    sections = {
        "models": {f"m{i}": {"factory": "torch.nn:ReLU"} for i in range(n_models)},
        "elements": {"motifs": [table]},
        "backgrounds": {"length": 12, "random": {"n": n}},
        "placement": {"strands": strands},
    }
    shards = {"backgrounds": size, "marginals": marginals, "max_jobs": max_jobs, "minutes": None}
    plan = plan_of(resolved(**sections, shards=shards))
    warning = plan.warning(typed(Shards, shards))
    assert (warning is None) == (plan.n_jobs <= max_jobs)
    if warning:
        assert f"takes {plan.n_jobs:,} jobs, more than shards.max_jobs ({max_jobs})" in warning
        remedy = yaml.safe_load(warning.split("; ")[1].split("set ")[1].replace(" and ", "\n"))
        changed = {key.removeprefix("shards."): value for key, value in remedy.items()}
        assert plan_of(resolved(**sections, shards={**shards, **changed})).n_jobs <= max_jobs


def test_the_plan_is_kept_until_a_file_changes(folder, tmp_path):
    config = base(folder)
    plan = make_plan(config, tmp_path / "cache")
    assert make_plan(config, tmp_path / "cache") == plan
    (kept,) = (tmp_path / "cache").iterdir()
    text = kept.read_text()
    for damaged in (text[:-9], "", "[]", "{}", text.replace('"n_elements": 5', '"n_elements": 6')):
        kept.write_text(damaged)
        assert damaged != text
        assert make_plan(config, tmp_path / "cache") == plan
        assert kept.read_text() == text
    write_fasta(folder / "motif.fa", ["ACGT"])
    assert make_plan(config, tmp_path / "cache").n_elements == 1
    (tmp_path / "file").touch()
    assert make_plan(config, tmp_path / "file" / "cache").n_elements == 1  # a cache that can not be written


def test_jobs_are_sized_by_measured_rates(folder, monkeypatch, tmp_path):
    config = base(folder)
    config["shards"] |= {"backgrounds": 1000, "marginals": 1, "minutes": 2}
    (folder / "motif.fa").touch()
    monkeypatch.chdir(tmp_path)
    unmeasured = plan_of(config)
    assert unmeasured.n_jobs > 1
    assert "needs the rate of toy: run snakemake with target measure" in unmeasured.warning(Config.of(config).shards)
    rate = Path("results", config["screen"], "rates", "toy.json")
    rate.parent.mkdir(parents=True)
    for rate_of, n_jobs in ((unmeasured.models["toy"], 1), ("another model", unmeasured.n_jobs)):
        rate.write_text(json.dumps({"marginals_per_second": 1.0, "model": rate_of}))
        assert plan_of(config).n_jobs == n_jobs
    rate.write_text(json.dumps({"marginals_per_second": 0.01, "model": unmeasured.models["toy"]}))
    plan = plan_of(config)
    assert plan.n_jobs > 1
    assert plan.warning(Config.of(config).shards) is None
    assert plan.elements_digest == unmeasured.elements_digest


def test_counts(folder):
    config = base(folder, placement={"start": [0, 2, 5], "strands": "both"}, models={"a": MODEL, "b": MODEL})
    config["models"] = {name: {"factory": "torch.nn:ReLU", "inputs": []} for name in "ab"}
    plan = plan_of(config)
    assert plan.n_marginals == 2 * 5 * 6 * 3
    assert plan.describe() == (
        f"180 marginals: 2 models x 5 elements x 6 placements x 3 backgrounds, in {plan.n_jobs} jobs"
    )
    assert plan.verdicts == ""
    config["backgrounds"]["copies"] = 2
    with pytest.raises(InputError, match="2 copies of each background would be equal"):
        plan_of(config)


def test_what_controls_cost_and_can_tell(folder):
    plan = plan_of(base(folder, controls={"shuffles": 3}))
    assert (plan.n_elements, plan.n_controls) == (20, 15)
    assert "20 elements (15 of them controls, which make it 4 times as many marginals)" in plan.describe()
    assert plan.verdicts.startswith("with 15 controls none of 5 elements can be significant")
    assert plan.verdicts.endswith("set controls.shuffles to 20 or more")


def test_what_is_odd_about_the_inputs_is_told(folder):
    assert plan_of(base(folder)).input_warnings == []
    odd = {"motifs": ["ACG", "NNN", "AAAA"], "letters": ["ACGTACGTACGT", "TTTTGGGGCCCC", "acgtacgtacgt"]}
    config = base(folder, **odd, controls={"shuffles": 2})
    dropped, controls, backgrounds = plan_of(config).input_warnings
    assert dropped == "1 motif of N alone left out: there is nothing in them to substitute"
    assert controls.startswith(
        "1 of 2 elements have fewer controls than the 2 asked for, 1 of them none, such as motif_2"
    )
    assert backgrounds == (
        "1 of 3 backgrounds have the sequence of another, such as background_2 that of background_0: they count again, "
        "and make confidence intervals too narrow; leave them out"
    )
    config["backgrounds"]["transform"] = "shuffle"  # which gives each an order of its own
    assert len(plan_of(config).input_warnings) == 2


def test_no_torch_is_imported_to_plan():
    code = "import sys, marginalization.design.plan; assert not {'torch', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
