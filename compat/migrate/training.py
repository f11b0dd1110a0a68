"""Repairs of `repairs` for what breaks where models are put together, compiled and trained."""

import re

import libcst as cst

from . import patterns as m
from .constants import constant
from .flows import resolve
from .keras_calls import calls_of, edit_inside, is_keras, keywords, named
from .moved import BACKEND, BACKEND_GONE, LAYERS, LOSSES, OF_GRAPHS, TENSORFLOW_1, TENSORFLOW_1_IMAGES, WITHOUT_EAGER
from .saving import is_model, number_of_outputs

_TRAINS = ("train_on_batch", "fit", "fit_generator")
_WITHOUT_EFFECT = {
    "set_session": "there are no sessions",
    "set_learning_phase": "layers know it by `training=`",
    "manual_variable_initialization": "variables begin with their values",
}
_CASTERS = {"keras.backend", "tensorflow.keras.backend", "tensorflow"}
_OF_MODELS = {
    "_feed_inputs": "was private and is gone: write `inputs`",
    "metrics_names": "is ['loss', 'compile_metrics'] in Keras 3: write `evaluate(..., return_dict=True)`, or the names",
    "outbound_nodes": "is gone: make a `Model` of the inputs and of the output that is meant",
    **dict.fromkeys(("get_input_at", "get_output_at"), "is gone: keep the tensor that the call of the layer gave"),
    **dict.fromkeys(("_make_predict_function", "_make_train_function"), "was private and is gone: take it away"),
    "uses_learning_phase": "is gone: write `training=` in the call of the model",
}


def shared_optimizers(program):
    """`b.compile(optimizer)` of an optimizer that has another model to `optimizer.from_config(...)`: each its own."""
    uses = {}
    for call in _calls_of_method(program, ("compile",)):
        arg = keywords(call).get("optimizer") or next((arg for arg in call.args if arg.keyword is None), None)
        if arg is None or not isinstance(arg.value, cst.Name):
            continue
        origins = program.origins(arg.value)
        value = program.value(origins[0]) if len(origins) == 1 else None
        if isinstance(value, cst.Call) and named(program, value.func, "optimizers"):
            uses.setdefault(origins[0], []).append((arg, value))
    for origin, found in uses.items():
        alone = len(found) == len(program.uses(origin)) and found[0][0].value.value not in program.hidden
        for k, (arg, value) in enumerate(found):
            if not k and _around(program, arg) == _around(program, value):
                continue
            name = arg.value.value
            if alone:
                program.replace(arg.value, f"{name}.from_config({name}.get_config())")
            else:
                program.report_lost(
                    arg, f"an optimizer knows one model in Keras 3: write `{name}.from_config({name}.get_config())`"
                )


def _around(program, node):
    """The functions and loops around a node, which may run more often than what stands outside of them."""
    found = []
    while (node := program.parents.get(node)) is not None:
        if isinstance(node, (cst.FunctionDef, cst.For, cst.While)):
            found.append(node)
    return found


def adversaries(program):
    """Let a model that is compiled first and set `trainable = False` then be trained, as it was by Keras 2."""
    stopped = {}
    for node in program.of(cst.Assign):
        target = node.targets[0].target
        if m.matches(target, m.Attribute(attr=m.Name("trainable"))):
            stopped.setdefault(program.code(target.value), []).append(node)
    for model, nodes in stopped.items():
        if any(not m.matches(node.value, m.Name("False")) for node in nodes):
            continue
        first = program.span(nodes[0])[0]
        calls = {
            what: [call for call in _calls_of_method(program, what) if program.code(call.func.value) == model]
            for what in (("compile",), _TRAINS)
        }
        compiled = [program.span(call)[0] for call in calls[("compile",)]]
        if not calls[_TRAINS] or not compiled or min(compiled) > first or max(compiled) > first:
            continue
        others = [
            call
            for call in _calls_of_method(program, _TRAINS)
            if program.code(call.func.value) not in stopped and call not in calls[_TRAINS]
        ]
        places = [(call, "True") for call in calls[_TRAINS]] + [(call, "False") for call in others]
        statements = [(program.statement(call), value) for call, value in places]
        scopes = [(_around(program, call) or [None])[0] for call in calls[_TRAINS]]
        together = bool(others) and all((_around(program, call) or [None])[0] in scopes for call in others)
        if together and all(
            one is not None and program.indentation(program.span(one)[0]) is not None for one, _ in statements
        ):
            for statement, value in dict.fromkeys(statements):
                if not _follows(program, statement, statements, value):
                    program.add_before(statement, f"{model}.trainable = {value}")
        else:
            program.report_lost(
                nodes[0],
                f"Keras 3 looks at `trainable` when it first trains: set `{model}.trainable = True` before that",
            )


