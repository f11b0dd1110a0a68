"""Which expressions of a program are generators and iterators of ours, and which calls train with them."""

import re
from dataclasses import dataclass

import libcst as cst

from . import patterns as m
from .moved import COUNTS_OF_IMAGES, KERAS_1
from .names import FLOWS, GENERATOR, meaning
from .program import Binding, Program, remembered

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
_WITHOUT = re.compile(
    r"(?:tensorflow\.)?keras\."
    r"(?:applications|callbacks|datasets|layers|losses|metrics|models|optimizers|regularizers|utils)\."
    r"|(?:math|matplotlib|numpy|os|time)\."
)
"""Modules whose `import *` brings no `ImageDataGenerator`."""
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
    paths = program.paths(expression)
    if len(paths) > 1:  # of several `import *`
        paths = {path for path in paths if not (path and _WITHOUT.match(path))}
    return bool(paths) and all(path and (meaning(path) or "").rpartition(".")[2] == GENERATOR for path in paths)


def resolve(program, expression, kind):
    """The calls of a kind that an expression stands for, through variables, attributes of `self` and what functions of
    the program return.

    None if it may be anything else.
    """
    found = trace(program, expression, kind)
    return None if found is None else [call for _, call in found]


def trace(program, expression, kind, imports=None, depth=0):
    """The same as pairs of a program and a call in it, through modules beside the program, too, if `imports` is a list.

    It takes the bindings that lead there.
    """
    if isinstance(expression, cst.Call) and kind(program, expression):
        return [(program, expression)]
    if depth > 4:
        return None
    found = []
    for value in _values(program, expression, imports):
        more = None if value is None else trace(*value, kind, imports, depth + 1)
        if more is None:
            return None
        found += more
    return found or None


def _values(program, expression, imports):
    """Pairs of a program and an expression there, None for what cannot be told, that an expression stands for."""
    if isinstance(expression, cst.Call):
        return [_result(program, expression, imports)]
    if isinstance(expression, cst.Attribute):
        return [(program, value) for value in attribute_values(program, expression) or ()]
    if not isinstance(expression, cst.Name):
        return []
    origins = program.origins(expression)
    if imports is not None and origins and all(isinstance(origin, Binding) for origin in origins):
        return _imported(program, expression.value, origins, imports, _assigned_there)
    return [one for origin in origins for one in _given(program, origin) or [assigned(program, origin, imports)]]


def called_with(program, name):
    """What a parameter stands for where its function is called: pairs of a program and an expression."""
    origins = program.origins(name) if isinstance(name, cst.Name) else ()
    return [one for origin in origins for one in _given(program, origin)]


def _given(program, origin):
    """What a parameter of a function of the program is called with: the same pairs, none if that cannot be told."""
    parameter = getattr(origin, "node", None)
    if not isinstance(parameter, cst.Param):
        return []
    parameters = program.parents[parameter]
    function = program.parents[parameters]
    if not isinstance(function, cst.FunctionDef) or parameter not in (*parameters.params, *parameters.kwonly_params):
        return []
    found, order = [], [one.name.value for one in parameters.params]
    for name in _uses_of(program, function):
        call = program.parents[name]
        given = arguments(call, order) if isinstance(call, cst.Call) and call.func is name else None
        if given is None or parameter.name.value not in given:
            return []
        found.append((program, given[parameter.name.value].value))
    return found


def _uses_of(program, function):
    """The names that stand for a function of the program, as far as nothing else has its name."""
    scope = program.scope(function)
    found = list(scope[function.name.value]) if scope is not None else []
    alone = len(found) == 1 and getattr(found[0], "node", None) is function and not function.decorators
    return program.uses(found[0]) if alone else []


def assigned(program, origin, imports=None):
    """The program and the expression that an origin was assigned, in `a, b = f()` what that returns; None if it cannot
    be told."""
    value = program.value(origin)
    element = program.parents.get(getattr(origin, "node", None))
    if value is not None or not isinstance(element, cst.Element):
        return None if value is None else (program, value)
    target = program.parents[element]
    statement = program.parents[program.parents[target]]
    home, values = (isinstance(statement, cst.Assign) and _tuple(program, statement.value, imports)) or (None, None)
    if not isinstance(values, cst.Tuple) or len(values.elements) != len(target.elements):
        return None
    if any(isinstance(part, cst.StarredElement) for part in [*values.elements, *target.elements]):
        return None
    return home, values.elements[target.elements.index(element)].value


def _tuple(program, expression, imports, depth=0):
    """The program and the tuple that an expression stands for, through variables and functions; None if it cannot be
    told."""
    if isinstance(expression, cst.Tuple):
        return program, expression
    values = _values(program, expression, imports) if depth < 4 else ()
    return _tuple(*values[0], imports, depth + 1) if len(values) == 1 and values[0] is not None else None


def attribute_values(program, attribute):
    """The expressions that `self.x` is assigned in the class that an expression `self.x` is in, None if there is more.

    An attribute of that name must be assigned nowhere else. A `None` that stands in for what comes later is left out.
    """
    if not m.matches(attribute, m.Attribute(m.Name("self"))):
        return None
    home, name, values = _class(program, attribute), attribute.attr.value, []
    for node in _stored(program).get(name, ()):
        assign = program.parents[program.parents[node]]
        if not isinstance(assign, cst.Assign) or home is None or _class(program, node) is not home:
            return None
        if not m.matches(node, m.Attribute(m.Name("self"))):
            return None
        values.append(assign.value)
    return [value for value in values if not m.matches(value, m.Name("None"))]


