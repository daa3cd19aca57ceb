"""What is said of a config whose text is not what it seems."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marginalization.config.text import check_text
from marginalization.errors import InputError
from workflows import PROJECT

KEYS = "screen: a\nelements:\n  motifs: []\nseed: 1\nelements:\n  annotations: []\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            KEYS,
            ": the key elements is on line 2 and again on line 5, where it would hide the first; make one of both",
        ),
        ("a: {b: 1,\n  b: 2}", ": the key b is on line 1 and again on line 2, where"),
        ("a:\n- b: 1\n  c: 1\n  b: 2", ": the key b is on line 2 and again on line 4, where"),
        ('{"b": {"a": 1, "a": 2}}', ": the key a is written 2 times in one place; make one of them"),
        ('{"a": 1, "a": 2', ", line 1: expected ',' or '}'"),
        ("a: 1\n'a': 2", ": the key a is on line 1 and again on line 2, where"),
        ("a:\n  b: 1\n\tc: 2\n", ", line 3: a tab at the beginning; YAML is indented by spaces alone"),
        ("a:\n\tb: 1", ", line 2: "),
        ("a: {b: 1\nc: 2\n", ", line 2: expected ',' or '}', but got ':'"),
        (
            "a: {b: 1\n",
            ", line 2: expected ',' or '}', but got '<stream end>' (while parsing a flow mapping that begins on",
        ),
        ("a: 1\n b: 2", ", line 2: mapping values are not allowed here"),
        (
            "a: 'open\nb: 2",
            ", line 2: found unexpected end of stream (while scanning a quoted scalar that begins on line 1)",
        ),
        ("a: *b", ", line 1: found undefined alias 'b'"),
        ("a: 1\nb: é\n".encode("latin-1"), ", line 2: a letter is not in UTF-8; save the file in that encoding"),
        (KEYS.encode("utf-16"), ", line 1: a letter is not in UTF-8"),
        ("a: 1\nb: \x00", ", line 2: the character '\\x00' is not allowed in YAML"),
        ("models:\n  a: 1\n  01: 2", ', line 3: YAML reads the name 01 as a number; put it in quotes: "01"'),
        ("readouts: {1.5: {}}", ', line 1: YAML reads the name 1.5 as a number; put it in quotes: "1.5"'),
        ("groups:\n  g:\n  - a\n  - 2", ', line 4: YAML reads the name 2 as a number; put it in quotes: "2"'),
        ("models: {true: 1}", ', line 1: YAML reads the name true as true or false; put it in quotes: "true"'),
        ("models: {null: 1}", ', line 1: YAML reads the name null as nothing; put it in quotes: "null"'),
        ("readouts: {a: {targets: [x, 2024-01-02]}}", ", line 1: YAML reads the name 2024-01-02 as a date; put it in"),
        ("attributions: {readouts: [a, 7]}", ", line 1: YAML reads the name 7 as a number; put it in quotes"),
        ("", " holds no config: give keys"),
        ("- a\n- b", " holds no config"),
        ("just words", " holds no config"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, content, message):
    path = tmp_path / "screen.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as error:
        check_text(path)
    assert str(error.value).startswith(f"{path}{message}")
    assert "\n" not in str(error.value)


LEAVES = st.none() | st.integers() | st.text(max_size=9)
VALUES = st.recursive(LEAVES, lambda of: st.lists(of) | st.dictionaries(st.text(max_size=9), of), max_leaves=9)


@given(st.dictionaries(st.text(max_size=9), VALUES), st.sampled_from(["\t", 2, None]))
def test_json_is_taken_too(tmp_path_factory, value, indent):
    path = tmp_path_factory.mktemp("json") / "screen.json"
    path.write_text(json.dumps(value, indent=indent))
    check_text(path)


def test_configs_that_are_well(tmp_path):
    for path in [PROJECT / "config/config.yaml", *(PROJECT / "tests/real").glob("*.yaml")]:
        check_text(path)
    path = tmp_path / "screen.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: &x {b: 1}\r\nc:\r\n  <<: *x\r\n  b: 2\r\nd: [{b: 1}, {b: 1}]\r\n")
    check_text(path)


def test_names_in_quotes_and_numbers_elsewhere_are_taken(tmp_path):
    path = tmp_path / "screen.yaml"
    path.write_text(
        "models: {'01': {kwargs: {1: 2}}, 1e5: {}}\nreadouts: {'2': {targets: ['3', x], positions: [1, 2]}}\n"
    )
    check_text(path)
