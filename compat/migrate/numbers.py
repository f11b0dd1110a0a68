"""Repairs of `repairs` for numbers: sizes that are NumPy's, and lists where Keras 3 takes arrays."""

import libcst as cst

from .flows import arguments, resolve
from .keras_calls import calls_of, is_keras
from .saving import is_model, number_of_outputs

_SIZED = {"Dense": ("units",), "RepeatVector": ("n",), "Embedding": ("input_dim", "output_dim")}
_NUMBERS = ("amax", "amin", "ceil", "floor", "max", "min", "prod", "round", "sum")
_FED = {
    **dict.fromkeys(("fit", "evaluate", "train_on_batch", "test_on_batch"), ("x", "y")),
    **dict.fromkeys(("predict", "predict_on_batch"), ("x",)),
}


def sizes(program):
    """`Dense(np.prod(shape))` to `Dense(int(np.prod(shape)))`: sizes are integers of Python in Keras 3."""
    for call, name in calls_of(program, "layers", _SIZED):
        given = arguments(call, _SIZED[name]) or {}
        for arg in [given[name] for name in _SIZED[name] if name in given]:
            if _is_of_numpy(program, arg.value):
                start, end = program.span(arg.value)
                program.edits.append((start, end, f"int({program.code(arg.value)})"))


def _is_of_numpy(program, node, depth=0):
    """Whether an expression is a number of NumPy or pandas, as far as it is seen: `np.prod(x)`, `x.max() + 1`."""
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in _NUMBERS:
        paths = program.paths(node.func)
        return paths == {None} or all(path and path.startswith("numpy.") for path in paths)
    if isinstance(node, cst.BinaryOperation):
        return any(_is_of_numpy(program, side, depth) for side in (node.left, node.right))
    if isinstance(node, cst.Name) and depth < 4:
        values = [program.value(origin) for origin in program.origins(node)]
        return bool(values) and all(one is not None and _is_of_numpy(program, one, depth + 1) for one in values)
    return False


def lists(program):
    """`model.train_on_batch(x, [1] * 8)` to `..., np.array([1] * 8))`: Keras 3 takes a list for several outputs."""
    if not is_keras(program):
        return
    homes = [one for one in program.bindings if one.target == "numpy" and one.is_global]
    for call in program.of(cst.Call):
        method = call.func.attr.value if isinstance(call.func, cst.Attribute) else None
        given = (arguments(call, _FED[method]) if method in _FED else None) or {}
        for arg in [given[name] for name in _FED.get(method, ()) if name in given]:
            known = method.endswith("_on_batch") or resolve(program, call.func.value, is_model)
            if not known or not _is_list_of_numbers(program, arg.value):
                continue
            if homes:
                program.edits.append((*program.span(arg.value), f"{homes[0].name}.array({program.code(arg.value)})"))
            else:
                program.report_lost(arg, "a list of numbers is several inputs or outputs: write `np.array(...)`")


def sets(program):
    """`for w in set(model.trainable_weights)` without `set`, in which variables of Keras 3 are not."""
    for call in program.of(cst.Call):
        if getattr(call.func, "value", None) != "set" or len(call.args) != 1 or not is_keras(program):
            continue
        weights = call.args[0].value
        if isinstance(weights, cst.Attribute) and weights.attr.value in ("trainable_weights", "non_trainable_weights"):
            if isinstance(program.parents[call], (cst.For, cst.CompFor)) and program.is_builtin(call.func):
                program.replace(call, program.code(weights))
            else:
                program.report_lost(call, "variables of Keras 3 are in no set: write a list")


def named_targets(program):
    """`fit(x, {"out": y})` and `yield x, {"out": y}`, which Keras 3 does not take of an only output: listed."""
    if not is_keras(program):
        return
    found = [
        element.value.elements[1].value
        for element in program.of(cst.Yield)
        if isinstance(element.value, cst.Tuple) and len(element.value.elements) > 1
    ]
    for call in program.of(cst.Call):
        method = call.func.attr.value if isinstance(call.func, cst.Attribute) else None
        given = (arguments(call, _FED[method]) if method in _FED else None) or {}
        if "y" in given and not any(
            number_of_outputs(one) > 1 for one in resolve(program, call.func.value, is_model) or ()
        ):
            found.append(given["y"].value)
    for node in found:
        if isinstance(node, cst.Dict) and len(node.elements) == 1 and isinstance(node.elements[0], cst.DictElement):
            program.report_lost(node, "Keras 3 takes the targets of an only output without its name: write them alone")


def _is_list_of_numbers(program, node, depth=0):
    if isinstance(node, cst.List):
        values = [one.value for one in node.elements]
        signs = [one.expression if isinstance(one, cst.UnaryOperation) else one for one in values]
        return bool(values) and all(isinstance(one, (cst.Integer, cst.Float)) for one in signs)
    if isinstance(node, cst.BinaryOperation):
        if isinstance(node.operator, cst.Multiply):
            return any(_is_list_of_numbers(program, side, depth) for side in (node.left, node.right))
        sides = (node.left, node.right)
        return isinstance(node.operator, cst.Add) and all(_is_list_of_numbers(program, one, depth) for one in sides)
    if isinstance(node, cst.Name) and depth < 4:
        values = [program.value(origin) for origin in program.origins(node)]
        return bool(values) and all(one is not None and _is_list_of_numbers(program, one, depth + 1) for one in values)
    return False
