"""What is said of models that give no numbers, and of shards' files that are damaged or of another screen."""

import random
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from marginalization.config.sections import Config, Readout
from marginalization.errors import InputError
from marginalization.merging.means import merge_profiles
from marginalization.merging.parts import find_parts
from marginalization.merging.summary import merge_effects
from marginalization.sequences.letters import identifier
from marginalization.statistics.families import families
from marginalization.store.paths import Results
from marginalization.store.superseded import set_parts_aside, set_tables_aside
from screens import resolved, run_screen, screen_of, typed

LETTERS = ["A" * 12, "ACCCCACCCCAA", "A" * 12]
READOUTS = {"activity": {"output": 2}, "counts": {"profile": {"logits": 0, "counts": 1}}}

MODEL = """
import torch

def make(value, at_least):
    return lambda X: X[:, 0].sum(-1).masked_fill(X[:, 1].sum(-1) >= at_least, float(value))
"""


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(("at_least", "where"), [(9, f"with element {identifier('CCC')} (CCC)"), (8, "as it is")])
def test_outputs_that_are_no_numbers(tmp_path, value, at_least, where):
    """Background 1 has 8 C, and 9 with CCC in its centre."""
    (tmp_path / "model.py").write_text(MODEL)
    spec = {"factory": f"{tmp_path / 'model.py'}:make", "kwargs": {"value": value, "at_least": at_least}}
    config = screen_of(tmp_path, ["AT", "CCC"], LETTERS, models={"toy": spec}, readouts={"head": {}})
    with pytest.raises(InputError) as error:
        run_screen(config, tmp_path)
    assert str(error.value).startswith(f"readout head is {value} for background 1 (background_1) {where}; ")
    assert not list(tmp_path.rglob("[0-9]*.parquet"))


class Merge:
    """A screen of two shards of backgrounds, and its merge."""

    def __init__(self, folder, motifs=("AT", "CCC"), **sections):
        self.folder = folder
        config = screen_of(folder, motifs, LETTERS, readouts=READOUTS, shards={"backgrounds": 2}, **sections)
        self.run = run_screen(config, folder)
        self.paths = self.run.effects + self.run.profiles

    def merged(self):
        """The bytes of both tables."""
        effects, profiles = (
            find_parts(paths, self.run.placed, self.run.targets) for paths in (self.run.effects, self.run.profiles)
        )
        among = families(self.run.elements, None)
        merge_effects(effects, self.run.placed, among, typed(dict[str, Readout], READOUTS), self.folder / "summary", {})
        merge_profiles(profiles, self.run.placed, 12, self.folder / "profiles", {})
        return [(self.folder / table).read_bytes() for table in ("summary", "profiles")]


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    return Merge(tmp_path_factory.mktemp("errors"))


@pytest.fixture
def part(screen):
    """A function that replaces the bytes of one file of a shard, until the end of the test."""
    kept = {path: Path(path).read_bytes() for path in screen.paths}

    def replace(path, content):
        Path(path).write_bytes(content)

    yield replace
    for path, content in kept.items():
        Path(path).write_bytes(content)


@pytest.mark.parametrize("i", range(6))
def test_a_truncated_file_is_refused_by_name(screen, part, i):
    path = screen.paths[i]
    whole = Path(path).read_bytes()
    for length in (0, 3, len(whole) // 2, len(whole) - 1):
        part(path, whole[:length])
        with pytest.raises(InputError) as error:
            screen.merged()
        assert str(error.value).startswith(f"{path} is damaged or not of this screen: ")
        assert str(error.value).endswith(" Delete it and run snakemake again; only its shard is computed again")


def test_a_flipped_bit_changes_nothing_or_is_refused_by_name(screen, part):
    expected = screen.merged()
    draw = random.Random(0)
    refused = 0
    for _ in range(40):
        path = draw.choice(screen.paths)
        content = bytearray(Path(path).read_bytes())
        kept = bytes(content)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        part(path, content)
        try:
            assert screen.merged() == expected
        except InputError as error:
            assert str(error).startswith(f"{path} is damaged or not of this screen: ")  # noqa: PT017
            refused += 1
        part(path, kept)
    assert refused > 10


def test_a_missing_file_is_named(screen, part):
    for path in screen.paths:
        kept = Path(path).read_bytes()
        Path(path).unlink()
        with pytest.raises(InputError) as error:
            screen.merged()
        assert str(error.value).startswith(f"{path} is damaged or not of this screen: ")
        part(path, kept)


def test_a_file_of_another_place_is_refused_by_name(screen, part, tmp_path):
    """Each file in the place of each other, and in its own one of a screen with other elements of the same number."""
    other = Merge(tmp_path, motifs=("GG", "TTT"))
    kept = {path: Path(path).read_bytes() for path in screen.paths}
    for (path, ours), theirs in zip(kept.items(), other.paths, strict=True):
        for content in [*kept.values(), Path(theirs).read_bytes()]:
            if content != ours:
                part(path, content)
                with pytest.raises(InputError) as error:
                    screen.merged()
                assert str(error.value).startswith(f"{path} is damaged or not of this screen: ")
        part(path, ours)


def test_a_merge_that_fails_writes_nothing(screen, part):
    screen.merged()
    (screen.folder / "summary").unlink()
    whole = Path(screen.run.effects[-1]).read_bytes()
    part(screen.run.effects[-1], whole[: len(whole) // 2])
    before = sorted(screen.folder.iterdir())
    with pytest.raises(InputError):
        screen.merged()
    assert sorted(screen.folder.iterdir()) == before


def test_files_of_an_earlier_plan_are_set_aside(screen, tmp_path, caplog):
    caplog.set_level("INFO")
    results = tmp_path
    shutil.copytree(Path(screen.run.effects[0]).parents[2], results / "effects")
    files = sorted((results / "effects").rglob("*.parquet"))
    earlier, *ours = files
    content = earlier.read_bytes()
    set_parts_aside(Results(results), "effects", map(str, ours))
    assert sorted((results / "effects").rglob("*.parquet")) == ours
    moved = results / "superseded" / earlier.relative_to(results)
    assert moved.read_bytes() == content
    assert caplog.messages == [f"{earlier} is of an earlier plan of this screen; moved to {moved}"]
    set_parts_aside(Results(results), "attribution_sums", [])  # of which there are none
    killed = ours[0].with_name(f".{ours[0].name}.4711")
    killed.touch()
    (results / "unfinished" / "toy").mkdir(parents=True)
    set_parts_aside(Results(results), "effects", map(str, ours))
    assert len(caplog.messages) == 1
    assert not killed.exists()
    assert not (results / "unfinished").exists()
    assert pq.read_table(moved).num_rows > 0


FURTHER = Config.of(resolved()).further_tables


@pytest.mark.parametrize("table", FURTHER)
def test_a_table_of_an_earlier_config_is_set_aside(tmp_path, table):
    """Also where nothing was before, so that there is no folder to move it to yet."""
    paths = {name: tmp_path / f"{name}.parquet" for name in FURTHER}
    for path in paths.values():
        path.write_text(path.name)
    earlier = paths.pop(table)
    for _ in range(2):
        set_tables_aside(Results(tmp_path), FURTHER, [tmp_path / "summary.parquet", *paths.values()])
        assert sorted(tmp_path.iterdir()) == sorted([*paths.values(), tmp_path / "superseded"])
        assert (tmp_path / "superseded" / earlier.name).read_text() == earlier.name
