"""Numbers of steps: those that mean one pass and need not be said, those that may be None, fractions."""

import libcst as cst

from .constants import UNKNOWN, constant
from .flows import GENERATOR_METHODS, METHODS, feedings, is_flow, is_generator, resolve
from .names import meaning
from .passes import ROUNDED, is_about_images, is_one_pass

_ROUNDING = {"numpy.ceil", "numpy.floor", "numpy.rint", "numpy.round"}
"""Functions that return whole numbers as floats."""
_NUMBERS = {"int", "float", "len", "max", "min", "round", "sum"}
"""Built-in functions that return numbers."""


def whole_passes(program):
    """The arguments `steps_per_epoch` and `validation_steps` that are the number of batches of their iterator.

    Keras 3 takes that number by itself. Rounded down, it makes every second epoch the batch that was left over.
    """
    counted = (fed for fed in feedings(program) if fed.counts_images)  # of `predict`, too
    return {fed.number for fed in (*_of_fit(program), *counted) if is_one_pass(program, fed)}


def is_counted(program, fed, whole):
    """Whether data come with a number of batches, so that they must have no end; None if that may be None or one."""
    if not fed.steps or fed.number in whole:
        return False
    return True if fed.counts_images else _is_number(program, fed.number.value)  # Keras 1 asked for a number


def _is_number(program, expression, depth=0):
    value = constant(program, expression)
    if value is not UNKNOWN:
        return value is not None
    if isinstance(expression, (cst.BinaryOperation, cst.UnaryOperation)) or is_about_images(expression):
        return True
    if isinstance(expression, cst.Call):
        builtin = isinstance(expression.func, cst.Name) and program.is_builtin(expression.func)
        counts = builtin and expression.func.value in _NUMBERS
        return True if counts or program.paths(expression.func) <= ROUNDED else None
    if isinstance(expression, cst.Name) and depth < 4:
        values = [program.value(origin) for origin in program.origins(expression)]
        found = {None if value is None else _is_number(program, value, depth + 1) for value in values}
        return found.pop() if len(found) == 1 else None
    return None


def report_steps(program, whole, loaded):
    """Note the other numbers of steps for iterators.

    Args:
        program: a `Program`, which takes the findings.
        whole: what `whole_passes` returned.
        loaded: calls of flows that other edits turn into datasets, which go on without end.
    """
    for fed in _of_fit(program):
        flows = resolve(program, fed.arg.value, is_flow)
        if fed.number in whole or (flows and loaded.issuperset(flows)):
            continue
        if flows or (is_about_images(fed.number.value) and resolve(program, fed.arg.value, _is_call) is None):
            name = "validation_steps" if fed.validates else "steps_per_epoch"
            program.report(
                fed.number,
                f"`{name}` is not one pass for sure: left alone. Fewer batches than the iterator has end each epoch "
                'early; for more, Keras 3 says "Your input ran out of data". Delete it for one pass per epoch',
            )


def _of_fit(program):
    """The places of `feedings` where data come with a number of batches for each epoch."""
    for fed in feedings(program):
        if fed.steps and METHODS[fed.call.func.attr.value] == "fit":
            yield fed


def _is_call(program, call):
    return True


def round_steps(program, whole):
    """Turn `steps_per_epoch=n / 32` into `math.ceil(n / 32)`, `np.ceil(n / 32)` into `int(np.ceil(n / 32))`.

    Args:
        program: a `Program`, which takes the edits and findings.
        whole: the arguments that go.

    Returns:
        List of pairs of an import statement and a statement to add after it.
    """
    wanted = []
    for fed in feedings(program):
        if (
            not fed.steps
            or fed.number in whole
            or not _is_of_keras(program, fed)
            or not _is_fraction(program, fed.number.value)
        ):
            continue
        value = fed.number.value
        function, places = "int", []
        if not isinstance(value, cst.Call):
            function = "math.ceil"
            bound = any(b.name == b.target == "math" and b.is_global for b in program.bindings)
            places = [] if bound else _places(program, fed)
            if not bound and not places:
                function = None
        if function is None or _is_taken(program, function.partition(".")[0]):
            program.report(value, "Keras 3 takes no fraction as a number of steps: left alone")
            continue
        start, end = program.span(value)
        program.insert(start, f"{function}(")
        program.insert(end, ")")
        wanted += [(place, "import math") for place in places]
    return wanted


def _is_of_keras(program, fed):
    """Whether a call is one of a Keras model for sure: other libraries have a `predict(x, steps=...)`, too."""
    keyword = fed.number.keyword
    named = keyword is not None and keyword.value in ("steps_per_epoch", "validation_steps")
    return named or fed.call.func.attr.value in GENERATOR_METHODS or bool(resolve(program, fed.arg.value, is_flow))


def _is_fraction(program, expression, depth=0):
    """Whether an expression is a float for sure."""
    if isinstance(expression, cst.Float):
        return True
    if isinstance(expression, cst.BinaryOperation):
        sides = (expression.left, expression.right)
        divided = isinstance(expression.operator, cst.Divide)
        return divided or any(_is_fraction(program, side, depth) for side in sides)
    if isinstance(expression, cst.Call):
        return program.paths(expression.func) <= _ROUNDING
    if isinstance(expression, cst.Name) and depth < 4:
        values = [program.value(origin) for origin in program.origins(expression)]
        return bool(values) and all(value is not None and _is_fraction(program, value, depth + 1) for value in values)
    return False


def _places(program, fed):
    """The imports after which a name is known where the call is."""
    for flow in resolve(program, fed.arg.value, is_flow) or []:
        for maker in resolve(program, flow.func.value, is_generator) or []:
            return program.places(program.roots(maker.func))
    return program.places([b for b in program.bindings if b.is_global and meaning(b.loads) is not None])


def _is_taken(program, name):
    """Whether a name stands for something else than the module or function of Python, anywhere."""
    imported = {b.statement for b in program.bindings if b.name == b.target == name}
    return any(getattr(a, "node", None) not in imported for a in program.assignments(name))
