"""Where a program computes with the symbolic tensors of a model: Keras 3 takes them in its layers and `ops` alone."""

import re

import libcst as cst

from . import patterns as m
from .flows import resolve
from .keras_calls import is_keras, named
from .moved import BACKEND, BACKEND_GONE, KERAS_1_LAYERS, LAYERS
from .saving import is_model

_PLAIN = ("dtype", "get_uid", "get_value", "int_shape", "is_keras_tensor", "is_sparse", "ndim", "set_value", "variable")
"""Functions that look at no values."""
_MADE = {re.sub(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in LAYERS}
"""The beginnings of the names that layers have if they are given none."""


def tensors_of_models(program):
    """`K.sum(z_mean)` of what a layer gave, also in a loss, and `model.add_loss(x)`: listed, once per statement."""
    if not any(binding.target.startswith(("keras", "tensorflow")) for binding in program.bindings):
        return
    seen = set()
    for call in program.of(cst.Call):
        if not call.args:
            continue
        if name := _of_backend(program, call):
            if not any(_is_symbolic(program, arg.value) for arg in call.args):
                continue
            how = f"`{name}` of a tensor of a model: write it with `keras.ops`, or as a layer"
        elif m.matches(call.func, m.Attribute(attr=m.Name("add_loss"))) and resolve(program, call.func.value, is_model):
            how = "models take no tensors of their own as losses: call `self.add_loss` in a layer"
        else:
            continue
        statement = program.statement(call)
        if statement is not None and statement not in seen:
            seen.add(statement)
            program.report_lost(call, how)


def names_of_layers(program):
    """`get_layer("conv2d_2")` of a name that Keras made: standalone Keras 2 began to count at one, Keras 3 at none."""
    if not any(binding.target.partition(".")[0] == "keras" for binding in program.bindings):
        return
    for call in program.of(cst.Call):
        if not m.matches(call.func, m.Attribute(attr=m.Name("get_layer"))) or not call.args:
            continue
        found = re.fullmatch(r"(\w+?)_(\d+)", getattr(call.args[0].value, "raw_value", ""))
        if found and found[1] in _MADE:
            now = found[1] if found[2] == "1" else f"{found[1]}_{int(found[2]) - 1}"
            program.report(
                call, f"`{found[0]}` of Keras before 2.4 is called `{now}` in Keras 3, which begins without a number"
            )


def inputs_in_chains(program):
    """`for layer in model.layers: x = layer(x)`, where the first one may be an `InputLayer`: listed."""
    if not is_keras(program):
        return
    for loop in program.of(cst.For):
        if not m.matches(loop, m.For(m.Name(), m.Attribute(attr=m.Name("layers")))):
            continue
        for call in m.findall(loop.body, m.Call(m.Name(loop.target.value))):
            if len(call.args) == 1:
                program.report_lost(
                    call, "an `InputLayer` takes no tensor in Keras 3: leave it out, by `model.layers[1:]`"
                )


def _of_backend(program, call):
    """The name of a function of the backend, or of TensorFlow, that computes; None for others."""
    if (name := named(program, call.func, "backend")) is not None:
        return None if name in _PLAIN or name in BACKEND or name in BACKEND_GONE else name
    paths = program.paths(call.func)
    of_tensorflow = all(path and path.startswith("tensorflow.") and ".keras" not in path for path in paths)
    return next(iter(paths)) if of_tensorflow and isinstance(call.func, cst.Attribute) else None


def _is_symbolic(program, node, depth=0):
    """Whether an expression gives a symbolic tensor, or holds one, for sure."""
    if depth > 8:
        return False
    if isinstance(node, cst.Name):
        values = [program.value(origin) for origin in program.origins(node)]
        return bool(values) and all(one is not None and _is_symbolic(program, one, depth + 1) for one in values)
    if isinstance(node, cst.Call):
        return _is_of_layer(program, node, depth) or (
            _of_backend(program, node) is not None
            and any(_is_symbolic(program, arg.value, depth + 1) for arg in node.args)
        )
    if isinstance(node, cst.Attribute):
        return node.attr.value in ("input", "output") and _is_of_graph(program, node.value)
    parts = {
        cst.BinaryOperation: lambda: (node.left, node.right),
        cst.UnaryOperation: lambda: (node.expression,),
        cst.Subscript: lambda: (node.value,),
        cst.List: lambda: [one.value for one in node.elements],
        cst.Tuple: lambda: [one.value for one in node.elements],
    }.get(type(node), tuple)()
    return any(_is_symbolic(program, part, depth + 1) for part in parts)


def _is_of_graph(program, owner):
    """Whether what has an `input` or `output` is a model, or one of its layers."""
    of_model = m.Call(m.Attribute(attr=m.Name("get_layer"))) | m.Subscript(m.Attribute(attr=m.Name("layers")))
    return m.matches(owner, of_model) or bool(resolve(program, owner, is_model))


def _is_of_layer(program, call, depth):
    """Whether a call is that of a layer on a tensor, or makes an input."""
    func = call.func
    if named(program, func, "layers") == "Input" or program.paths(func) <= {"keras.Input", "tensorflow.keras.Input"}:
        return True
    makers = [func]
    if isinstance(func, cst.Name):
        makers = [program.value(origin) for origin in program.origins(func)]
    return bool(makers) and all(
        isinstance(one, cst.Call) and named(program, one.func, "layers") in (LAYERS | KERAS_1_LAYERS.keys())
        for one in makers
    )


def set_outputs(program):
    """`model.outputs = [...]`, behind `model.layers.pop()`: listed."""
    for node in program.of(cst.Attribute):
        if node.attr.value != "outputs" or not isinstance(program.parents[node], cst.AssignTarget):
            continue
        if is_keras(program) and program.code(node.value) != "self":
            program.report_lost(
                node, "`outputs` is not set in Keras 3: make a `Model` of the inputs and of what it gives"
            )
