"""Names of the files that models and callbacks save, whose endings Keras 3 prescribes."""

import re

import libcst as cst

from . import patterns as m
from .constants import constant
from .flows import arguments, resolve
from .keras_calls import calls_of, edit_inside, is_keras, keywords, named
from .moved import SHORT_LOSSES

_OF_CHECKPOINTS = {
    *("filepath", "monitor", "verbose", "save_best_only", "save_weights_only", "mode", "period", "save_freq"),
    *("initial_value_threshold",),
}
_JUDGES = {"EarlyStopping": 0, "ModelCheckpoint": 1, "ReduceLROnPlateau": 0}
"""Callbacks that look for the best, and the place of `monitor` among their arguments; `mode` comes four later."""
_KNOWN = re.compile(
    r"(val_)?(loss|acc|accuracy|(\w+_)?(binary|categorical)_accuracy|auc(_\d+)?|precision(_\d+)?|recall(_\d+)?|m(a|ap|s|sl)e|"
    r"mean_(absolute|squared)_\w*error|root_mean_squared_error|cosine_\w+|mean_io_u)"
)
"""What Keras 3 knows the direction of."""
_MODELS = {f"{home}keras.{name}" for home in ("", "tensorflow.") for name in ("Model", "Sequential")}

_TRAINING = ("compile", "fit", "fit_generator", "train_on_batch")
_TRAINS = re.compile(r"\.(?:fit|fit_generator|train_on_batch)\(")
_SHORT = rf"['\"](?:{'|'.join(SHORT_LOSSES)})['\"]"
_SHORT_LOSS = re.compile(rf"\bloss\s*=\s*[\[{{]?\s*(?:['\"]\w+['\"]\s*:\s*)?{_SHORT}|\.compile\([^,\n]+,\s*{_SHORT}")
"""A loss by a name that Keras 3 does not read from a file."""


def files(program):
    """Names of files as Keras 3 takes them, where they are written and where they are read.

    `ModelCheckpoint("x.hdf5")` becomes "x.h5", and `save_weights("x.h5")` "x.weights.h5". What another module of the
    folder writes is read under its new name, too.
    """
    by_name = [call for call in program.of(cst.Call) if _is_by_name(program, call)]
    kept = bool(by_name) or re.search(r"load_weights\([^()]*by_name\s*=\s*True", program.beside("*") or "") is not None
    if kept and not by_name:
        saving = m.Attribute(attr=m.Name("save_weights"))
        by_name = [call for call in program.of(cst.Call) if m.matches(call.func, saving)]
    changed = _checkpoints(program, kept)
    for call in by_name:
        program.report_lost(call, "`by_name=` reads no weights that Keras 3 saves: save the model whole")
    if is_keras(program) or program.stars:
        changed |= _models(program) | ({} if kept else _weights(program))
    for call in program.of(cst.Call):
        name = call.func.attr.value if isinstance(call.func, cst.Attribute) else getattr(call.func, "value", None)
        if name in ("load_weights", "load_model", "exists", "isfile") and call.args and not _is_by_name(program, call):
            node, _ = _ending(program, call.args[0].value)
            if node is not None and (
                ending := changed.get(program.code(node)) or (None if kept else _ending_beside(program, node))
            ):
                _end(program, call.args[0].value, ending, None)


def _is_by_name(program, call):
    by_name = keywords(call).get("by_name") if getattr(call.func, "attr", None) else None
    return by_name is not None and constant(program, by_name.value) is not False


def _ending_beside(program, node):
    """What the file of a name ends with that a module beside the program writes, migrated or not; None if none does."""
    name = re.fullmatch(r"(.+?)(?:\.weights)?\.(?:h5|hdf5|hdf)", getattr(node, "raw_value", ""), re.IGNORECASE)
    others = program.beside("*") if name is not None else None
    written = others and re.search(
        r"\b(ModelCheckpoint|save_weights)\(\s*(?:filepath\s*=\s*)?"
        rf"(['\"]){re.escape(name[1])}(?:\.weights)?\.(?:h5|hdf5|hdf)\2([^()]*)",
        others,
        re.IGNORECASE,
    )
    if not written:
        return None
    only = re.search(r"save_weights_only\s*=\s*(\w+)", written[3])
    if written[1] == "save_weights" or (only and only[1] == "True"):
        return ".weights.h5"
    plain = re.fullmatch(r"(?:\s*,[^,=]*){0,3}(?:,[^,]*=[^,]*)*,?\s*", written[3])
    return ".h5" if plain and (not only or only[1] == "False") else None


