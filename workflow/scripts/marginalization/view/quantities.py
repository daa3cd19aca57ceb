"""Numbers, times, sizes and lists of names as people read them."""

from __future__ import annotations

import math


def number(x: float, digits: int = 3) -> str:
    """So many significant digits, such as "1,560" and "0.0672"; with an exponent only what is under 0.0001, or huge."""
    if not math.isfinite(x) or x == 0 or not 1e-4 <= abs(x) < 1e15:
        return f"{x:.{digits}g}"
    rounded = float(f"{x:.{digits}g}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(x: float, digits: int = 3) -> str:
    """The same with its sign, such as "+1,560"."""
    return f"{'+' if x > 0 else ''}{number(x, digits)}"


def listed(names: list[str], most: int) -> str:
    """The first names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def duration(seconds: float) -> str:
    """Such as "3 min" or "2.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.3g} h"


def size(n_bytes: float) -> str:
    """Such as "23 MB"."""
    for unit in ("kB", "MB", "GB"):
        n_bytes /= 1000
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
    return f"{n_bytes / 1000:.3g} TB"
