"""`keras-regen explain`: the calls of `ImageDataGenerator` in code that is read, not run."""

import ast
import inspect

from ..image import ImageDataGenerator
from ..literals import value_of
from .explain import explain


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
            arguments[name] = value_of(node)
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