def loaded_models(program):
    """`load_model` of a file that Keras 3 cannot train on, or not read; listed."""
    text = program.data.decode()
    everything = text + (program.beside("*") or "")
    short, code = _SHORT_LOSS.search(everything), re.search(r"\bLambda\(\s*lambda\b", everything)
    for module in ("models", "saving"):
        for call, name in calls_of(program, module, ("load_model", "model_from_json", "clone_model")):
            given, plain = keywords(call), [arg for arg in call.args if arg.keyword is None]
            compiled = given.get("compile") or next(iter(plain[2:]), None)
            if name != "load_model" or (plain and str(constant(program, plain[0].value)).endswith(".keras")):
                compiled = False
            elif compiled is None or constant(program, compiled.value) is not False:
                compiled = bool(short) or _is_trained(program, call)
            else:
                compiled = False
            if compiled:
                program.report_lost(
                    call,
                    'Keras 3 neither trains on what it reads from .h5 nor knows a loss "mse" there: write '
                    "`load_model(..., compile=False)`, and `compile` the model",
                )
            if code and "safe_mode" not in given:
                how = "`safe_mode=False`" if name == "load_model" else "`keras.config.enable_unsafe_deserialization()`"
                program.report_lost(
                    call, f"the lambda of a `Lambda` is not read in Keras 3: write {how}, if you trust it"
                )


def _is_trained(program, call):
    """Whether what a call gives may be trained before it is compiled again."""
    assigned = program.parents[call]
    if not isinstance(assigned, cst.Assign) or not all(isinstance(one.target, cst.Name) for one in assigned.targets):
        return _TRAINS.search(program.data.decode()) is not None
    uses = [
        node for node in program.of(cst.Attribute) if node.attr.value in _TRAINING and isinstance(node.value, cst.Name)
    ]
    methods = {use.attr.value for use in uses if any(program.value(o) is call for o in program.origins(use.value))}
    return bool(methods) and "compile" not in methods


def callbacks(program):
    """Arguments of callbacks that are gone."""
    for call, _ in calls_of(program, "callbacks", ("TensorBoard",)):
        gone = ("write_grads", "batch_size", "embeddings_layer_names", "embeddings_data")
        program.drop(call, [arg for name, arg in keywords(call).items() if name in gone])
    for call, name in calls_of(program, "callbacks", _JUDGES):
        _judge(program, call, _JUDGES[name], name)


def _judge(program, call, place, name):
    """Say whether high or low is better, where Keras 2 took that from the name and Keras 3 does not."""
    given, plain = keywords(call), [arg for arg in call.args if arg.keyword is None]
    monitor = given.get("monitor") or next(iter(plain[place:]), None)
    best = given.get("save_best_only") or next(iter(plain[3:]), None)
    mode = given.get("mode") or next(iter(plain[place + 4 :]), None)
    if any(arg.star for arg in call.args) or monitor is None:
        return
    if mode is not None and constant(program, mode.value) != "auto":
        return
    if name == "ModelCheckpoint" and (best is None or constant(program, best.value) is False):
        return
    text = constant(program, monitor.value)
    if not isinstance(text, str) or _KNOWN.fullmatch(text):
        return
    if text.endswith(("_loss", "_acc", "_accuracy")):
        best = '"min"' if text.endswith("_loss") else '"max"'
        if mode is not None:
            program.replace(mode.value, best)
        else:
            program.add_arguments(call, [f"mode={best}"])
    else:
        program.report_lost(
            monitor,
            f'{name}(monitor="{text}"): Keras 3 may not know what is better: write mode="max" where it is high values '
            f"(Keras 2 took the {'highest' if 'acc' in text or text.startswith('fmeasure') else 'lowest'})",
        )


def _checkpoints(program, by_name):
    """Make the edits of `ModelCheckpoint`. Returns: the strings that were changed, and what they end in now."""
    changed = {}
    checkpoints = [call for call, _ in calls_of(program, "callbacks", ("ModelCheckpoint",))]
    for call in [*checkpoints, *(call for call in program.of(cst.Call) if _is_checkpoint_by_star(program, call))]:
        given = keywords(call)
        path = given.get("filepath") or next((arg for arg in call.args if arg.keyword is None and not arg.star), None)
        weights = given.get("save_weights_only") or ([a for a in call.args if a.keyword is None][4:5] or [None])[0]
        only = False if weights is None else constant(program, weights.value)
        if path is not None and isinstance(only, bool) and not (only and by_name):
            ending = ".weights.h5" if only else ".h5"
            changed[_end(program, path.value, ending, "ModelCheckpoint")] = ending
        if "period" in given:
            period, statement = given["period"], program.statement(call)
            program.drop(call, [period])
            if constant(program, period.value) != 1:
                code = program.value_code(period)
                text = f"without period={code}, so that each epoch is saved: Keras 3 has save_freq=, in batches"
                if statement is None or program.indentation(program.span(statement)[0]) is None or "\n" in code:
                    program.report(call, text)
                else:
                    program.add_comment(statement, f"keras-regen: {text}.")
    return changed


