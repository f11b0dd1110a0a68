"""Which expressions of a program are generators and iterators of ours, and which calls train with them."""

from dataclasses import dataclass

import libcst as cst

from . import patterns as m
from .moved import COUNTS_OF_IMAGES, KERAS_1
from .names import FLOWS, GENERATOR, meaning
from .program import remembered

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
    "fit_generator": {"validation_freq", "class_weight", "shuffle", "initial_epoch"},
    "evaluate_generator": {"callbacks", "verbose"},
    "predict_generator": {"callbacks", "verbose"},
}


@dataclass(frozen=True, eq=False)
class Fed:
    """A place where data go into a model: the argument `arg` of `call`, to validate or else as the first.

    `number` is the argument that says how many batches, None without one; `counts_images` if it says how many images.
    """

    call: cst.Call
    arg: cst.Arg
    validates: bool
    number: cst.Arg | None
    counts_images: bool = False

    @property
    def steps(self):
        """Whether it comes with a number of batches."""
        return self.number is not None


def is_generator_class(program, expression):
    """Whether an expression is `ImageDataGenerator`, the legacy one or ours, and nothing else."""
    return all(path and (meaning(path) or "").rpartition(".")[2] == GENERATOR for path in program.paths(expression))


def resolve(program, expression, kind, depth=0):
    """The calls of a kind that an expression stands for, through variables and what functions of the program return.

    None if it may be anything else.
    """
    if isinstance(expression, cst.Call):
        if kind(program, expression):
            return [expression]
        value = returned(program, expression)
        return None if value is None or depth > 4 else resolve(program, value, kind, depth + 1)
    if not isinstance(expression, cst.Name) or depth > 4:
        return None
    calls = []
    for origin in program.origins(expression):
        value = assigned(program, origin)
        found = None if value is None else resolve(program, value, kind, depth + 1)
        if found is None:
            return None
        calls += found
    return calls or None


def assigned(program, origin):
    """The expression that an origin was assigned, in `a, b = f()` what that returns; None if it cannot be told."""
    value = program.value(origin)
    element = program.parents.get(getattr(origin, "node", None))
    if value is not None or not isinstance(element, cst.Element):
        return value
    target = program.parents[element]
    statement = program.parents[program.parents[target]]
    values = returned(program, statement.value) if isinstance(statement, cst.Assign) else None
    if not isinstance(values, cst.Tuple) or len(values.elements) != len(target.elements):
        return None
    if any(isinstance(part, cst.StarredElement) for part in [*values.elements, *target.elements]):
        return None
    return values.elements[target.elements.index(element)].value


@remembered
def returned(program, call):
    """The expression that a call of a function of the program returns, None if that cannot be told.

    The function must have one `return`, in its own block, and import nothing itself: what its names stand for is then
    known where it is called, too.
    """
    if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Name):
        return None
    origins = program.origins(call.func)
    function = getattr(origins[0], "node", None) if len(origins) == 1 else None
    if not isinstance(function, cst.FunctionDef) or function.decorators or function.asynchronous is not None:
        return None
    inside = m.findall(
        function.body, m.Return() | m.Yield() | m.Import() | m.ImportFrom() | m.Global() | m.FunctionDef()
    )
    last = function.body.body[-1]
    if len(inside) != 1 or not isinstance(last, cst.SimpleStatementLine) or inside[0] is not last.body[-1]:
        return None
    return inside[0].value


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
        yield from feedings_of(call)


def feedings_of(call):
    """The same for a call of one of the methods of a model."""
    method = METHODS[call.func.attr.value]
    given = arguments(call, order_of(call) if call.func.attr.value in GENERATOR_METHODS else ("x",)) or {}
    data = given.get("generator", given.get("x"))
    if data is not None:
        yield _fed(call, data, False, given, "steps_per_epoch" if method == "fit" else "steps")
    if method == "fit" and "validation_data" in given:
        yield _fed(call, given["validation_data"], True, given, "validation_steps")


def _fed(call, data, validates, given, number):
    old = next((name for name in COUNTS_OF_IMAGES if KERAS_1[name] == number and name in given), None)
    found = given.get(old or number)
    of_keras_1 = found is not None and m.matches(found.value, m.Attribute(attr=m.Name("nb_sample")))
    return Fed(call, data, validates, found, old is not None or of_keras_1)


def order_of(call):
    """The names of the arguments by position of `fit_generator` and its kin: Keras 1's if only it had the others."""
    order = GENERATOR_METHODS[call.func.attr.value]
    names = {arg.keyword.value for arg in call.args if arg.keyword is not None}
    if names.isdisjoint({*COUNTS_OF_IMAGES, "nb_worker", "pickle_safe", "max_q_size"}):
        return order
    if not names.isdisjoint({"steps_per_epoch", "epochs", "validation_steps", "steps", *LOADING}):
        return order
    old = {new: old for old, new in KERAS_1.items()}
    return tuple(old.get(name, name) for name in order)


def obstacle(program, call):
    """Why a call of `fit_generator` cannot be renamed, None if it can."""
    old, receiver = call.func.attr.value, call.func.value
    order = order_of(call)
    names = {arg.keyword.value for arg in call.args if arg.keyword is not None}
    accepted = {*order, *GENERATOR_METHODS[old], *_ACCEPTED[old], *LOADING, *_keras_1_words(old)}
    if not any(b.target.partition(".")[0] in _KERAS for b in program.bindings) and (
        names <= {"generator"} or not names <= accepted
    ):
        return "no import of Keras tells that it is one of its models"
    if any(function.name.value == old for function in program.of(cst.FunctionDef)):
        return "the file defines one itself"
    if m.matches(receiver, m.Name("self") | m.Call(m.Name("super"))):
        return "whose it is cannot be told"
    if isinstance(receiver, (cst.Name, cst.Attribute)) and _is_of_a_module(program, receiver):
        return "it is a function of a module"
    given = arguments(call, order)
    if given is None:
        return "starred arguments may hold any names"
    positional = len(call.args) - len(names)
    if positional > len(order):
        return f"the order of arguments after `{order[-1]}` differs between versions"
    unknown = sorted(names - accepted)
    if unknown:
        return f"`{unknown[0]}` is not an argument of Keras 2"
    for name in given:
        if name in KERAS_1 and KERAS_1[name] in given:
            return f"`{name}` comes with `{KERAS_1[name]}`"
    if "nb_epoch" in names and positional > 1 and order == GENERATOR_METHODS[old]:
        number = program.value_code(call.args[1])
        return (
            f"`nb_epoch` is of Keras 1, where `{number}` counts images, and Keras 2 took it with batches: write "
            "`steps_per_epoch=` the number of batches and `epochs=`"
        )
    if "generator" not in given:
        return "it has no generator"
    return None


def _is_of_a_module(program, receiver):
    """Whether an import binds it: `from model import *` may bind all, and says nothing."""
    if program.paths(receiver) == {None}:
        return False
    return any(binding.alias is not None for binding in program.roots(receiver))


def _keras_1_words(method):
    return {old for old, new in KERAS_1.items() if new in {*GENERATOR_METHODS[method], *LOADING}}


def arguments(call, order):
    """Dictionary from name to argument; those beyond `order` are left out; None if some are starred."""
    if any(arg.star for arg in call.args):
        return None
    given = {arg.keyword.value: arg for arg in call.args if arg.keyword is not None}
    return dict(zip(order, (arg for arg in call.args if arg.keyword is None), strict=False)) | given
