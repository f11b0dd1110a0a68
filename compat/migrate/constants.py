"""The values of expressions of a program that are known without running it."""

import ast

from ..literals import value_of
from . import patterns as m

UNKNOWN = object()


def constant(program, expression, depth=0):
    """The value of a literal, of arithmetic with literals, or of a variable assigned one; `UNKNOWN` otherwise."""
    names = {node.value: node for node in m.findall(expression, m.Name())}

    def look_up(name):
        origins = program.origins(names[name])
        value = program.value(origins[0]) if len(origins) == 1 and depth < 4 else None
        known = UNKNOWN if value is None else constant(program, value, depth + 1)
        if known is UNKNOWN:
            raise ValueError(f"no literal: {name}")
        return known

    try:
        return value_of(ast.parse(f"({program.code(expression)}\n)", mode="eval").body, look_up)
    except (RecursionError, SyntaxError, ValueError):  # one is an integer of more digits than Python reads
        return UNKNOWN
