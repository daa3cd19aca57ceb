"""Pieces: an attempt goes on where the last one stopped, and gives what an undisturbed one would have."""

import os
import signal

import pytest
import torch
from marginalization.jobs import pieces
from marginalization.jobs.pieces import StoppedError, discard, resumed

WHOLE = {"counts": torch.arange(40.0).view(20, 2), "counts/profile": torch.arange(60.0).view(20, 3).double()}


class Stream:
    """Groups of three rows, which counts where it was begun and does something on the way."""

    def __init__(self, at=None, action=lambda: None):
        self.begun, self.at, self.action = [], at, action

    def __call__(self, done):
        self.begun.append(done)
        for first in range(done, 20, 3):
            if self.at is not None and first >= self.at:
                self.action()
            yield {key: value[first : first + 3] for key, value in WHOLE.items()}


def gathered(groups):
    groups = list(groups)
    return {key: torch.cat([group[key] for group in groups]) for key in WHOLE}


def assert_whole(found):
    for key, value in WHOLE.items():
        assert torch.equal(found[key], value)
        assert found[key].dtype == value.dtype


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def fail():
    raise KeyError("killed")


def test_undisturbed(tmp_path):
    assert_whole(gathered(resumed(tmp_path / "x", Stream())))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("at", [0, 6, 18])
def test_told_to_stop(tmp_path, at):
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(StoppedError, match=f"told to stop after {min(at + 3, 20)} placements"):
        gathered(resumed(tmp_path, Stream(at, terminate)))
    assert signal.getsignal(signal.SIGTERM) == handler
    stream = Stream()
    assert_whole(gathered(resumed(tmp_path, stream)))
    assert stream.begun == [min(at + 3, 20)]
    discard(tmp_path)
    assert not tmp_path.exists()


def test_killed(tmp_path, monkeypatch):
    """What was written before is not computed again, in any number of attempts."""
    monkeypatch.setattr(pieces, "SECONDS", 0)
    for at in (6, 9, 15):
        with pytest.raises(KeyError):
            gathered(resumed(tmp_path, Stream(at, fail)))
    stream = Stream()
    assert_whole(gathered(resumed(tmp_path, stream)))
    assert stream.begun == [15]


@pytest.mark.parametrize("harm", ["truncated", "missing"])
def test_pieces_that_are_of_no_use(tmp_path, monkeypatch, harm, caplog):
    monkeypatch.setattr(pieces, "SECONDS", 0)
    with pytest.raises(KeyError):
        gathered(resumed(tmp_path, Stream(15, fail)))
    second = sorted(tmp_path.iterdir())[1]
    second.write_bytes(second.read_bytes()[:-5]) if harm == "truncated" else second.unlink()
    stream = Stream()
    assert_whole(gathered(resumed(tmp_path, stream)))
    assert stream.begun == [3]
    assert ("can not be read, so what follows it is computed again" in caplog.text) == (harm == "truncated")
