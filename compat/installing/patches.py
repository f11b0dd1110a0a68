"""Attributes of modules and classes that are put in place, and taken back."""

import sys

_ABSENT = object()
_undo = []
"""Triples of an owner, a name and what the owner itself had under it; the owner of modules is None."""


def put(owner, name, value):
    """Set an attribute of a module or class, until `undo`."""
    _undo.append((owner, name, vars(owner).get(name, _ABSENT)))
    setattr(owner, name, value)


def put_module(name, module):
    """Put a module under a name, until `undo`."""
    _undo.append((None, name, (module, sys.modules.get(name))))
    sys.modules[name] = module


def undo():
    """Give all of them back what they had, the last one first."""
    while _undo:
        owner, name, value = _undo.pop()
        if owner is None:
            module, before = value
            if sys.modules.get(name) is module:
                del sys.modules[name]
                if before is not None:
                    sys.modules[name] = before
        elif value is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, value)
