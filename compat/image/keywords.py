"""Keywords that a function does not have: an error names the nearest one that it has, or, where the legacy code
swallows them, a warning."""

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..data.messages import warn

_P = ParamSpec("_P")
_R = TypeVar("_R")


def named_keywords(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The function, with a TypeError for a keyword that it does not have before anything else is done."""
    names = _names(function)

    @functools.wraps(function)
    def call(*args, **kwargs):
        for name in kwargs:
            if name not in names:
                raise TypeError(
                    f"{function.__qualname__}() got an unexpected keyword argument {name!r}.{_nearest(name, names)}"
                )
        return function(*args, **kwargs)

    return call


def swallowed_keywords(deprecated: dict[str, str]) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """The function, which ignores keywords that it does not have, with a warning.

    Args:
        deprecated: what to do instead of keywords that older versions had, by their names.
    """

    def decorate(function):
        names = _names(function)

        @functools.wraps(function)
        def call(*args, **kwargs):
            for name in [name for name in kwargs if name not in names]:
                del kwargs[name]
                if name in deprecated:
                    warn(f"`{name}` is deprecated and does nothing: {deprecated[name]}.", DeprecationWarning)
                else:
                    nearest = _nearest(name, names)
                    warn(f"`{function.__name__}` has no argument {name!r}: ignored, as in the legacy code.{nearest}")
            return function(*args, **kwargs)

        return call

    return decorate


def _names(function):
    return list(inspect.signature(function).parameters)


def _nearest(name, names):
    nearest = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""
