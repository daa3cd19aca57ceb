import sys

import pytest
from marginalization.errors import InputError
from marginalization.jobs.logs import job_log


def run(path, error=None):
    """The lines of the log of a job that prints something, and then fails."""
    with job_log(str(path)):
        print("counted 3")
        print("progress", file=sys.stderr, end="\r")
        if error:
            raise error
    return path.read_text().splitlines()


def test_a_log_holds_what_was_printed(tmp_path, capsys):
    assert run(tmp_path / "log") == ["counted 3", "progress"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "last"),
    [
        (InputError("peaks.bed, line 3: no start"), "Error: peaks.bed, line 3: no start"),
        (InputError("it fails:\n  because\n\n"), "Error: it fails: because"),
        (RuntimeError("CUDA error\nCompile with `X`.\n"), "Error: RuntimeError: CUDA error Compile with `X`."),
        (KeyError("a"), "Error: KeyError: 'a'"),
    ],
)
def test_the_last_line_is_the_error(tmp_path, error, last):
    path = tmp_path / "log"
    with pytest.raises(SystemExit) as left:
        run(path, error)
    assert left.value.code == 1
    lines = path.read_text().splitlines()
    assert lines[-1] == last
    assert lines[0] == "counted 3"
    # bad input needs no traceback; anything else says where in the code it happened
    assert any("Traceback" in line for line in lines) is not isinstance(error, InputError)


def test_printing_comes_back(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(tmp_path / "log", InputError("bad"))
    print("after")
    assert capsys.readouterr().out == "after\n"
