"""Which expressions of a program are generators and iterators of ours, and which calls train with them."""

from dataclasses import dataclass

import libcst as cst

from . import patterns as m
from .names import FLOWS, GENERATOR, meaning

# The arguments in their order, as far as all Keras 2 versions agree on it.
GENERATOR_METHODS = {
    "fit_generator": (
        "generator",
        "steps_per_epoch",
        "epochs",
        "verbose",
        "callbacks",
        "validation_data",
        "validation_steps",
    ),
    "evaluate_generator": ("generator", "steps"),
    "predict_generator": ("generator", "steps"),
}
METHODS = {"fit": "fit", "evaluate": "evaluate", "predict": "predict"} | {
    name: name.partition("_")[0] for name in GENERATOR_METHODS
}
LOADING = ("workers", "use_multiprocessing", "max_queue_size")
_KERAS = ("keras", "tensorflow", "tf_keras", "keras_preprocessing", "keras_regen", "tensorflow_core")
_ACCEPTED = {
    "fit_generator": {"validation_freq", "class_weight", "shuffle", "initial_epoch", "nb_epoch"},
    "evaluate_generator": {"callbacks", "verbose"},
    "predict_generator": {"callbacks", "verbose"},
}


@dataclass(frozen=True, eq=False)
class Fed:
    """A place where data go into a model: the argument `arg` of `call`, to validate or else as the first.

    `number` is the argument that says how many batches, None without one.
    """

    call: cst.Call
    arg: cst.Arg
    validates: bool
    number: cst.Arg | None

    @property
    def steps(self):
        """Whether it comes with a number of batches."""
        return self.number is not None


def is_generator_class(program, expression):
    """Whether an expression is `ImageDataGenerator`, the legacy one or ours, and nothing else."""
    return all(path and (meaning(path) or "").rpartition(".")[2] == GENERATOR for path in program.paths(expression))


def resolve(program, expression, kind, depth=0):
    """The calls of a kind that an expression stands for, through variables; None if it may be anything else."""
    if isinstance(expression, cst.Call):
        return [expression] if kind(program, expression) else None
    if not isinstance(expression, cst.Name) or depth > 4:
        return None
    calls = []
    for origin in program.origins(expression):
        value = program.value(origin)
        found = None if value is None else resolve(program, value, kind, depth + 1)
        if found is None:
            return None
        calls += found
    return calls or None


def is_generator(program, call):
    """Whether a call is `ImageDataGenerator(...)`."""
    return is_generator_class(program, call.func)


def is_flow(program, call):
    """Whether a call is `.flow...(...)` of a generator."""
    func = call.func
    named = isinstance(func, cst.Attribute) and func.attr.value in FLOWS
    return named and resolve(program, func.value, is_generator) is not None


def is_zip(program, call):
    """Whether a call is `zip(a, b)` of iterators, each another."""
    if not is_plain_zip(program, call):
        return False
    flows = [resolve(program, arg.value, is_flow) for arg in call.args]
    # An iterator that occurs twice is asked twice for each batch.
    return None not in flows and len(set().union(*flows)) == sum(map(len, flows))


def is_plain_zip(program, call):
    """Whether a call is `zip(a, b)` of whatever."""
    return (
        isinstance(call, cst.Call)
        and isinstance(call.func, cst.Name)
        and call.func.value == "zip"
        and program.is_builtin(call.func)
        and len(call.args) > 1
        and not any(arg.star or arg.keyword for arg in call.args)
    )


def feedings(program):
    """Yield a `Fed` for every argument of the calls of `fit`, `evaluate`, `predict` that takes data."""
    for call in program.of(cst.Call):
        if not isinstance(call.func, cst.Attribute) or call.func.attr.value not in METHODS:
            continue
        if call.func.attr.value in GENERATOR_METHODS and obstacle(program, call):
            continue
        if resolve(program, call.func.value, is_generator):
            continue  # its `fit` measures statistics
        method = METHODS[call.func.attr.value]
        order = GENERATOR_METHODS.get(call.func.attr.value, ("x",))
        given = arguments(call, order) or {}
        data = given.get("generator", given.get("x"))
        if data is not None:
            yield Fed(call, data, False, given.get("steps_per_epoch" if method == "fit" else "steps"))
        if method == "fit" and "validation_data" in given:
            yield Fed(call, given["validation_data"], True, given.get("validation_steps"))


def obstacle(program, call):
    """Why a call of `fit_generator` cannot be renamed, None if it can."""
    old, receiver = call.func.attr.value, call.func.value
    order = GENERATOR_METHODS[old]
    if not any(b.target.partition(".")[0] in _KERAS for b in program.bindings):
        return "no import of Keras tells that it is one of its models"
    if any(function.name.value == old for function in program.of(cst.FunctionDef)):
        return "the file defines one itself"
    if m.matches(receiver, m.Name("self") | m.Call(m.Name("super"))):
        return "whose it is cannot be told"
    if isinstance(receiver, (cst.Name, cst.Attribute)) and program.paths(receiver) != {None}:
        return "it is a function of a module"
    given = arguments(call, order)
    if given is None:
        return "starred arguments may hold any names"
    names = {arg.keyword.value for arg in call.args if arg.keyword is not None}
    positional = len(call.args) - len(names)
    if positional > len(order):
        return f"the order of arguments after `{order[-1]}` differs between versions"
    unknown = sorted(names - set(order) - _ACCEPTED[old] - set(LOADING))
    if unknown:
        return f"`{unknown[0]}` is not an argument of Keras 2"
    if "nb_epoch" in names and ("epochs" in given or positional > 1):
        return "`nb_epoch` comes with arguments of another order"
    if "generator" not in given:
        return "it has no generator"
    return None


def arguments(call, order):
    """Dictionary from name to argument; those beyond `order` are left out; None if some are starred."""
    if any(arg.star for arg in call.args):
        return None
    given = {arg.keyword.value: arg for arg in call.args if arg.keyword is not None}
    return dict(zip(order, (arg for arg in call.args if arg.keyword is None), strict=False)) | given
