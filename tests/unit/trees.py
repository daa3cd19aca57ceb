"""Output trees side by side."""

import torch


def assert_same(ours, reference):
    """The same trees of tensors, in value and shape."""
    if isinstance(ours, (list, tuple)):
        assert len(ours) == len(reference)
        for pair in zip(ours, reference, strict=True):
            assert_same(*pair)
    else:
        torch.testing.assert_close(ours, reference)
