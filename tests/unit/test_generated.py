"""What is made from the config's sections is fresh, and what the code does by name has the names that they allow."""

import dataclasses
import importlib.util
from pathlib import Path

import pytest
import yaml
from marginalization.config.sections import Attributions, Compute, Readout
from marginalization.design import backgrounds
from marginalization.design.controls import SHUFFLES
from marginalization.inference.incremental.checking import TOLERANCES
from marginalization.models import readouts
from screens import schema

PROJECT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("generate", PROJECT / "config" / "generate.py")
generate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate)


@pytest.mark.parametrize("path", generate.FILES, ids=lambda path: path.name)
def test_what_is_generated_is_fresh(path):
    text = path.read_text()
    assert generate.FILES[path](text) == text, "run `make config`"


def test_every_section_with_a_table_has_it_in_the_readme():
    text = (PROJECT / "config" / "README.md").read_text()
    for name in (
        "Config",
        "Model",
        "Input",
        "Readout",
        "TargetTable",
        "Motifs",
        "Jaspar",
        "Annotations",
        "Pair",
        "Controls",
        "Backgrounds",
        "Placement",
    ):
        assert f"<!-- keys of {name} -->\n\n| key | type | default | meaning |\n" in text
    for section in (Attributions, Compute):
        assert generate.table(section) in text


def test_a_stale_comment_and_a_stale_table_are_mended():
    text = "seed: 3 # old\n# attributions: # old\n#   window: 5 # old\nmodels: # old\n  seed: # a model's name\n"
    assert generate.config_text(text) == (
        "seed: 3 # the one seed of every random draw; `0` when left out\n"
        "# attributions: # how much each base of the constructs adds to each target; nothing of it without this section"
        "\n"
        "#   window: 5 # how many positions around an element's centre are written; `100` when left out\n"
        "models: # models by name\n"
        "  seed: # a model's name\n"
    )
    assert generate.readme_text("<!-- keys of Strata -->\n\n| old |\n\nmore\n") == (
        "<!-- keys of Strata -->\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n"
        "| `width` | whole number from 1 | `2` | Bins of the width. |\n"
        "| `gc` | whole number from 1 | `2` | Bins of the GC content. |\n\nmore\n"
    )


def test_words_for_a_default_stand_for_no_value_alone():
    """A number that a key has when left out is what the table says of it."""
    for section in filter(dataclasses.is_dataclass, generate.SECTIONS.values()):
        for field in dataclasses.fields(section):
            assert not (field.metadata["without"] and isinstance(field.default, int | float | str)), field.name


def test_defaults_stand_in_sections_and_schema_alike():
    section = Compute()
    properties = schema()["properties"]["compute"]["properties"]
    assert {key: getattr(section, key) for key in properties} == {key: of["default"] for key, of in properties.items()}
    assert Readout().profile is None
    assert "default" not in schema()["properties"]["readouts"]["additionalProperties"]["properties"]["profile"]


def choices(*keys):
    return set(generate.schema_at(schema(), list(keys))["enum"])


def test_what_is_done_by_name_has_all_names():
    assert choices("readouts", "", "reduce") == set(readouts._REDUCTIONS)
    assert choices("elements", "controls", "kind") == set(SHUFFLES)
    assert choices("backgrounds", "transform") == {"none", *backgrounds.SHUFFLES}
    assert choices("compute", "precision") == set(TOLERANCES)


def test_the_demos_commented_sections_are_a_config_too():
    _, begun, rest = (PROJECT / "config" / "config.yaml").read_text().partition("# attributions:")
    commented = (begun + rest.partition("\n\n")[0]).splitlines()
    told = yaml.safe_load("\n".join(line.removeprefix("# ").replace("#   ", "  ", 1) for line in commented))
    assert set(told["attributions"]) <= set(schema()["properties"]["attributions"]["properties"])
