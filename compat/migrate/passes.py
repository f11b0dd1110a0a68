"""Whether a number of steps is the number of batches in one pass over the images of an iterator."""

import libcst as cst

from . import patterns as m
from .constants import constant
from .flows import arguments, is_flow, is_zip, resolve

ROUNDED = {"math.ceil", "math.floor", "numpy.ceil", "numpy.floor", "numpy.round", "numpy.rint"}
"""Functions that return their argument rounded."""
_COUNTS = ("samples", "n", "N", "nb_sample")
_LISTS = ("filenames", "filepaths", "classes", "labels")
ORDER_OF_FLOWS = {
    "flow": ("x", "y", "batch_size"),
    "flow_from_dataframe": (
        *("dataframe", "directory", "x_col", "y_col", "weight_col", "target_size"),
        *("color_mode", "classes", "class_mode", "batch_size"),
    ),
    "flow_from_directory": ("directory", "target_size", "color_mode", "classes", "class_mode", "batch_size"),
}
"""The arguments by position, up to the batch size."""
DEFAULT_BATCH_SIZE = 32
_DEEPEST = 4  # variables that are assigned one another


def is_one_pass(program, fed):
    """Whether the number of steps of a `Fed` is that of one pass, rounded up or down.

    The iterator must be known, and the number made of what it says of itself (`len(it)`, `it.n // it.batch_size`), of
    the length of the arrays or the table it was made of, and of its batch size as it was given to it. A number of
    images must be all of them.
    """
    passes = [_Pass(program, source) for source in _sources(program, fed.arg.value)]
    number = fed.number.value
    return any(one.is_count(number) if fed.counts_images else one.is_pass(number) for one in passes)


def is_about_images(expression):
    """Whether a number of steps is computed from the attributes of an iterator, whatever that is."""
    return bool(m.findall(expression, m.Attribute(attr=m.Name("samples") | m.Name("n") | m.Name("batch_size"))))


def _sources(program, data):
    """The expressions of the iterators that data come from: one, or those in a `zip`."""
    if resolve(program, data, is_flow):
        return [data]
    zips = resolve(program, data, is_zip)
    return [arg.value for one in zips for arg in one.args] if zips else []