def _follows(program, statement, statements, value):
    """Whether the statement just above one in its block is another one of the same value."""
    siblings = program.parents[statement].body
    k = siblings.index(statement)
    return k > 0 and (siblings[k - 1], value) in statements


def graphs(program):
    """`model.output` of a `Sequential`, which Keras 3 has only after a call, to `model.outputs[0]`."""
    for node in program.of(cst.Attribute):
        if node.attr.value in ("input", "output") and resolve(program, node.value, _is_sequential):
            program.replace(node.attr, f"{node.attr.value}s[0]")
    if not is_keras(program):
        return
    for node in program.of(cst.Attribute):
        name = node.attr.value
        if name in _OF_MODELS:
            report = program.report if name in ("outbound_nodes", "uses_learning_phase") else program.report_lost
            report(node, f"`{name}` {_OF_MODELS[name]}")
        if name == "trainable_weights" and isinstance(program.parents[node], cst.AssignTarget):
            program.report_lost(
                node, "`trainable_weights` is not set in Keras 3: write `self.add_weight(...)` for each"
            )
        if name == "validation_data" and m.matches(node.value, m.Name("self")):
            program.report_lost(
                node, "`validation_data` of callbacks is gone: give the data to the callback's constructor"
            )
    for call in _calls_of_method(program, ("pop",)):
        if m.matches(call.func.value, m.Attribute(attr=m.Name("layers"))):
            program.report_lost(
                call, "`layers` is a copy in Keras 3, where `pop` changes nothing: take `layers[-2].output`"
            )
    for call in _calls_of_method(program, ("reset_states",)):
        model = program.code(call.func.value)
        if not call.args and isinstance(program.parents[call], cst.Expr) and not model.endswith(("]", ")")):
            if resolve(program, call.func.value, _is_model):
                each = f'[layer.reset_states() for layer in {model}.layers if getattr(layer, "stateful", False)]'
                program.replace(call, each)
            else:
                program.report_lost(call, "models have no `reset_states` in Keras 3: call that of their layers")


def inputs_of_first_layers(program):
    """`model.layers[0].input`, which is empty in Keras 3 for an `InputLayer`, to `model.inputs[0]`."""
    first = m.Subscript(m.Attribute(attr=m.Name("layers")), [m.SubscriptElement(m.Index(m.Integer("0")))])
    for node in program.of(cst.Attribute):
        if m.matches(node, m.Attribute(first, m.Name("input") | m.Name("input_shape"))) and is_keras(program):
            shape = ".shape" if node.attr.value == "input_shape" else ""
            start, end = program.span(node.value.value)[1], program.span(node)[1]
            program.edits.append((start - len("layers"), end, f"inputs[0]{shape}"))


def _is_sequential(program, call):
    return named(program, call.func, "models") == "Sequential" or program.paths(call.func) <= {
        "keras.Sequential",
        "tensorflow.keras.Sequential",
    }


def _is_model(program, call):
    return _is_sequential(program, call) or named(program, call.func, "models") in ("Model", "load_model")


