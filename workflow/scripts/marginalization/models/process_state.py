"""What a lab's code may set for the whole process, put back as it was: numbers must not depend on it."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

import numpy as np
import torch


def _set_default_device(device: torch.device) -> None:
    if torch.get_default_device() != device:
        torch.set_default_device(None if device.type == "cpu" else device)


def _logging() -> tuple[list[logging.Handler], int, int]:
    return logging.root.handlers[:], logging.root.level, logging.root.manager.disable


def _set_logging(state: tuple[list[logging.Handler], int, int]) -> None:
    logging.root.handlers[:], logging.root.level, logging.root.manager.disable = state
    for name, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and name.split(".")[0] == __package__.split(".")[0]:
            logger.disabled = False  # as logging.config leaves all loggers that it does not name


def _visible_gpus() -> str | None:
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def _set_visible_gpus(value: str | None) -> None:
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    if value is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = value


_STATE: list[tuple[Callable[[], Any], Callable[[Any], Any]]] = [
    (torch.get_default_device, _set_default_device),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.get_rng_state, torch.set_rng_state),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (np.random.get_state, np.random.set_state),
    (np.geterr, lambda state: np.seterr(**state)),
    (random.getstate, random.setstate),
    (os.getcwd, os.chdir),
    (_visible_gpus, _set_visible_gpus),
    (_logging, _set_logging),
]
_ATTRIBUTES = [
    *((torch.backends.cudnn, name) for name in ("enabled", "benchmark", "deterministic")),
    *(
        (attrgetter(backend)(torch.backends), "fp32_precision")
        for backend in ("cuda.matmul", "cudnn.conv", "cudnn.rnn", "mkldnn.matmul", "mkldnn.conv")
    ),
    (sys, "stdout"),
    (sys, "stderr"),
]


@contextlib.contextmanager
def state_kept() -> Iterator[None]:
    """Put back what code within sets for the process: dtypes, devices, seeds, threads, precision, folder, logging."""
    before = [(put, get()) for get, put in _STATE]
    attributes = [(owner, name, getattr(owner, name)) for owner, name in _ATTRIBUTES]
    with warnings.catch_warnings():
        try:
            yield
        finally:
            for put, state in before:
                put(state)
            for owner, name, state in attributes:
                setattr(owner, name, state)
