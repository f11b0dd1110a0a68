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
    if program.lost and not given and not only_data and (first := _first_import(program)) is not None:
        newline = program.newline(program.span(first)[0])
        comment = "  # keras-regen: gives back what this file uses of Keras 2"
        given = program.add_before(first, f"import {OURS}{newline}{_CALL}{comment}")
    for offset, reason in program.lost:
        program.findings.append((offset, f"{reason}; until then `{_CALL}` gives it back" if given else reason))


def _first_import(program):
    """The statement of the module that first imports Keras, or else anything at all; None if that is in a function."""
    imports = sorted(program.of(cst.Import, cst.ImportFrom), key=program.span)
    imports = [one for one in imports if "__future__" not in _modules(one)]
    of_keras = [one for one in imports if any(_KERAS.match(name) for name in _modules(one))]
    node = next(iter(of_keras or imports), None)
    while node is not None and not isinstance(program.parents[node], cst.Module):
        node = program.parents[node]
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            return None
    return node if node is not None and program.indentation(program.span(node)[0]) == "" else None


def _modules(statement):
    if isinstance(statement, cst.Import):
        return [alias.evaluated_name for alias in statement.names]
    return [(not statement.relative and dotted_name(statement.module)) or ""]