def batch_shapes(program):
    """`model.add(LSTM(4, batch_input_shape=shape))` to `model.add(Input(batch_shape=shape))` before `LSTM(4)`."""
    wanted = []
    for call, name in calls_of(program, "layers", LAYERS):
        shape = keywords(call).get("batch_input_shape")
        if shape is None:
            continue
        if name == "InputLayer":
            program.replace(shape.keyword, "batch_shape")
            continue
        parent = program.parents[call]
        place = program.places(program.roots(call.func))
        home = "tensorflow.keras" if any(p.startswith("tensorflow") for p in program.paths(call.func) if p) else "keras"
        made = f"Input(batch_shape={program.value_code(shape)})"
        statement = program.statement(call)
        if not place or (program.assignments("Input") and program.without(place, f"{home}.layers.Input")):
            added = False
        elif m.matches(parent, m.Arg()) and m.matches(program.parents[parent], m.Call(m.Attribute(attr=m.Name("add")))):
            model = program.code(program.parents[parent].func.value)
            added = program.add_before(statement, f"{model}.add({made})") if statement is not None else False
        elif m.matches(parent, m.Element()) and isinstance(program.parents[parent], cst.List):
            program.insert(program.span(parent)[0], f"{made}, ")
            added = True
        else:
            added = False
        if added:
            program.drop(call, [shape])
            without = program.without(place, f"{home}.layers.Input")
            wanted += [(one, f"from {home}.layers import Input") for one in without]
        else:
            program.report_lost(shape, "`batch_input_shape` is gone: put `keras.Input(batch_shape=)` before the layer")
    return wanted


def phases(program):
    """`K.set_session(...)` and `K.set_learning_phase(...)`, which do nothing any more, go where they stand alone."""
    gone = []
    for call in program.of(cst.Call):
        if not is_without_effect(program, call):
            continue
        name = named(program, call.func, "backend")
        gone.append(program.parents[program.parents[call]])
        if not (name == "set_learning_phase" and call.args and constant(program, call.args[0].value) == 1):
            program.report(call, f"`{name}` has no effect in Keras 3, and was taken away: {_WITHOUT_EFFECT[name]}")
    program.remove_lines(gone + _without_eager(program))


def is_without_effect(program, call):
    """Whether it is a call, in a statement of its own, of what does nothing in Keras 3."""
    return _is_alone(program, call) and named(program, call.func, "backend") in _WITHOUT_EFFECT


def _is_alone(program, call):
    line = program.parents.get(program.parents[call])
    return isinstance(call, cst.Call) and m.matches(line, m.SimpleStatementLine([m.Expr(call)]))


def _without_eager(program):
    """The statements `tf.compat.v1.disable_eager_execution()`, which go where Keras alone makes graphs."""
    gone = []
    for call in program.of(cst.Call):
        names = {path and path.rpartition(".")[2] for path in program.paths(call.func)}
        if not names <= set(WITHOUT_EAGER) or not all(p.startswith("tensorflow.") for p in program.paths(call.func)):
            continue
        if not is_keras(program) or OF_GRAPHS.search(program.data.decode()) or not _is_alone(program, call):
            if is_keras(program):
                program.report(
                    call, f"Keras 3 trains nothing after `{names.pop()}`: take it away, and what sessions run"
                )
            continue
        gone.append(program.parents[program.parents[call]])
    return gone


def shapes(program):
    """`model.layers[0].output_shape` to `.output.shape`, and so for `input_shape`: of layers, not of models."""
    if not is_keras(program):
        return
    for node in program.of(cst.Attribute):
        first = m.matches(node, m.Attribute(m.Subscript(slice=[m.SubscriptElement(m.Index(m.Integer("0")))])))
        if first and node.attr.value == "input_shape":
            continue  # the input of an `InputLayer` is empty: another repair
        if node.attr.value in ("input_shape", "output_shape") and _is_layer(program, node.value):
            program.replace(node.attr, node.attr.value.replace("_", "."))


def _is_layer(program, expression):
    """Whether an expression is one of `model.layers`, or what `get_layer` gives."""
    layers = m.Attribute(attr=m.Name("layers"))
    if isinstance(expression, cst.Name):
        values = [program.value(origin) for origin in program.origins(expression)]
        if values and all(value is not None for value in values):
            return all(not isinstance(value, cst.Name) and _is_layer(program, value) for value in values)
        nodes = [getattr(origin, "node", None) for origin in program.origins(expression)]
        loops = [program.parents.get(node) for node in nodes]
        return bool(nodes) and all(
            m.matches(loop, m.For(node, layers)) for node, loop in zip(nodes, loops, strict=True)
        )
    return m.matches(expression, m.Subscript(layers) | m.Call(m.Attribute(attr=m.Name("get_layer"))))


