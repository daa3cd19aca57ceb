"""Which device a job runs on: a free GPU that no other job of this machine has, or the CPU.

A GPU is claimed by a lock on a file named after it, which the kernel takes back when the process ends, however it ends.
Locks are of one machine: jobs of a cluster see only the GPUs that it gave them, and lock those.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Sequence

import torch

from ..errors import InputError

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0


@contextlib.contextmanager
def claimed_device(wanted: str) -> Iterator[torch.device]:
    """A device that is this process's own while the block lasts; waits until there is one.

    Args:
        wanted: `auto`, a free GPU where there are GPUs, else the CPU; `cuda`, a free GPU; or one device.

    Raises:
        InputError: there is no such device.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
        if wanted == "cpu" and (given := os.environ.get("CUDA_VISIBLE_DEVICES")):
            logger.warning("this job was given GPU %s but PyTorch sees none: look at its build and driver", given)
    kind = _present(wanted)
    if kind.type != "cuda":
        yield kind
        return
    indices = range(torch.cuda.device_count()) if kind.index is None else [kind.index]
    with claim([str(torch.cuda.get_device_properties(i).uuid) for i in indices]) as i:
        yield torch.device("cuda", indices[i])


def _present(wanted: str) -> torch.device:
    """The device of a name, if PyTorch has it here."""
    place = f"config: compute.device: there is no {wanted} here"
    if wanted.startswith("cuda"):
        device, n = torch.device(wanted), torch.cuda.device_count()
        if n <= (device.index or 0):
            raise InputError(f"{place}: PyTorch sees {f'{n} GPUs, the first of which is cuda:0' if n else 'no GPU'}")
        return device
    try:
        return torch.empty(0, device=wanted).device
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{place}: PyTorch says: {reason}") from error


def device_name(device: torch.device) -> str:
    """What a device is called: `cpu`, or the GPU's product name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


@contextlib.contextmanager
def claim(names: Sequence[str], folder: str | None = None) -> Iterator[int]:
    """Hold the first of several things that no other process of this machine holds; waits until one is free.

    Args:
        names: of the things, such as GPUs by their UUIDs.
        folder: of the lock files; by default the machine's for temporary files.

    Yields:
        Which of them it is.
    """
    paths = [os.path.join(folder or tempfile.gettempdir(), f"marginalization-{name}.lock") for name in names]
    waiting = False
    while True:
        for i, path in enumerate(paths):
            handle = _open(path)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                continue
            try:
                yield i
            finally:
                os.close(handle)
            return
        if not waiting:
            logger.info("waiting for a free device: other jobs hold %s", " and ".join(names))
            waiting = True
        time.sleep(POLL_SECONDS)


def _open(path: str) -> int:
    # A lock needs no right to write; and in a shared folder the kernel may refuse to "create" another user's file.
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, os.O_RDONLY)
    return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
