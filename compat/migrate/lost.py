"""What Keras 3 has lost and no repair replaces: `install` gives it back, in a line above the first import of Keras."""

import re

import libcst as cst

from .names import OURS
from .program import dotted_name

_CALL = f"{OURS}.install()"
_KERAS = re.compile(r"(?:keras|tensorflow|keras_\w+)(?:\.|$)")


def give_back(program, only_data):
    """Let a program call `install` where something is lost, unless it does, and list what it is.

    Args:
        program: a `Program`, which takes the edits and findings.
        only_data: whether to list it alone.
    """
    given = _CALL.encode() in program.data
    if program.lost and not given and not only_data:
        for place in _places(program):
            newline = program.newline(program.span(place)[0]) + program.indentation(program.span(place)[0])
            comment = "  # keras-regen: gives back what this file uses of Keras 2"
            given = program.add_before(place, f"import {OURS}{newline}{_CALL}{comment}")
    for offset, reason in program.lost:
        program.findings.append((offset, f"{reason}; until then `{_CALL}` gives it back" if given else reason))


def _places(program):
    """The first statement of the module that imports Keras, or anything at all, or else that of each function."""
    imports = sorted(program.of(cst.Import, cst.ImportFrom), key=program.span)
    imports = [one for one in imports if "__future__" not in _modules(one)]
    of_keras = [one for one in imports if any(_KERAS.match(name) for name in _modules(one))]
    found = {}
    for statement in of_keras or imports:
        outer = node = program.parents[statement]
        while not isinstance(program.parents[node], cst.Module):
            node = program.parents[node]
        inside = isinstance(node, (cst.FunctionDef, cst.ClassDef))
        found.setdefault(node if inside else None, outer if inside else node)
    if None in found:
        found = {None: found[None]}
    return [place for place in found.values() if program.indentation(program.span(place)[0]) is not None]


def _modules(statement):
    if isinstance(statement, cst.Import):
        return [alias.evaluated_name for alias in statement.names]
    return [(not statement.relative and dotted_name(statement.module)) or ""]