def orders(program):
    """`compile("adam", "mse", ["mae"])` to `metrics=["mae"]`: the third and the fourth changed places in Keras 3."""
    if not is_keras(program):
        return
    for call in _calls_of_method(program, ("compile",)):
        plain = [arg for arg in call.args if arg.keyword is None]
        if len(plain) not in (3, 4) or any(arg.star for arg in call.args):
            continue
        listed = m.matches(plain[2].value, m.List()) and m.findall(plain[2].value, m.SimpleString())
        if listed or resolve(program, call.func.value, is_model):  # a class of one's own has its own order
            for name, arg in zip(("metrics", "loss_weights"), plain[2:], strict=False):
                program.insert(program.span(arg)[0], f"{name}=")


def rates(program):
    """`Adadelta()`, which began with another learning rate in standalone Keras before 2.4: listed."""
    if not any(binding.target.partition(".")[0] == "keras" for binding in program.bindings):
        return
    found = [(call, name) for call, name in calls_of(program, "optimizers", [*_RATES, *map(str.lower, _RATES)])]
    found = [(call, name) for call, name in found if not {"lr", "learning_rate"} & keywords(call).keys()]
    found = [(call, name) for call, name in found if not call.args or call.args[0].keyword is not None]
    for call in _calls_of_method(program, ("compile",)):
        arg = keywords(call).get("optimizer") or next((arg for arg in call.args if arg.keyword is None), None)
        name = constant(program, arg.value) if arg is not None else None
        if isinstance(name, str) and name.capitalize() in _RATES:
            found.append((arg, name))
    for node, name in found:
        rate = _RATES[name.capitalize()]
        program.report(
            node,
            f"`{name}` begins with a learning rate of 0.001, and with {rate} in Keras before 2.4: write the one meant",
        )


_RATES = {"Adadelta": 1.0, "Adagrad": 0.01, "Adamax": 0.002, "Nadam": 0.002}


def metrics(program):
    """`compile(metrics=["mae"])` of a model with two outputs, where they were for both, to `[["mae"], ["mae"]]`.

    So for `loss="mse"` beside weights for each of them. And `metrics="mae"` to `["mae"]`.
    """
    for call in program.of(cst.Call):
        if not m.matches(call.func, m.Attribute(attr=m.Name("compile"))):
            continue
        given = keywords(call)
        if "metrics" in given and isinstance(given["metrics"].value, cst.SimpleString) and is_keras(program):
            program.edits.append((*program.span(given["metrics"].value), f"[{program.code(given['metrics'].value)}]"))
        outputs = {number_of_outputs(one) for one in resolve(program, call.func.value, is_model) or ()}
        if len(outputs) != 1 or (count := outputs.pop()) < 2:
            continue
        listed = given["metrics"].value if "metrics" in given else None
        if isinstance(listed, cst.List) and listed.elements:
            nested = any(isinstance(one.value, (cst.List, cst.Tuple, cst.Dict)) for one in listed.elements)
            if not nested:
                program.replace(listed, f"[{', '.join([program.code(listed)] * count)}]")
        loss, weights = given.get("loss"), given.get("loss_weights")
        listed = weights is not None and isinstance(weights.value, (cst.List, cst.Tuple))
        if listed and loss is not None and isinstance(constant(program, loss.value), str):
            program.replace(loss.value, f"[{', '.join([program.value_code(loss)] * count)}]")


