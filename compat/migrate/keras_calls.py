"""Calls of Keras in a program, by what their names stand for."""

import functools
import re

import libcst as cst

from .moved import KERAS

_OF_KERAS = re.compile(rf"{KERAS}(?:\.|$)")


def named(program, expression, module):
    """The last name of an expression that stands for something in a module of Keras, for sure; otherwise None."""
    found = [path and _in(module).fullmatch(path) for path in program.paths(expression)]
    stars = all(binding.alias is None for binding in program.roots(expression)) if any(found) else False
    if found and (all(found) or (any(found) and stars)):
        return next(match[1] for match in found if match)
    return None


@functools.cache
def _in(module):
    return re.compile(rf"{KERAS}\.{module}(?:\.\w+)*\.(\w+)")


def calls_of(program, module, names):
    """Yield pairs of a call and the name of what is called, of those in a module of Keras."""
    for call in program.of(cst.Call):
        func = call.func
        last = func.attr.value if isinstance(func, cst.Attribute) else getattr(func, "value", None)
        if last in names or isinstance(func, cst.Name):
            name = named(program, func, module)
            if name in names:
                yield call, name


def keywords(call):
    return {arg.keyword.value: arg for arg in call.args if arg.keyword is not None}


def is_keras(program):
    return any(_OF_KERAS.match(binding.target) for binding in program.bindings)


def edit_inside(program, node, start, end, text):
    """Replace a part of the text of a node, if that is not done already."""
    code, offset = program.code(node), program.span(node)[0]
    edit = (offset + len(code[:start].encode()), offset + len(code[:end].encode()), text)
    if edit not in program.edits:
        program.edits.append(edit)
