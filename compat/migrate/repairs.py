"""What else of Keras 1 and 2 breaks in Keras 3: one table of repairs, those that are safe made, the others listed."""

import re

import libcst as cst

from . import patterns as m
from .constants import UNKNOWN, constant
from .flows import METHODS
from .histories import accuracy
from .keras_calls import calls_of, is_keras, keywords, named
from .modules import is_idle, modules
from .moved import (
    BACKEND,
    BACKEND_GONE,
    BACKEND_LOST,
    CONVOLUTIONS_2D,
    KERAS,
    KERAS_1_LAYERS,
    MERGE_MODES,
    OPTIMIZERS,
    TENSORFLOW_1,
    UNUSED_BY_SEPARABLE,
    VALUES,
)
from .numbers import lists, named_targets, sets, sizes
from .program import dotted_name
from .saving import callbacks, files, loaded_models
from .symbolic import inputs_in_chains, names_of_layers, set_outputs, tensors_of_models
from .training import (
    adversaries,
    batch_shapes,
    class_weights,
    first_shapes,
    graphs,
    inputs_of_first_layers,
    losses,
    metrics,
    names_of_metrics,
    orders,
    phases,
    rates,
    shapes,
    shared_optimizers,
    targets_of_metrics,
    tensorflow_1,
    weights_by_name,
)

_LEARNING_RATES = (
    "Scheduler(",
    "LearningRateScheduler",
    "ReduceLROnPlateau",
    ".lr",
    "learning_rate.assign",
    "set_value",
    "LR(",
    "Snapshot",
)


def repair(program):
    """Make the repairs of `REPAIRS` in a program.

    Returns:
        List of pairs of an import statement and a statement to add after it.
    """
    wanted = []
    for one in REPAIRS:
        wanted += one(program) or []
    return wanted


# The repairs


def optimizers(program):
    """`Adam(lr=0.1)` to `Adam(learning_rate=0.1)`; `decay=` to the schedule that it was."""
    wanted, text = [], program.data.decode()
    if not re.search(r"\.fit(?:_generator)?\(|train_on_batch\(", text):  # what it compiles is trained elsewhere
        text += program.beside("*") or ""
    names = {**OPTIMIZERS, **{name.lower(): rate for name, rate in OPTIMIZERS.items()}}
    classes = {name.lower(): name for name in OPTIMIZERS}
    for call, name in calls_of(program, "optimizers", names):
        given = keywords(call)
        if "lr" in given and "learning_rate" not in given:
            program.replace(given["lr"].keyword, "learning_rate")
        for unset in ("epsilon", "clipnorm", "clipvalue"):
            if unset == "epsilon" and unset in given and m.matches(given[unset].value, m.Name("None")):
                program.drop(call, [given[unset]])
        if "schedule_decay" in given and constant(program, given["schedule_decay"].value) == 0.004:  # as it was anyway
            program.drop(call, [given["schedule_decay"]])
        elif "schedule_decay" in given:
            program.report_lost(call, "`schedule_decay` is gone: Keras 3's Nadam has a schedule of its own")
        if "decay" not in given:
            continue
        decay = given["decay"]
        rate = given.get("lr") or given.get("learning_rate")
        if rate is None and call.args and call.args[0].keyword is None:
            rate = call.args[0]
        value = constant(program, decay.value)
        schedule = "InverseTimeDecay"
        if value == 0 and not isinstance(value, bool):
            program.drop(call, [decay])
        elif (
            any(word in text for word in _LEARNING_RATES)
            or not (places := program.places(program.roots(call.func)))
            or program.assignments(schedule)
            or "#" in program.code(call)
        ):
            program.report_lost(
                decay,
                "`decay=` of optimizers is ignored by Keras 3: write `learning_rate=keras.optimizers.schedules."
                "InverseTimeDecay(rate, 1, decay)`, unless a callback sets the learning rate",
            )
        else:
            code = OPTIMIZERS[classes.get(name, name)] if rate is None else program.value_code(rate)
            made = f"{schedule}({code}, 1, {program.value_code(decay)})"
            if rate is None:
                program.replace(decay, f"learning_rate={made}")
            else:
                start = program.span(rate)[0] if rate.keyword is None else program.span(rate.value)[0]
                lead = 0 if rate.keyword is None else _parentheses(program, rate)
                program.edits.append((start - lead, program.span(rate.value)[1] + lead, made))
                program.drop(call, [decay])
            home = (
                "tensorflow.keras"
                if any(p and p.startswith("tensorflow") for p in program.paths(call.func))
                else "keras"
            )
            wanted += [(place, f"from {home}.optimizers.schedules import {schedule}") for place in places]
    for node in program.of(cst.Attribute):
        if m.matches(node, m.Attribute(m.Attribute(attr=m.Name("optimizer")), m.Name("lr") | m.Name("learning_rate"))):
            _rate_of_optimizer(program, node)
    return wanted


