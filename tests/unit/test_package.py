"""The package as one meets it in Python."""

import marginalization


def test_its_functions_are_listed():
    assert set(marginalization.__all__) <= set(dir(marginalization))
    assert {"__version__", "__name__"} <= set(dir(marginalization))
    assert all(callable(getattr(marginalization, name)) for name in marginalization.__all__)
