"""What own generators and sequences hand to a model: lists of arrays, which Keras 3 refuses where Keras 2 took them."""

import libcst as cst

from . import patterns as m
from .flows import METHODS, feedings, module_beside, resolve
from .keras_calls import is_keras
from .names import FLOWS
from .program import Binding

_SEQUENCES = ("Sequence", "PyDataset")
_TUPLE = "Keras 3 takes tuples of arrays, no lists: left alone. Write `tuple(...)`"
_ONE = "Keras 3 predicts from tuples, `(x,)`: left alone. Write `yield (x,)` if this is an array"


def rewrite_own_generators(program):
    """Let generator functions that are fed to a model, and sequences, hand out tuples where lists are seen.

    One that goes on without end and gives lists of inputs or targets, beside Keras, is for a model somewhere else.
    """
    predicted, trained = set(), set()
    for fed in feedings(program):
        for function in _functions(program, fed.arg.value):
            (predicted if METHODS[fed.call.func.attr.value] == "predict" else trained).add(function)
        if METHODS[fed.call.func.attr.value] == "predict" and _gives_bare_arrays(program, fed.arg.value):
            start, end = program.span(fed.arg.value)
            program.insert(start, "((x,) for x in ")
            program.insert(end, ")")
    for node in program.of(cst.Yield):
        function = _around(program, node, cst.FunctionDef)
        if function in predicted | trained and node.value is not None and not isinstance(node.value, cst.From):
            _hand_out(program, node.value)
            if function not in trained:
                _make_tuple(program, node.value)
        elif isinstance(node.value, cst.Tuple) and len(node.value.elements) > 1 and _is_for_a_model(program, node):
            _hand_out(program, node.value)
    for node in program.of(cst.Return):
        function = _around(program, node, cst.FunctionDef)
        if (
            function is not None
            and function.name.value == "__getitem__"
            and node.value is not None
            and _is_sequence(program, program.parents.get(program.parents.get(function)))
        ):
            _hand_out(program, node.value)


def _is_for_a_model(program, node):
    """Whether a `yield` is in a loop without end, in a program of Keras or of flows."""
    loop = _around(program, node, cst.While)
    if loop is None or not m.matches(loop.test, m.Name("True") | m.Integer("1")):
        return False
    return is_keras(program) or any(node.attr.value in FLOWS[1:] for node in program.of(cst.Attribute))


def _hand_out(program, value):
    """Turn the lists in what is yielded or returned into tuples: `[x1, x2], y`, and `[x, y]` itself."""
    if isinstance(value, cst.List):
        _turn(program, value)
    if not isinstance(value, (cst.Tuple, cst.List)):
        return
    for element in value.elements:
        part = element.value
        if isinstance(part, cst.List) and not isinstance(element, cst.StarredElement):
            _turn(program, part, alone="")
        elif isinstance(part, cst.Name):
            values = [program.value(origin) for origin in program.origins(part)]
            lists = [isinstance(one, cst.List) and len(one.elements) > 1 for one in values]
            if lists and all(lists):
                start, end = program.span(part)
                program.insert(start, "tuple(")
                program.insert(end, ")")
            elif any(lists):
                program.report_lost(part, f"`{part.value}` may be a list, and {_TUPLE}")


def _turn(program, node, alone=","):
    """`[a, b]` to `(a, b)`, `[a]` to `(a,)` or `(a)`; lists of numbers, which are arrays, stay."""
    if not node.elements or all(m.matches(one.value, m.Integer() | m.Float()) for one in node.elements):
        return
    start, end = program.span(node)
    last = node.elements[-1]
    one = len(node.elements) == 1 and not isinstance(last.comma, cst.Comma)
    program.edits += [(start, start + 1, "("), (end - 1, end, f"{alone})" if one else ")")]


def _make_tuple(program, value):
    """`yield x` to `yield (x,)` where `x` is an array for sure; other names are listed."""
    if isinstance(value, (cst.Tuple, cst.List, cst.Dict)):
        return
    if _is_array(program, value):
        start, end = program.span(value)
        program.insert(start, "(")
        program.insert(end, ",)")
    else:
        program.report_lost(value, _ONE)


def _is_array(program, value):
    """Whether a value is what a function of NumPy returned."""
    values = [program.value(o) for o in program.origins(value)] if isinstance(value, cst.Name) else [value]
    return bool(values) and all(isinstance(one, cst.Call) and _is_of_numpy(program, one) for one in values)


def _gives_bare_arrays(program, data):
    """Whether data come from a generator function of a module beside the program, which yields arrays alone."""
    calls = resolve(program, data, lambda _, call: isinstance(call.func, cst.Name)) or []
    return bool(calls) and all(_is_of_arrays(program, call.func) for call in calls)


def _is_of_arrays(program, name):
    """Whether a name is bound to such a function by imports alone."""
    found = generator_of(program, name)
    if found is None or found[0] is program:
        return False
    other, function = found
    values = [node.value for node in other.of(cst.Yield) if _around(other, node, cst.FunctionDef) is function]
    return all(value is not None and _is_array(other, value) for value in values)


def generator_of(program, name):
    """The generator function that a name is bound to, and the program that it is in: this one, or a module beside it.

    None if there is none, or if it may be something else. Of several `import *` one may have it.
    """
    bound, found = program.origins(name), []
    for one in bound:
        if isinstance(_node(one), cst.FunctionDef):
            found += _generators(program, [_node(one)])
        elif isinstance(one, Binding) and (other := module_beside(program, one, "yield")) is not None:
            last = name.value if one.alias is None else one.alias.evaluated_name
            found += _generators(other, [node for node in other.of(cst.FunctionDef) if node.name.value == last])
    by_stars = all(isinstance(one, Binding) and one.alias is None for one in bound)
    return found[0] if len(found) == 1 and (len(bound) == 1 or by_stars) else None


def _generators(program, functions):
    """Pairs of the program and those of its functions that have a `yield`."""
    yielding = {_around(program, node, cst.FunctionDef) for node in program.of(cst.Yield)}
    return [(program, function) for function in functions if function in yielding]


def _is_of_numpy(program, call):
    return all(path and path.partition(".")[0] == "numpy" for path in program.paths(call.func))


def _functions(program, data):
    """The generator functions of the program that some data come from."""
    calls = resolve(program, data, lambda _, call: isinstance(call.func, cst.Name)) or []
    for call in calls:
        yield from (node for origin in program.origins(call.func) if isinstance(node := _node(origin), cst.FunctionDef))


def _node(origin):
    return getattr(origin, "node", None)


def _is_sequence(program, node):
    """Whether a class is a `keras.utils.Sequence`."""
    return isinstance(node, cst.ClassDef) and any(
        path and path.rpartition(".")[2] in _SEQUENCES and "keras" in path.split(".")
        for base in node.bases
        for path in program.paths(base.value)
    )


def _around(program, node, kind):
    while node is not None and not isinstance(node, kind):
        node = program.parents.get(node)
    return node