def targets_of_metrics(program):
    """Let a function among the metrics see its targets in the type of the predictions, as Keras 2 gave them."""
    functions = {}
    for name in _metrics_by_name(program):
        nodes = [getattr(origin, "node", None) for origin in program.origins(name)]
        if len(nodes) == 1 and isinstance(nodes[0], cst.FunctionDef):
            functions[nodes[0]] = None
    plain = [one for one in program.of(cst.FunctionDef) if one not in functions and _is_of_loss(program, one)]
    elsewhere = _metrics_beside(program) if plain else set()
    for function in (*functions, *(one for one in plain if one.name.value in elsewhere)):
        params, body = function.params.params, function.body
        if len(params) < 2 or not isinstance(body, cst.IndentedBlock):
            continue
        true, predicted = (param.name.value for param in params[:2])
        if re.search(rf"\bcast\(\s*{true}\b", program.code(function)):
            continue
        owner = next((one for node in m.findall(body, m.Attribute()) if (one := _caster(program, node))), None)
        first = body.body[1 if len(body.body) > 1 and m.matches(body.body[0], _DOCSTRING) else 0]
        if owner is not None and isinstance(first, cst.SimpleStatementLine):
            program.add_before(first, f"{true} = {owner}.cast({true}, {predicted}.dtype)")


def names_of_metrics(program):
    """`metrics=[PSNR]`, which Keras 3 calls "psnr", to `[MeanMetricWrapper(PSNR, name="PSNR")]`, its name before."""
    homes = [one for one in program.bindings if one.is_global and _KERAS.match(one.target) and program.places([one])]
    wanted = []
    for name in _metrics_by_name(program) if homes else ():
        origins = program.origins(name)
        if not name.value.islower() and len(origins) == 1 and _is_function(program, origins[0]):
            program.insert(program.span(name)[0], "MeanMetricWrapper(")
            program.insert(program.span(name)[1], f', name="{name.value}")')
            wanted = [(homes[0].statement, f"from {_KERAS.match(homes[0].target)[0]}.metrics import MeanMetricWrapper")]
        elif not name.value.islower() and re.search(rf"['\"{{_]{name.value}\b", program.data.decode()):
            program.report_lost(name, f"Keras 3 gives a metric another name than {name.value!r}, in small letters")
    return wanted


_KERAS = re.compile(r"(?:tensorflow\.)?keras\b")


def _is_function(program, origin):
    """Whether an origin is a function, of the program or of a module beside it, under its own name."""
    module, name = getattr(origin, "module", None), getattr(origin, "name", None)
    if module is None:
        return isinstance(getattr(origin, "node", None), cst.FunctionDef)
    defined = re.search(rf"^def {name}\(", program.beside(module) or "", re.MULTILINE)
    return bool(defined) and origin.target == f"{module}.{name}"


def first_shapes(program):
    """`LSTM(4, input_dim=3, input_length=5)` to `LSTM(4, input_shape=(5, 3))`, and so for `Embedding`.

    Keras 3 knows no `input_length`, and without it an `Embedding` has no weights before it has seen data.
    """
    for call, name in calls_of(program, "layers", ("Embedding", *_OF_SERIES)):
        given = keywords(call)
        length, width = given.get("input_length"), given.get("input_dim")
        called = getattr(program.parents[call], "func", None) is call  # on a tensor, which has a shape
        if called or not {"input_shape", "batch_input_shape"}.isdisjoint(given) or any(arg.star for arg in call.args):
            continue
        code = program.value_code(length) if length is not None else "None"
        if name == "Embedding" and length is not None and not isinstance(length.value, cst.Tuple):
            program.replace(length, f"input_shape=({code},)")
        elif name != "Embedding" and width is not None:
            program.replace(width, f"input_shape=({code}, {program.value_code(width)})")
            program.drop(call, [length] if length is not None else [])


_OF_SERIES = ("LSTM", "GRU", "SimpleRNN", "Conv1D", "Convolution1D")


def _metrics_by_name(program):
    """The names in the lists of metrics that models are compiled with."""
    found = []
    for call in _calls_of_method(program, ("compile",)):
        listed = keywords(call).get("metrics")
        if listed is not None and isinstance(listed.value, cst.List):
            found += [one.value for one in listed.value.elements if isinstance(one.value, cst.Name)]
    return found


