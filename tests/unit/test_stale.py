"""Results that what is there now would not give are told of."""

import json
from pathlib import Path

import pandas as pd
import pytest
from marginalization.config.dependencies import code_digest
from marginalization.config.stale import check_reads, other_code
from marginalization.errors import InputError
from marginalization.jobs.provenance import made_by
from marginalization.store.files import sha256, write_json, write_table
from marginalization.store.paths import Results
from marginalization.store.schemas import BACKGROUNDS


@pytest.mark.parametrize("change", [lambda path: path.write_text("2"), Path.unlink])
def test_a_file_that_a_model_read_and_that_has_changed(tmp_path, change):
    read = tmp_path / "values.json"
    read.write_text("1")
    check_reads(Results(tmp_path / "results"), ["lab"])  # nothing is there yet
    write_json({"reads": {str(read): sha256(read)}}, tmp_path / "results/models/lab.json")
    check_reads(Results(tmp_path / "results"), ["lab"])
    change(read)
    with pytest.raises(
        InputError, match=r"models\.lab reads \S*values.json, which has changed since \S*lab.json was"
    ) as e:
        check_reads(Results(tmp_path / "results"), ["other", "lab"])
    assert f"delete {tmp_path}/results/effects/model=lab and {tmp_path}/results/models/lab.json" in str(e.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"reads": 1}'])
def test_a_record_that_is_damaged_is_for_others_to_tell(tmp_path, text):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/lab.json").write_text(text)
    check_reads(Results(tmp_path), ["lab"])


def test_a_summary_by_other_code(tmp_path):
    path = tmp_path / "summary.parquet"
    assert other_code(Results(tmp_path)) is None
    path.write_text("no table")
    assert other_code(Results(tmp_path)) is None
    earlier = {"marginalization": "0.0.1", "commit": "abc", "code": "0123", "files": 3}
    for makers, told in (([made_by() | {"files": 1}], False), ([made_by(), earlier], True)):
        facts = json.loads(json.dumps({"computed_by": makers}))
        write_table(pd.DataFrame(columns=BACKGROUNDS.names), path, BACKGROUNDS, facts)
        line = other_code(Results(tmp_path))
        assert (line is not None) == told
    assert "(version 0.0.1, commit abc)" in line
    assert code_digest() != "0123"
