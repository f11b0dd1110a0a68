"""Repairs of `repairs` for the names of metrics in histories, and in what callbacks monitor."""

import re

import libcst as cst

from . import patterns as m
from .keras_calls import calls_of, edit_inside, is_keras, keywords, named
from .moved import METRICS


def accuracy(program):
    """`history["acc"]` and `monitor="val_acc"` to "accuracy", where a model is compiled with that."""
    texts = [(node, node.raw_value) for node in program.of(cst.SimpleString) if "acc" in node.raw_value]
    compiled = [
        text
        for call in program.of(cst.Call)
        if isinstance(call.func, cst.Attribute) and call.func.attr.value == "compile"
        for name, arg in keywords(call).items()
        if name == "metrics"
        for text in (node.raw_value for node in m.findall(arg.value, m.SimpleString()))
    ]
    if texts and not compiled:
        compiled = _compiled_elsewhere(program)
    _short_names(program, compiled)
    _learning_rates(program)
    for node, text in texts:
        if text not in ("acc", "val_acc") and not re.search(r"\{(?:val_)?acc[:}]", text):
            continue
        if not _is_of_history(program, node, text):
            continue
        if "acc" in compiled:
            continue  # its name is what it was compiled with
        if "accuracy" not in compiled:
            new = text.replace("acc", "accuracy")
            if is_keras(program) or program.stars:
                program.report_lost(node, f'`{text}` is `{new}` in Keras 3, where `metrics` says "accuracy"')
            continue
        for match in re.finditer(r"(?<![a-z])(?:val_)?acc(?![a-z])", program.code(node)):
            edit_inside(program, node, match.end(), match.end(), "uracy")


def _short_names(program, compiled):
    """`history["mean_squared_error"]` to `history["mse"]`, where a model is compiled with that."""
    for node in program.of(cst.SimpleString):
        text = node.raw_value
        long = text.removeprefix("val_")
        if (short := METRICS.get(long)) in compiled and long not in compiled and _is_of_history(program, node, text):
            start = program.code(node).index(long)
            edit_inside(program, node, start, start + len(long), short)


def _learning_rates(program):
    """`fit(...).history["lr"]` to "learning_rate", where a callback of Keras writes it and none of the program's."""
    nodes = [node for node in program.of(cst.SimpleString) if node.raw_value == "lr"]
    if not nodes or not list(calls_of(program, "callbacks", ("LearningRateScheduler", "ReduceLROnPlateau"))):
        return
    found = [program.parents[program.parents[program.parents[node]]] for node in nodes]
    found = [(node, one) for node, one in zip(nodes, found, strict=True) if isinstance(one, cst.Subscript)]
    if any(isinstance(program.parents[one], cst.AssignTarget) for _, one in found):
        return
    for node, one in found:
        value = one.value
        if isinstance(value, cst.Name) and len(origins := program.origins(value)) == 1:
            value = program.value(origins[0])
        if isinstance(value, cst.Attribute) and value.attr.value == "history" and _is_fitted(program, value.value):
            start = program.code(node).index("lr")
            edit_inside(program, node, start, start + 2, "learning_rate")


def _is_fitted(program, value):
    """Whether an expression is what `fit` of a model returned."""
    if isinstance(value, cst.Name):
        values = [program.value(origin) for origin in program.origins(value)]
        return (
            bool(values)
            and all(one is not None and not isinstance(one, cst.Name) for one in values)
            and all(_is_fitted(program, one) for one in values)
        )
    return m.matches(value, m.Call(m.Attribute(attr=m.Name("fit") | m.Name("fit_generator"))))


def _compiled_elsewhere(program):
    """The metrics of the models that are compiled in the modules that a program imports, or else in those beside it."""
    for modules in (sorted({binding.module for binding in program.bindings}), ["*"]):
        texts = "\n".join(program.beside(module) or "" for module in modules)
        found = [re.findall(r"['\"](\w+)['\"]", one) for one in re.findall(r"\bmetrics\s*=\s*\[([^]]*)\]", texts)]
        if found:
            return [name for names in found for name in names]
    return []


def _is_of_history(program, node, text):
    """Whether a string is the name of a metric: a key of a history, what a callback monitors or names a file by."""
    parent = program.parents[node]
    if "{epoch" in text and re.search(r"\{(?:val_)?acc[:}]", text):
        return True
    if isinstance(parent, cst.Arg):
        keyword = parent.keyword.value if parent.keyword else None
        callback = named(program, program.parents[parent].func, "callbacks")
        if keyword == "monitor":
            return True
        return callback is not None and (keyword == "filepath" or keyword is None)
    if isinstance(parent, cst.Index):
        value = program.parents[program.parents[parent]].value
        code = program.code(value)
        return bool(re.search(r"hist|\blogs\b|\blog\b", code, re.IGNORECASE)) or _is_history(program, value)
    return False


def _is_history(program, value):
    values = [program.value(origin) for origin in program.origins(value)] if isinstance(value, cst.Name) else []
    return bool(values) and all(one is not None and re.search(r"\.history$", program.code(one)) for one in values)