def _rate_of_optimizer(program, node):
    """`optimizer.lr` to `.learning_rate`, and `K.set_value(optimizer.lr, x)` to `optimizer.learning_rate = x`."""
    rate, call = f"{program.code(node.value)}.learning_rate", program.parents[program.parents[node]]
    if (
        isinstance(call, cst.Call)
        and named(program, call.func, "backend") == "set_value"
        and len(call.args) == 2
        and call.args[0].value is node
        and isinstance(program.parents[call], cst.Expr)
    ):
        program.replace(call, f"{rate} = {program.value_code(call.args[1])}")
    elif node.attr.value == "lr":
        program.replace(node.attr, "learning_rate")


def _parentheses(program, arg):
    start = program.span(arg)[0]
    return program.between(start, program.span(arg.value)[0]).count("(")


def models(program):
    """`Model(input=, output=)` to `Model(inputs=, outputs=)`."""
    for call, _ in calls_of(program, "(?:models|engine|engine.training)", ("Model",)):
        _rename(program, call, {"input": "inputs", "output": "outputs"})
    for call in program.of(cst.Call):
        if program.paths(call.func) <= {"keras.Model", "tensorflow.keras.Model"}:
            _rename(program, call, {"input": "inputs", "output": "outputs"})


def _rename(program, call, names):
    given = keywords(call)
    for old, new in names.items():
        if old in given and new not in given and old != new:
            program.replace(given[old].keyword, new)


def layers(program):
    """The arguments of layers in Keras 1: other names, and `nb_row, nb_col` for a kernel."""
    calls = list(calls_of(program, "layers", KERAS_1_LAYERS))
    is_keras_1 = any(
        name in _OF_KERAS_1 or (name in CONVOLUTIONS_2D and not KERAS_1_LAYERS[name].keys().isdisjoint(keywords(call)))
        for call, name in calls
    )
    for call, name in calls:
        given = keywords(call)
        _rename(program, call, KERAS_1_LAYERS[name])
        if "dim_ordering" in given:
            code = program.code(given["dim_ordering"].value)
            program.replace(given["dim_ordering"].value, VALUES.get(code, code))
            if code not in VALUES and "default" not in code:
                program.report(
                    given["dim_ordering"], "`dim_ordering` is `data_format` in Keras 3: 'channels_first' for 'th'"
                )
        if name.startswith(("Separable", "Depthwise")):
            program.drop(call, [arg for word, arg in given.items() if word in UNUSED_BY_SEPARABLE])
        if name == "BatchNormalization" and "mode" in given and constant(program, given["mode"].value) in (0, 2):
            program.drop(call, [given["mode"]])
        if name.startswith(("AveragePooling", "AvgPool")) and {"pool_size", "pool_length"}.isdisjoint(given):
            _pool(program, call)
        if name == "ThresholdedReLU":
            _threshold(program, call)
        if name in CONVOLUTIONS_2D:
            own = name in _OF_KERAS_1 or not KERAS_1_LAYERS[name].keys().isdisjoint(given)
            _kernel(program, call, given, own, is_keras_1)
    _merges(program)


_OF_KERAS_1 = ("Convolution2D", "AtrousConvolution2D")


def _pool(program, call):
    """`AveragePooling2D()` to `AveragePooling2D(pool_size=2)`, which it was without a word."""
    if any(arg.star or arg.keyword is None for arg in call.args):
        return
    if call.args:
        program.insert(program.span(call.args[0])[0], "pool_size=2, ")
    else:
        program.insert(program.span(call)[1] - 1, "pool_size=2")


def _threshold(program, call):
    """`ThresholdedReLU(0.5)` to `ReLU(threshold=0.5)`."""
    if not call.args:
        program.insert(program.span(call)[1] - 1, "threshold=1.0")
    elif call.args[0].keyword is None and not call.args[0].star:
        program.insert(program.span(call.args[0])[0], "threshold=")


