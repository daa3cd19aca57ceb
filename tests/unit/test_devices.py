"""Claims: what one process holds no other gets, until it ends, however it ends."""

import signal
import subprocess
import sys
import time

import pytest
import torch
from marginalization.errors import InputError
from marginalization.jobs import devices
from marginalization.jobs.devices import claim, claimed_device

HOLD = """
import sys, time
from marginalization.jobs.devices import claim
with claim(sys.argv[2:], sys.argv[1]) as i:
    print(i, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def hold(tmp_path):
    """Start a process that claims one of some names, and give it and which it got."""
    started = []

    def start(*names):
        command = [sys.executable, "-c", HOLD, str(tmp_path), *names]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_each_process_gets_its_own(hold, tmp_path):
    assert sorted(hold("a", "b", "c")[1] for _ in range(2)) == [0, 1]
    with claim(["a", "b", "c"], str(tmp_path)) as i:
        assert i == 2


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_waits_until_the_other_ends(hold, tmp_path, end, monkeypatch, caplog):
    monkeypatch.setattr(devices, "POLL_SECONDS", 0.1)
    caplog.set_level("INFO")
    process, _ = hold("a")
    begin = time.monotonic()
    killer = subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -{int(end)} {process.pid}"])
    with killer, claim(["a"], str(tmp_path)) as i:
        assert i == 0
        assert time.monotonic() - begin > 0.4
    assert "waiting for a free device: other jobs hold a" in caplog.text


def test_is_free_again_afterwards(tmp_path):
    for _ in range(2):
        with pytest.raises(KeyError), claim(["a"], str(tmp_path)):
            raise KeyError


def test_devices_that_need_no_claim():
    with claimed_device("cpu") as device:
        assert device == torch.device("cpu")
    with claimed_device("auto") as device:
        assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_gpu_that_was_given_but_is_not_seen(monkeypatch, caplog):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with claimed_device("auto") as device:
        assert device.type == "cpu"
    assert "this job was given GPU 1 but PyTorch sees none" in caplog.text


@pytest.mark.parametrize("wanted", ["cuda", "cuda:7", "mps", "xpu", "gpu"])
def test_a_device_that_is_not_there(wanted):
    if wanted == "cuda" and torch.cuda.is_available():
        pytest.skip("needs a machine without CUDA")
    said = f"config: compute.device: there is no {wanted} here: PyTorch (sees|says)"
    with pytest.raises(InputError, match=said), claimed_device(wanted):
        pass


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_is_held():
    with claimed_device("auto") as device, claimed_device("cpu"):
        assert torch.zeros(1, device=device).is_cuda