def _is_of_loss(program, function):
    names = [param.name.value for param in function.params.params[:2]]
    return names == ["y_true", "y_pred"] and isinstance(program.parents[function], cst.Module)


def _metrics_beside(program):
    """The names among the metrics in the modules of the same folder."""
    listed = re.findall(r"\bmetrics\s*=\s*\[([^]]*)\]", program.beside("*") or "")
    return {name for one in listed for name in re.findall(r"(?<!['\"\w.])[A-Za-z_]\w*(?!['\"\w.])", one)}


_DOCSTRING = m.SimpleStatementLine([m.Expr(m.SimpleString())])


def _caster(program, attribute):
    """The text of what stands for a module with `cast` in an attribute; None if it is not one."""
    paths, code = program.paths(attribute.value), program.code(attribute.value)
    if paths == {"keras.backend"} and code == "keras.backend":
        lost = attribute.attr.value not in BACKEND and attribute.attr.value not in BACKEND_GONE
        return f"tensorflow.{code}" if lost else None  # which another repair imports
    return code if paths <= _CASTERS else None


def weights_by_name(program):
    """`self.add_weight("w", shape)` to `self.add_weight(name="w", shape=shape)`, which has another order in Keras 3."""
    order = ("name", "shape", "dtype", "initializer")
    for call in _calls_of_method(program, ("add_weight",)):
        by_position = [arg for arg in call.args if arg.keyword is None]
        plain = not any(arg.star for arg in by_position) and len(by_position) <= 2
        if is_keras(program) and by_position and plain and isinstance(constant(program, by_position[0].value), str):
            for name, arg in zip(order, by_position, strict=False):
                program.insert(program.span(arg)[0], f"{name}=")


def tensorflow_1(program):
    """`tf.ConfigProto` to `tf.compat.v1.ConfigProto`, and so for what else programs for Keras used of TensorFlow 1."""
    names = {f"tensorflow.{name}": name for name in TENSORFLOW_1}
    names |= {f"tensorflow.image.{name}": name for name in TENSORFLOW_1_IMAGES}
    for node in program.of(cst.Attribute):
        if node.attr.value not in TENSORFLOW_1 and node.attr.value not in TENSORFLOW_1_IMAGES:
            continue
        paths = program.paths(node)
        if paths <= names.keys():
            root = node.value.value if isinstance(node.value, cst.Attribute) else node.value
            program.insert(program.span(root)[1], ".compat.v1")


def class_weights(program):
    """`fit(class_weight=weights)` of an array, which standalone Keras 2 did not look at, goes with a comment."""
    if not any(binding.target.partition(".")[0] == "keras" for binding in program.bindings):
        return
    for call in _calls_of_method(program, ("fit", "fit_generator")):
        arg = keywords(call).get("class_weight")
        origins = program.origins(arg.value) if arg is not None and isinstance(arg.value, cst.Name) else []
        values = [program.value(origin) for origin in origins]
        if not values or not all(isinstance(value, cst.Call) for value in values):
            continue
        if all(any(p and p.endswith(".compute_class_weight") for p in program.paths(v.func)) for v in values):
            program.drop(call, [arg])
            text = f"class_weight={arg.value.value} was an array, at which Keras 2 did not look: " + (
                f"write dict(enumerate({arg.value.value})) if classes are to weigh."
            )
            statement = program.statement(call)
            if statement is not None:
                program.add_comment(statement, f"keras-regen: {text}")


def losses(program):
    """`compile(loss="kullback_leibler_divergence")` to "kl_divergence"."""
    if not is_keras(program):
        return
    for call in program.of(cst.Call):
        if (
            not m.matches(call.func, m.Attribute(attr=m.Name("compile")))
            and named(program, call.func, "losses") is None
        ):
            continue
        for node in m.findall(call, m.SimpleString()):
            if (new := LOSSES.get(node.raw_value)) is not None:
                start = program.code(node).index(node.raw_value)
                edit_inside(program, node, start, start + len(node.raw_value), new)


def _calls_of_method(program, names):
    return [
        call for call in program.of(cst.Call) if isinstance(call.func, cst.Attribute) and call.func.attr.value in names
    ]