def _kernel(program, call, given, own, others):
    """`Convolution2D(32, 3, 3)` to `Convolution2D(32, (3, 3))`, in standalone Keras: TensorFlow's never took it so.

    `own` is whether the call itself has words of Keras 1, `others` whether another one has: then a square is a kernel.
    """
    by_position = [arg for arg in call.args if arg.keyword is None and not arg.star]
    standalone = not any(path and path.startswith("tensorflow") for path in program.paths(call.func))
    old = standalone and not any(arg.star for arg in call.args)
    if len(by_position) >= 3 and old and "strides" not in given:
        row, column = by_position[1:3]
        sizes = [constant(program, arg.value) for arg in (row, column)]
        if not own and not (others and sizes[0] == sizes[1] != 1 and isinstance(sizes[0], int)):
            if all(isinstance(size, int) for size in sizes):
                code = f"({program.code(row.value)}, {program.code(column.value)})"
                program.report(
                    column, f"the third number is the stride in Keras 3; if a kernel is meant, write `{code}`"
                )
        elif all(size is UNKNOWN or isinstance(size, int) for size in sizes):
            program.insert(program.span(row)[0], "(")
            program.insert(program.span(column)[1], ")")
    elif old and {"nb_row", "nb_col"} <= set(given):
        row, column = given["nb_row"], given["nb_col"]
        program.replace(row, f"kernel_size=({program.value_code(row)}, {program.value_code(column)})")
        program.drop(call, [column])


def _merges(program):
    """`merge([a, b], mode="concat")` to `concatenate([a, b])`."""
    needed = {}
    for call in program.of(cst.Call):
        if named(program, call.func, "layers") != "merge":
            continue
        given = keywords(call)
        mode = constant(program, given["mode"].value) if "mode" in given else "sum"
        new = MERGE_MODES.get(mode) if isinstance(mode, str) else None
        dotted = isinstance(call.func, cst.Attribute)
        bindings = program.roots(call.func)
        if new is None or len(bindings) != 1 or bindings[0].alias is None or (not dotted and program.assignments(new)):
            program.report(
                call, "`merge` is not in Keras 3: write `concatenate`, `add`, `multiply` ... of keras.layers"
            )
            needed.setdefault(bindings[0] if bindings else None, set()).add(None)
            continue
        program.replace(call.func.attr if dotted else call.func, new)
        if "mode" in given:
            program.drop(call, [given["mode"]])
        for axis in ("concat_axis", "dot_axes"):
            if axis in given:
                program.replace(given[axis].keyword, "axes" if axis == "dot_axes" else "axis")
        more = ["axes=-1"] if mode in ("dot", "cos") and "dot_axes" not in given else []
        more += ["normalize=True"] if mode == "cos" else []
        if more:
            program.add_arguments(call, more, [given["mode"]])
        if not dotted:
            needed.setdefault(bindings[0], set()).add(new)
    for binding, names in needed.items():
        if binding is not None and None not in names and binding.alias.asname is None:
            program.replace(binding.alias, ", ".join(sorted(names)))


def fits(program):
    """`fit(nb_epoch=)` to `epochs=`; `class_weight="auto"`, which was never looked at, goes."""
    if not is_keras(program) and not program.stars:
        return
    for call in program.of(cst.Call):
        if not isinstance(call.func, cst.Attribute) or call.func.attr.value not in METHODS:
            continue
        given = keywords(call)
        if call.func.attr.value == "fit" and "nb_epoch" in given and "epochs" not in given:
            program.replace(given["nb_epoch"].keyword, "epochs")
        weights = given.get("class_weight") if METHODS[call.func.attr.value] == "fit" else None
        if weights is not None and constant(program, weights.value) in ("auto", "balanced"):
            program.drop(call, [weights])
        if call.func.attr.value in ("fit", "evaluate") and "show_accuracy" in given:
            program.drop(call, [given["show_accuracy"]])


