"""Names of the files that models and callbacks save, whose endings Keras 3 prescribes."""

import re

import libcst as cst

from .constants import constant
from .keras_calls import calls_of, edit_inside, is_keras, keywords


def callbacks(program):
    """`ModelCheckpoint("x.hdf5")` to "x.h5", which Keras 3 takes; arguments of callbacks that are gone."""
    for call, _ in calls_of(program, "callbacks", ("ModelCheckpoint",)):
        given = keywords(call)
        path = given.get("filepath") or next((arg for arg in call.args if arg.keyword is None and not arg.star), None)
        weights = given.get("save_weights_only") or ([a for a in call.args if a.keyword is None][4:5] or [None])[0]
        only = False if weights is None else constant(program, weights.value)
        if path is not None and isinstance(only, bool):
            _end(program, path.value, ".weights.h5" if only else ".h5", "ModelCheckpoint")
        if "period" in given:
            if constant(program, given["period"].value) == 1:
                program.drop(call, [given["period"]])
            else:
                program.report(given["period"], "`period=` is not in Keras 3: write `save_freq=` the number of batches")
    for call, _ in calls_of(program, "callbacks", ("TensorBoard",)):
        gone = ("write_grads", "batch_size", "embeddings_layer_names", "embeddings_data")
        program.drop(call, [arg for name, arg in keywords(call).items() if name in gone])


def weights(program):
    """`save_weights("x.h5")` to "x.weights.h5", with the `load_weights` of the same name."""
    if not is_keras(program) and not program.stars:
        return
    saved = set()
    for call in program.of(cst.Call):
        if isinstance(call.func, cst.Attribute) and call.func.attr.value == "save_weights" and call.args:
            text = _end(program, call.args[0].value, ".weights.h5", "save_weights")
            if text:
                saved.add(text)
    for call in program.of(cst.Call):
        if isinstance(call.func, cst.Attribute) and call.func.attr.value == "load_weights" and call.args:
            node, text = _ending(program, call.args[0].value)
            if node is not None and program.code(node) in saved:
                _end(program, call.args[0].value, ".weights.h5", None)


def _end(program, expression, ending, what):
    """Let a file name end so. Returns the source of the string that is changed."""
    node, text = _ending(program, expression)
    wanted = f"{what}: Keras 3 takes only a name that ends in `{ending}`" + (", or `.keras`" if ending == ".h5" else "")
    if node is None:
        if what == "save_weights":
            program.report(expression, wanted)
        return None
    if text.endswith(ending) or (ending == ".h5" and text.endswith(".keras")):
        return None
    match = re.search(r"(?:\.weights)?\.(?:h5|hdf5|hdf)$", text)
    code = program.code(node)
    tail = re.search(r"(?:\.weights)?\.(?:h5|hdf5|hdf)(?=(['\"]{0,3})$)", code)
    if match is None and re.search(r"\.\w{1,8}$", text) and not text.endswith(".ckpt"):
        if what:
            program.report(expression, wanted)
        return None
    if tail is None:
        end = re.search(r"['\"]*$", code).start()
        if not text or (what == "ModelCheckpoint" and ending == ".h5"):
            program.report(expression, wanted)
            return None
        edit_inside(program, node, end, end, ending)
    else:
        edit_inside(program, node, tail.start(), tail.end(), ending)
    return code


def _ending(program, expression, depth=0):
    """The string that a file name ends with, through what joins and formats; (None, None) if it is not seen."""
    if isinstance(expression, cst.SimpleString):
        return expression, expression.raw_value
    if isinstance(expression, cst.FormattedString) and expression.parts:
        last = expression.parts[-1]
        return (last, last.value) if isinstance(last, cst.FormattedStringText) else (None, None)
    if isinstance(expression, cst.BinaryOperation):
        side = {cst.Add: expression.right, cst.Modulo: expression.left}.get(type(expression.operator))
        return (None, None) if side is None else _ending(program, side, depth)
    if isinstance(expression, cst.Call) and isinstance(expression.func, cst.Attribute):
        if expression.func.attr.value == "format":
            return _ending(program, expression.func.value, depth)
        if expression.func.attr.value == "join" and len(expression.args) > 1:
            return _ending(program, expression.args[-1].value, depth)
    if isinstance(expression, cst.Name) and depth < 4:
        values = [program.value(origin) for origin in program.origins(expression)]
        if len(values) == 1 and values[0] is not None:
            return _ending(program, values[0], depth + 1)
    return None, None
