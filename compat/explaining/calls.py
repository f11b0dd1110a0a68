"""`keras-regen explain`: the calls of `ImageDataGenerator` in code that is read, not run."""

import ast
import inspect
import operator

from ..image import ImageDataGenerator
from .explain import explain

_OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


def print_explanation(code):
    """Print what `explain` says of each call of `ImageDataGenerator`. See `keras-regen explain --help`.

    Args:
        code: Python code, or the path of a file that ends in ".py".

    Raises:
        OSError: the file cannot be read.
        ValueError: there is no such call, or one that is not valid.
    """
    name, text = "the code", code
    if code.endswith(".py"):
        with open(code, encoding="utf-8") as file:
            name, text = code, file.read()
    calls = list(explain_calls(text, name))
    if not calls:
        raise ValueError(f"There is no call of ImageDataGenerator in {name}.")
    for line, call, explanation in calls:
        print(f"# {name}, line {line}\n\n    {call}\n\n{explanation}\n")


def explain_calls(text, name):
    """What `explain` says of each call of `ImageDataGenerator` in Python code.

    Only literals and arithmetic of numbers are evaluated; other arguments are left out, and the text says so.

    Args:
        text: the code.
        name: what errors call it.

    Yields:
        Line, code of the call on one line, explanation.

    Raises:
        ValueError: the code, or a call in it, is not valid.
    """
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise ValueError(f"{name}, line {error.lineno}: {error.msg}") from error
    nodes = list(ast.walk(tree))
    imported = [alias for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names]
    classes = {"ImageDataGenerator", *(alias.asname for alias in imported if alias.name == "ImageDataGenerator")}
    for call in sorted((node for node in nodes if isinstance(node, ast.Call)), key=lambda call: call.lineno):
        if getattr(call.func, "id", getattr(call.func, "attr", None)) not in classes:
            continue
        try:
            explanation = _explain_call(call)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}, line {call.lineno}: {error}") from error
        yield call.lineno, ast.unparse(call), explanation


def _explain_call(call):
    names = list(inspect.signature(ImageDataGenerator).parameters)
    if len(call.args) > len(names):
        raise TypeError(f"ImageDataGenerator takes {len(names)} arguments. Received: {len(call.args)}")
    given = [*zip(names, call.args, strict=False), *((keyword.arg, keyword.value) for keyword in call.keywords)]
    arguments, left_out = {}, []
    for name, node in given:
        try:
            arguments[name] = _value(node)
        except ValueError:
            if name == "preprocessing_function":
                arguments[name] = _unknown_function
            else:
                left_out.append(f"`{name}={ast.unparse(node)}`" if name else f"`**{ast.unparse(node)}`")
    explanation = explain(ImageDataGenerator(**arguments))
    if not left_out:
        return explanation
    return f"Left out, because it is no value in the code: {', '.join(left_out)}.\n\n{explanation}"


def _unknown_function(image):
    """Stands for the `preprocessing_function` of the code, and is not called."""
    raise NotImplementedError


def _value(node):
    """The value of an expression of literals and arithmetic; a ValueError for any other."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.Tuple, ast.List)):
        return (tuple if isinstance(node, ast.Tuple) else list)(_value(element) for element in node.elts)
    if not isinstance(node, (ast.BinOp, ast.UnaryOp)) or type(node.op) not in _OPERATIONS:
        raise ValueError(f"no literal: {ast.unparse(node)}")
    operands = [_value(part) for part in ([node.operand] if isinstance(node, ast.UnaryOp) else [node.left, node.right])]
    if not all(isinstance(operand, (int, float)) for operand in operands):
        raise ValueError(f"no numbers: {ast.unparse(node)}")
    try:
        return _OPERATIONS[type(node.op)](*operands)
    except ArithmeticError as error:
        raise ValueError(str(error)) from error