class _Pass:
    """What expressions are to an iterator. `source` is the expression that it is fed by.

    The methods follow variables; `depth` is how many.
    """

    def __init__(self, program, source):
        self._program, self._source = program, source
        self._flows = [(flow, self._arguments(flow)) for flow in resolve(program, source, is_flow)]

    def is_pass(self, expression, depth=0):
        """Whether an expression is the number of batches, rounded up or down."""
        inner = self._rounded(expression)
        if inner is not None:
            return self.is_pass(inner, depth)
        if self._is_len(expression):
            return self._is_source(expression.args[0].value, depth)
        if m.matches(expression, _NEGATIVE):  # -(-n // b)
            return self._is_quotient(expression.expression.left.expression, expression.expression.right, depth)
        if m.matches(expression, _QUOTIENT):
            return self._is_quotient(self._raised(expression, depth), expression.right, depth)
        if m.matches(expression, _ONE_MORE):  # n // b + 1
            quotient = self._rounded(expression.left) or expression.left
            return m.matches(quotient, _QUOTIENT) and self._is_quotient(quotient.left, quotient.right, depth)
        return self._follow(expression, self.is_pass, depth)

    def _is_quotient(self, count, batch, depth):
        return self.is_count(count, depth) and self._is_batch(batch, depth)

    def _raised(self, quotient, depth):
        """`n` of `(n + b - 1) // b`, otherwise all that is divided."""
        left = quotient.left
        raised = m.matches(left, _RAISED) and self._is_batch(left.left.right, depth)
        return left.left.left if raised else left

    def is_count(self, expression, depth=0):
        """Whether an expression is the number of images."""
        expression = self._rounded(expression) or expression
        if isinstance(expression, cst.Attribute) and expression.attr.value in _COUNTS:
            return self._is_source(expression.value, depth)
        if self._is_len(expression):
            measured = expression.args[0].value
            if isinstance(measured, cst.Attribute) and measured.attr.value in _LISTS:
                return self._is_source(measured.value, depth)
            return self._is_data(measured)
        if m.matches(expression, _FIRST_OF_SHAPE):
            return self._is_data(expression.value.value)
        return self._follow(expression, self.is_count, depth)

    def _is_batch(self, expression, depth):
        """Whether an expression is the number of images in a batch."""
        expression = self._rounded(expression) or expression
        if m.matches(expression, m.Attribute(attr=m.Name("batch_size"))):
            return self._is_source(expression.value, depth)
        return all(given is not None and self._is_batch_of(given, expression) for _, given in self._flows)

    def _is_batch_of(self, given, expression):
        program, number = self._program, constant(self._program, expression)
        if "batch_size" not in given:
            return number == DEFAULT_BATCH_SIZE
        value = given["batch_size"].value
        if isinstance(number, int):
            return number == constant(program, value)
        return self._is_same(expression, value) and len(program.origins(expression)) == 1

    def _is_source(self, expression, depth):
        """Whether an expression is the iterator: the same variable, and one that never changes if asked elsewhere."""
        return self._is_same(expression, self._source) and (not depth or len(self._program.origins(expression)) == 1)

    def _is_data(self, expression):
        """Whether an expression is the arrays or the table that the iterator goes over, all of it."""
        for flow, given in self._flows:
            name = ORDER_OF_FLOWS[flow.func.attr.value][0]
            if given is None or name not in given or "subset" in given or name == "directory":
                return False
            start = self._program.span(flow)[0]
            nodes = [getattr(origin, "node", None) for origin in self._program.origins(expression)]
            if not self._is_same(expression, given[name].value) or any(
                node is not None and self._program.span(node)[0] > start for node in nodes
            ):
                return False  # another one since
        return True

    def _is_same(self, one, other):
        if not isinstance(one, cst.Name) or not isinstance(other, cst.Name) or one.value != other.value:
            return False
        found = self._program.origins(one)
        return bool(found) and found == self._program.origins(other)

    def _is_len(self, expression):
        call = m.matches(expression, m.Call(m.Name("len"), [m.Arg(keyword=None, star="")]))
        return call and self._program.is_builtin(expression.func)

    def _rounded(self, expression):
        """What a call only rounds, None for anything else."""
        if m.matches(expression, m.Call(m.Attribute(m.Call(), m.Name("astype")))):
            return expression.func.value
        if not isinstance(expression, cst.Call) or any(arg.keyword or arg.star for arg in expression.args):
            return None
        values, func = [arg.value for arg in expression.args], expression.func
        builtin = isinstance(func, cst.Name) and self._program.is_builtin(func)
        if len(values) == 1 and (
            (builtin and func.value in ("float", "int", "round")) or self._program.paths(func) <= ROUNDED
        ):
            return values[0]
        if len(values) == 2 and builtin and func.value == "max":  # at least one
            return next((values[1 - k] for k in (0, 1) if m.matches(values[k], m.Integer("1"))), None)
        return None

    def _follow(self, expression, check, depth):
        """What `check` says of the value of a variable that is assigned once."""
        origins = self._program.origins(expression) if isinstance(expression, cst.Name) else []
        value = self._program.value(origins[0]) if len(origins) == 1 and depth < _DEEPEST else None
        return value is not None and check(value, depth + 1)

    def _arguments(self, flow):
        """The arguments of a flow by name; None if they cannot be told."""
        order = ORDER_OF_FLOWS[flow.func.attr.value]
        by_position = sum(arg.keyword is None for arg in flow.args)
        return arguments(flow, order) if by_position <= len(order) else None


_ONE = m.Integer("1")
_QUOTIENT = m.BinaryOperation(operator=m.Divide() | m.FloorDivide())
_ONE_MORE = m.BinaryOperation(operator=m.Add(), right=_ONE)
_RAISED = m.BinaryOperation(m.BinaryOperation(operator=m.Add()), m.Subtract(), _ONE)
_NEGATIVE = m.UnaryOperation(m.Minus(), m.BinaryOperation(m.UnaryOperation(m.Minus()), m.FloorDivide()))
_FIRST_OF_SHAPE = m.Subscript(m.Attribute(m.Name(), m.Name("shape")), [m.SubscriptElement(m.Index(m.Integer("0")))])
