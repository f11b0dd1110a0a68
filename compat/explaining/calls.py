"""`keras-regen explain`: the calls of legacy classes in code that is read, not run."""

import ast
import contextlib
import inspect

from ..image import ImageDataGenerator
from ..literals import value_of
from ..sequence import TimeseriesGenerator, pad_sequences
from ..text import Tokenizer
from .explain import as_text, explain
from .texts_and_series import FUNCTIONS, function_parts, series_code

_CLASSES = {one.__name__: one for one in (ImageDataGenerator, TimeseriesGenerator, Tokenizer)}
_KNOWN = _CLASSES | {function.__name__: function for function in FUNCTIONS}


def print_explanation(code):
    """Print what `explain` says of each legacy call. See `keras-regen explain --help`.

    Args:
        code: Python code, or the path of a file that ends in ".py".

    Raises:
        OSError: the file cannot be read.
        ValueError: there is no such call, or one that is not valid.
    """
    name, text = read(code)
    calls = list(explain_calls(text, name))
    if not calls:
        raise ValueError(f"There is no call of {', '.join(_KNOWN)} in {name}.")
    for line, call, explanation in calls:
        print(f"# {name}, line {line}\n\n    {call}\n\n{explanation}\n")


def explain_calls(text, name):
    """What `explain` says of each call of a legacy class, or function of texts and sequences, in Python code.

    Args:
        text: the code.
        name: what errors call it.

    Yields:
        Line, code of the call on one line, explanation.

    Raises:
        ValueError: the code, or a call in it, is not valid.
    """
    for line, call, arguments, left_out, called in calls_in(text, name, _KNOWN):
        if called in FUNCTIONS:
            yield line, call, as_text(*function_parts(called))
            continue
        for function in ("preprocessing_function", "analyzer"):
            if left_out.pop(function, None):
                arguments[function] = _unknown_function
        if called is TimeseriesGenerator:  # whose arrays the explanation calls by these names
            for array in ("data", "targets"):
                left_out.pop(array, None)
        with _errors_in(name, line):
            explanation = _explain_series(arguments) if called is TimeseriesGenerator else explain(called(**arguments))
        said = f"{what_is_left_out(left_out)}\n\n" if left_out else ""
        yield line, call, said + explanation


def calls_in(text, name, known=None):
    """The calls of `ImageDataGenerator`, or of other classes, in Python code, which is read, not run.

    Only literals and arithmetic of numbers are evaluated.

    Args:
        text: the code.
        name: what errors call it.
        known: dictionary from name to class.

    Yields:
        Line, code of the call on one line, dictionary of the arguments, dictionary of those left out: the code of each;
        and the class.

    Raises:
        ValueError: the code, or a call in it, is not valid.
    """
    known = known or {"ImageDataGenerator": ImageDataGenerator}
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise ValueError(f"{name}, line {error.lineno}: {error.msg}") from error
    nodes = list(ast.walk(tree))
    imported = [alias for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names]
    classes = known | {alias.asname: known[alias.name] for alias in imported if alias.name in known}
    for call in sorted((node for node in nodes if isinstance(node, ast.Call)), key=lambda call: call.lineno):
        called = classes.get(getattr(call.func, "id", getattr(call.func, "attr", None)))
        if called is not None and (isinstance(called, type) or _is_keras_s(called, call.func, nodes)):
            with _errors_in(name, call.lineno):
                arguments, left_out = _arguments(call, called)
            yield call.lineno, ast.unparse(call), arguments, left_out, called


def _is_keras_s(called, written, nodes):
    """Whether the function of Keras is meant: other libraries have a `one_hot` or a `skipgrams`, too.

    Args:
        called: one of `FUNCTIONS`.
        written: node of what is called in the code.
        nodes: all nodes of the code.
    """
    homes = {"text", "sequence", *(["utils"] if called is pad_sequences else [])}
    imports = [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    if isinstance(written, ast.Attribute):
        named = {alias.asname: alias.name for node in imports for alias in node.names}
        module = ast.unparse(written.value)
        return named.get(module, module).rpartition(".")[2] in homes
    if any(isinstance(node, ast.FunctionDef) and node.name == written.id for node in nodes):
        return False
    origins = [
        getattr(node, "module", None)
        for node in imports
        if written.id in [alias.asname or alias.name for alias in node.names]
    ]
    return all((module or "").rpartition(".")[2] in homes for module in origins)


def what_is_left_out(arguments):
    """A sentence about arguments whose values are not in the code."""
    given = (f"`**{code}`" if name is None else f"`{name}={code}`" for name, code in arguments.items())
    return f"Left out, because it is no value in the code: {', '.join(given)}."


def read(code):
    """What errors call a piece of code, and the code: that of a file if it is a path that ends in ".py"."""
    if not code.endswith(".py"):
        return "the code", code
    with open(code, encoding="utf-8") as file:
        return code, file.read()


@contextlib.contextmanager
def _errors_in(name, line):
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}, line {line}: {error}") from error


def _arguments(call, called):
    names = list(inspect.signature(called).parameters)
    if len(call.args) > len(names):
        raise TypeError(f"{called.__name__} takes {len(names)} arguments. Received: {len(call.args)}")
    given = [*zip(names, call.args, strict=False), *((keyword.arg, keyword.value) for keyword in call.keywords)]
    arguments, left_out = {}, {}
    for name, node in given:
        try:
            arguments[name] = value_of(node)
        except ValueError:
            left_out[name] = ast.unparse(node)
    return arguments, left_out


def _explain_series(arguments):
    """What `explain` says of a `TimeseriesGenerator` whose data nobody knows."""
    if "length" not in arguments:
        raise ValueError("`length` of the TimeseriesGenerator is no value in the code.")
    renamed = {"start_index": "start", "end_index": "end"}
    known = inspect.signature(series_code).parameters
    arguments = {renamed.get(name, name): value for name, value in arguments.items()}
    return as_text(*series_code(**{name: value for name, value in arguments.items() if name in known}))


def _unknown_function(image):
    """Stands for a function of the code, and is not called."""
    raise NotImplementedError