def _is_checkpoint_by_star(program, call):
    """Whether it is the `ModelCheckpoint` that `from model import *` hides: with these keywords there is one alone."""
    if not isinstance(call.func, cst.Name) or call.func.value != "ModelCheckpoint":
        return False
    bindings = program.roots(call.func)
    by_star = bool(bindings) and all(binding.alias is None for binding in bindings)
    given = keywords(call)
    return (
        by_star and bool(given) and given.keys() <= _OF_CHECKPOINTS and named(program, call.func, "callbacks") is None
    )


def _weights(program):
    """Make the edits of `save_weights`. Returns: the strings that were changed, and what they end in now."""
    saved = set()
    for call in program.of(cst.Call):
        if isinstance(call.func, cst.Attribute) and call.func.attr.value == "save_weights" and call.args:
            program.drop(call, [arg for name, arg in keywords(call).items() if name == "save_format"])
            saved.add(_end(program, call.args[0].value, ".weights.h5", "save_weights"))
    return dict.fromkeys(saved, ".weights.h5")


def _models(program):
    """Make the edits of `save` of models. Returns: the strings that were changed, and what they end in now."""
    saved, compiled = set(), set()
    for call in program.of(cst.Call):
        if m.matches(call.func, m.Attribute(attr=m.Name("compile"))) and "loss" in keywords(call):
            compiled.add(program.code(call.func.value))
    for call in program.of(cst.Call):
        if not isinstance(call.func, cst.Attribute) or call.func.attr.value != "save" or not call.args:
            continue
        given = keywords(call)
        written = given.get("save_format")
        known = program.code(call.func.value) in compiled or resolve(program, call.func.value, is_model)
        if written is None and not known:
            continue
        if written is not None and constant(program, written.value) == "tf":
            program.report(written, "`save_format` is not in Keras 3: for a SavedModel write `export`")
            continue
        program.drop(call, [arg for arg in call.args if arg is written])
        saved.add(_end(program, call.args[0].value, ".h5", "save"))
    for call, _ in calls_of(program, "models", ("save_model",)):
        if len(call.args) > 1 and call.args[1].keyword is None:
            saved.add(_end(program, call.args[1].value, ".h5", "save"))
    return dict.fromkeys(saved, ".h5")


def is_model(program, call):
    """Whether a call makes a model of Keras, or loads one."""
    return (
        any(
            named(program, call.func, module) in ("Model", "Sequential", "load_model")
            for module in ("models", "engine")
        )
        or program.paths(call.func) <= _MODELS
    )


def number_of_outputs(call):
    """How many outputs a call of `Model` has, 0 if that is not seen."""
    given = arguments(call, ("inputs", "outputs")) or {}
    value = getattr(given.get("outputs") or given.get("output"), "value", None)
    return len(value.elements) if isinstance(value, (cst.List, cst.Tuple)) else 0


def _end(program, expression, ending, what):
    """Let a file name end so. Returns the source of the string that is changed."""
    node, text = _ending(program, expression)
    wanted = f"{what}: Keras 3 takes only a name that ends in `{ending}`" + (", or `.keras`" if ending == ".h5" else "")
    if node is None:
        if what in ("save", "save_weights", "ModelCheckpoint"):
            program.report_lost(expression, wanted)
        return None
    if text.endswith(ending) or (ending == ".h5" and text.endswith(".keras")):
        return None
    match = re.search(r"(?:\.weights)?\.(?:h5|hdf5|hdf)$", text, re.IGNORECASE)
    code = program.code(node)
    tail = re.search(r"(?:\.weights)?\.(?:h5|hdf5|hdf)(?=(['\"]{0,3})$)", code, re.IGNORECASE)
    if match is None and re.search(r"\.\w{1,8}$", text) and not text.endswith(".ckpt"):
        if what:
            program.report_lost(expression, wanted)
        return None
    if tail is None:
        end = re.search(r"['\"]*$", code).start()
        if not text or ending == ".h5":
            program.report_lost(expression, wanted)
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