def utils(program):
    """`to_categorical(y, nb_classes=10)` to `num_classes=`, `x._keras_shape` to `x.shape`."""
    for call, _ in calls_of(program, "utils", ("to_categorical",)):
        _rename(program, call, {"nb_classes": "num_classes"})
        if (kind := keywords(call).get("dtype")) is not None:
            program.drop(call, [kind])
            program.insert(program.span(call)[1], f".astype({program.value_code(kind)})")
    for call, _ in calls_of(program, r"applications\.(?!imagenet_utils)\w+", ("preprocess_input",)):
        if "mode" in keywords(call):
            program.report_lost(
                call, "`mode=` is not taken here: write `imagenet_utils.preprocess_input` of applications"
            )
    for call, _ in calls_of(program, "datasets", ("load_data",)):
        _rename(program, call, {"nb_words": "num_words"})
    for call, name in calls_of(program, "regularizers", ("l1", "l2")):
        _rename(program, call, {"l": name})
    for call in program.of(cst.Call):
        if m.matches(call.func, m.Attribute(m.Name("self"), m.Name("add_loss"))) and "inputs" in keywords(call):
            program.drop(call, [keywords(call)["inputs"]])
    if is_keras(program):
        for node in program.of(cst.Attribute):
            if node.attr.value == "_keras_shape":
                program.replace(node.attr, "shape")


def backend(program):
    """`from keras import backend as K` to TensorFlow's, which kept what Keras's lost; the rest is listed."""
    wanted = []
    for statement in program.of(cst.ImportFrom):
        if not isinstance(statement.names, cst.ImportStar) and dotted_name(statement.module) == "keras.backend":
            names = {alias.evaluated_name for alias in statement.names}
            if not statement.relative and names - BACKEND - BACKEND_GONE.keys():
                program.replace(statement.module, "tensorflow.keras.backend")
        if not isinstance(statement.names, cst.ImportStar) and not statement.relative:
            gone = re.fullmatch(rf"{KERAS}\.backend", dotted_name(statement.module) or "")
            for alias in statement.names if gone else ():
                how = BACKEND_GONE.get(alias.evaluated_name)
                if how is not None and not is_idle(program, statement, alias):
                    _report_gone(program, alias, alias.evaluated_name, how)
    for node in program.of(cst.Attribute):
        parent = program.parents[node]
        if not isinstance(parent, cst.Attribute) or parent.value is not node:
            continue
        paths, name = program.paths(node), parent.attr.value
        if paths == {"keras.backend"} and m.matches(node, m.Attribute(m.Name("keras"))):
            if name not in BACKEND and name not in BACKEND_GONE and (places := program.places(program.roots(node))):
                program.replace(node, "tensorflow.keras.backend")
                wanted += [(place, "import tensorflow.keras") for place in places]
        elif node.attr.value == "tf" and all(re.fullmatch(rf"{KERAS}\.backend\.tf", path or "") for path in paths):
            if not program.assignments("tf") and (places := program.places(program.roots(node))):
                wanted += [(place, "import tensorflow as tf") for place in places]
            if name in TENSORFLOW_1:
                program.edits.append((program.span(node)[1], program.span(node)[1], ".compat.v1"))
            program.edits.append((program.span(node)[0], program.span(node)[1], "tf"))
    bound = [b for b in program.bindings if re.fullmatch(r"keras\.backend", b.target) and b.alias is not None]
    for binding in bound:
        lost = {}
        for name in program.uses(binding):
            parent = program.parents[name]
            if isinstance(parent, cst.Attribute) and parent.value is name:
                lost.setdefault(parent.attr.value, []).append(parent)
        _orderings(program, lost)
        if any(name not in BACKEND and name not in BACKEND_GONE for name in lost):
            statement = binding.statement
            if isinstance(statement, cst.ImportFrom) and len(statement.names) == 1:
                program.replace(statement.module, "tensorflow.keras")
            elif isinstance(statement, cst.Import) and binding.alias.asname is not None:
                program.replace(binding.alias.name, "tensorflow.keras.backend")
            elif isinstance(statement, cst.ImportFrom) and "#" not in program.code(statement):
                program.add_statement(statement, f"from tensorflow.keras import {program.code(binding.alias)}")
                program.remove(statement.names, [binding.alias])
            else:
                program.report_lost(
                    statement, "write `from tensorflow.keras import backend`: Keras's own lost what is used"
                )
    for binding in program.bindings:
        of_backend = re.fullmatch(rf"{KERAS}\.backend(?:\.tensorflow_backend)?", binding.target)
        if of_backend and binding.alias is not None:
            for name in program.uses(binding):
                parent = program.parents[name]
                used = isinstance(parent, cst.Attribute) and parent.value is name
                if used and (how := BACKEND_GONE.get(parent.attr.value)) and not _is_done(program, parent):
                    _report_gone(program, parent, parent.attr.value, how)
    return wanted


