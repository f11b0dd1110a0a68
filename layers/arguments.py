"""Checks of the arguments of layers: a ValueError names the argument that is wrong, and what is allowed."""

import numbers

import numpy as np


def one_of(name, value, allowed):
    """Raise a ValueError unless the argument has one of the allowed values."""
    if value not in allowed:
        raise ValueError(f"`{name}` must be one of {allowed}. Received: {name}={value!r}")


def flag(name, value):
    """True or False, 1 or 0; a ValueError for anything else, such as the string "False"."""
    if not isinstance(value, (numbers.Integral, np.bool_)) or value not in (0, 1):
        raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}")
    return bool(value)


def interval(name, value, around=0.0, positive=False):
    """The pair (low, high) of an argument, which may also be given as one distance on both sides of `around`."""
    given = list(value) if isinstance(value, (tuple, list)) else [value]
    wrong = len(given) not in (1, 2) or not all(is_number(x) for x in given)
    if not wrong:
        low, high = (around - given[0], around + given[0]) if len(given) == 1 else given
        wrong = high < low or (positive and low < 0)
    if wrong:
        least = " that are not negative" if positive else ""
        raise ValueError(
            f"`{name}` must be a number, or a pair of finite numbers (low, high){least}. Received: {name}={value!r}"
        )
    return float(low), float(high)


def choices(name, value):
    """What to choose from: None, an int n that means 0 to n - 1, or a tuple of numbers."""
    if value is None:
        return None
    if isinstance(value, numbers.Integral) and not isinstance(value, bool) and value > 0:
        return int(value)
    if isinstance(value, (list, tuple)) and value and all(is_number(x) for x in value):
        return tuple(float(x) for x in value)
    raise ValueError(
        f"`{name}` must be an integer of at least 1, or a sequence of finite numbers to choose from. "
        f"Received: {name}={value!r}"
    )


def is_number(value):
    """Whether it is a finite real number, Python's or NumPy's."""
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_)) and bool(np.isfinite(value))