def may_be_none(program, expression):
    """Whether `None` stands in for an attribute of `self` before it is assigned."""
    if not m.matches(expression, m.Attribute(m.Name("self"))):
        return False
    stored = [program.parents[program.parents[node]] for node in _stored(program).get(expression.attr.value, ())]
    return any(m.matches(getattr(assign, "value", None), m.Name("None")) for assign in stored)


def _stored(program):
    """The attributes that are assigned in a program, in whatever way, by their names."""
    if _stored not in program.memory:
        found = program.memory[_stored] = {}
        for node in program.of(cst.Attribute):
            if _is_stored(program, node):
                found.setdefault(node.attr.value, []).append(node)
    return program.memory[_stored]


def _is_stored(program, node):
    parent = program.parents[node]
    while isinstance(parent, (cst.Element, cst.StarredElement, cst.Tuple, cst.List)):
        node, parent = parent, program.parents[parent]
    if isinstance(parent, (cst.AssignTarget, cst.AugAssign, cst.AnnAssign, cst.For, cst.CompFor)):
        return parent.target is node
    return isinstance(parent, (cst.AsName, cst.Del))


def _class(program, node):
    """The class whose method a node is in, None if there is none."""
    while node is not None and not isinstance(node, (cst.ClassDef, cst.Module)):
        node = program.parents.get(node)
    return node if isinstance(node, cst.ClassDef) else None


def returned(program, call):
    """The expression that a call of a function of the program or a method of `self` returns, None if it is not seen."""
    func = getattr(call, "func", None)
    if m.matches(func, m.Attribute(m.Name("self"))):
        home, name = _class(program, call), func.attr.value
        methods = [one for one in program.of(cst.FunctionDef) if one.name.value == name]
        alone = len(methods) == 1 and home is not None and _class(program, methods[0]) is home
        return _returned(program, methods[0]) if alone else None
    origins = program.origins(func) if isinstance(func, cst.Name) else ()
    return _returned(program, getattr(origins[0], "node", None)) if len(origins) == 1 else None


def _result(program, call, imports):
    """The same as a pair of a program and an expression there, through modules beside it, too."""
    value = returned(program, call)
    if value is not None or imports is None or not isinstance(call, cst.Call) or not isinstance(call.func, cst.Name):
        return None if value is None else (program, value)
    origins = program.origins(call.func)
    if not origins or not all(isinstance(origin, Binding) for origin in origins):
        return None
    return _imported(program, call.func.value, origins, imports, _returned_there)[0]


@remembered
def _returned(program, function):
    """The expression that a function returns, None if that cannot be told.

    The function must have one `return`, in its own block, and import nothing itself: what its names stand for is then
    known where it is called, too.
    """
    if not isinstance(function, cst.FunctionDef) or function.decorators or function.asynchronous is not None:
        return None
    inside = m.findall(
        function.body, m.Return() | m.Yield() | m.Import() | m.ImportFrom() | m.Global() | m.FunctionDef()
    )
    last = function.body.body[-1]
    if len(inside) != 1 or not isinstance(last, cst.SimpleStatementLine) or inside[0] is not last.body[-1]:
        return None
    return inside[0].value


def _imported(program, name, bindings, imports, values):
    """What a name stands for that is bound by imports: in the one of the modules beside the program that has it."""
    if len(bindings) > 1 and any(binding.alias is not None for binding in bindings):
        return [None]
    found = []
    for binding in bindings:
        home = module_beside(program, binding, ".flow")
        last = name if binding.alias is None else binding.alias.evaluated_name
        origins = home.global_assignments(last) if home is not None else []
        if origins:
            imports.append(binding)
            found.append(values(home, origins, imports))
    return found[0] if len(found) == 1 else [None]


def _assigned_there(program, origins, imports):
    return [assigned(program, origin, imports) for origin in origins]


def _returned_there(program, origins, imports):
    value = _returned(program, getattr(origins[0], "node", None)) if len(origins) == 1 else None
    return [None if value is None else (program, value)]


def module_beside(program, binding, word):
    """The module beside a program that an import takes something from; None if there is none with a word in it."""
    text = isinstance(binding.statement, cst.ImportFrom) and program.beside(binding.module)
    if not text or word not in text:
        return None
    key = module_beside, binding.module
    if key not in program.memory:
        try:
            program.memory[key] = Program(text, beside=program.beside)
        except ValueError:  # which is told of where that file is done
            program.memory[key] = None
    return program.memory[key]


def is_generator(program, call):
    """Whether a call is `ImageDataGenerator(...)`."""
    return is_generator_class(program, call.func)


def is_flow(program, call):
    """Whether a call is `.flow...(...)` of a generator."""
    func = getattr(call, "func", None)
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
    return any(binding.alias is not None and not _is_variable(program, binding) for binding in program.roots(receiver))


def _is_variable(program, binding):
    """Whether an import takes what a module beside the program assigns."""
    text = isinstance(binding.statement, cst.ImportFrom) and program.beside(binding.module)
    return bool(text) and re.search(rf"^{binding.alias.evaluated_name} *=[^=]", text, re.MULTILINE) is not None


def _keras_1_words(method):
    return {old for old, new in KERAS_1.items() if new in {*GENERATOR_METHODS[method], *LOADING}}


def arguments(call, order):
    """Dictionary from name to argument; those beyond `order` are left out; None if some are starred."""
    if any(arg.star for arg in call.args):
        return None
    given = {arg.keyword.value: arg for arg in call.args if arg.keyword is not None}
    return dict(zip(order, (arg for arg in call.args if arg.keyword is None), strict=False)) | given