def _report_gone(program, node, name, how):
    report = program.report if name in BACKEND_LOST else program.report_lost
    report(node, f"`{name}` of the backend is not in Keras 3: {how}")


def _is_done(program, node):
    return program.is_edited(node) or program.statement(node) in program.removed


def _orderings(program, lost):
    """`K.image_dim_ordering() == 'th'` to `K.image_data_format() == "channels_first"`."""
    for node in lost.get("set_image_dim_ordering", []):
        call = program.parents[node]
        if isinstance(call, cst.Call) and len(call.args) == 1 and (code := program.code(call.args[0].value)) in VALUES:
            program.replace(node.attr, "set_image_data_format")
            program.edits.append((*program.span(node), f"{program.code(node.value)}.set_image_data_format"))
            program.replace(call.args[0].value, VALUES[code])
    for node in lost.get("image_dim_ordering", []):
        call = program.parents[node]
        comparison = program.parents[call]
        if not isinstance(comparison, cst.Comparison) or len(comparison.comparisons) != 1:
            continue
        target = comparison.comparisons[0]
        code = program.code(target.comparator)
        if comparison.left is call and isinstance(target.operator, (cst.Equal, cst.NotEqual)) and code in VALUES:
            program.edits.append((*program.span(node), f"{program.code(node.value)}.image_data_format"))
            program.replace(target.comparator, VALUES[code])


def predictions(program):
    """`predict_classes` and `predict_proba`, which are listed: what to write depends on the last layer."""
    if not is_keras(program):
        return
    for node in program.of(cst.Attribute):
        parent = program.parents[node]
        if isinstance(parent, cst.Call) and parent.func is node and node.attr.value in ("predict_classes",):
            model = program.code(node.value)
            program.report_lost(
                node,
                f"`predict_classes` is not in Keras 3: write `{model}.predict(...).argmax(axis=-1)`, or for one "
                f"sigmoid `({model}.predict(...) > 0.5).astype('int32')`",
            )


def initializers(program):
    """`Dense(3, init=function)`, where the function takes no dtype, as Keras 1 called it: listed."""
    for call, _ in calls_of(program, "layers", KERAS_1_LAYERS):
        for name, arg in keywords(call).items():
            if not name.endswith(("init", "initializer")):
                continue
            made = [arg.value]
            if isinstance(arg.value, cst.Name):
                made = [program.value(one) or getattr(one, "node", None) for one in program.origins(arg.value)]
            params = [one.params for one in made if isinstance(one, (cst.FunctionDef, cst.Lambda))]
            if params and not any(one.star_kwarg or m.findall(one, m.Param(m.Name("dtype"))) for one in params):
                program.report_lost(arg, "an initializer takes `(shape, dtype=None)` in Keras 3")


def regularizers(program):
    """`l2(l=0.1)` to `l2(l2=0.1)`."""
    for call, name in calls_of(program, "regularizers", ("l1", "l2")):
        _rename(program, call, {"l": name})


def own_optimizers(program):
    """Classes of optimizers with `get_updates`, and those of `tf.train`, which are listed."""
    for node in program.of(cst.Attribute):
        name = node.attr.value
        if name.endswith("Optimizer") and is_keras(program) and program.paths(node) == {f"tensorflow.train.{name}"}:
            program.report_lost(node, f"`tf.train.{name}` is none of Keras: write that of `keras.optimizers`")
    for function in program.of(cst.FunctionDef):
        if function.name.value == "get_updates" and is_keras(program) and len(function.params.params) == 3:
            program.report_lost(function, "`get_updates` of optimizers is gone: write `build` and `update_step(...)`")


REPAIRS = (
    *(optimizers, accuracy, modules, models, layers, fits, callbacks, files, utils, phases, backend, predictions),
    *(shapes, metrics, losses, shared_optimizers, adversaries, graphs, batch_shapes, class_weights),
    *(tensorflow_1, weights_by_name, inputs_of_first_layers, sizes, targets_of_metrics, names_of_metrics, first_shapes),
    *(tensors_of_models, inputs_in_chains, names_of_layers, lists, orders, rates, initializers),
    *(loaded_models, own_optimizers, named_targets, sets, regularizers, set_outputs),
)
"""Functions of a `Program`, one for each breakage: edits where they are right for sure, the rest is listed."""
