"""The values of expressions that need not be run: literals, and arithmetic with numbers."""

import ast
import operator

_OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


def value_of(node, look_up=None):
    """The value of an expression.

    Args:
        node: an `ast.expr`.
        look_up: function of the name of a variable that returns its value, or raises a ValueError. None knows none.

    Raises:
        ValueError: it is no literal, no list or tuple of such, and no arithmetic with numbers.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name) and look_up is not None:
        return look_up(node.id)
    if isinstance(node, (ast.Tuple, ast.List)):
        values = (value_of(element, look_up) for element in node.elts)
        return tuple(values) if isinstance(node, ast.Tuple) else list(values)
    if not isinstance(node, (ast.BinOp, ast.UnaryOp)) or type(node.op) not in _OPERATIONS:
        raise ValueError(f"no literal: {ast.unparse(node)}")
    parts = [node.operand] if isinstance(node, ast.UnaryOp) else [node.left, node.right]
    operands = [value_of(part, look_up) for part in parts]
    if not all(isinstance(operand, (int, float)) and not isinstance(operand, bool) for operand in operands):
        raise ValueError(f"no numbers: {ast.unparse(node)}")
    try:
        return _OPERATIONS[type(node.op)](*operands)
    except ArithmeticError as error:
        raise ValueError(str(error)) from error
