"""Patterns of syntax, spelled as those of `libcst.matchers`, whose import takes longer than to rewrite a file.

`patterns.Name("x")` matches the node `libcst.Name` whose first field is "x", whatever its other fields are.
"""

import dataclasses
import functools

import libcst as cst


class Pattern:
    """What a node may be: pairs of a class and a dictionary of what fields of it may be."""

    def __init__(self, alternatives):
        self.alternatives = alternatives

    def __or__(self, other):
        return Pattern([*self.alternatives, *other.alternatives])


def __getattr__(name):
    if name.startswith("_"):  # as imports ask for
        raise AttributeError(name)
    kind = getattr(cst, name)
    names = [field.name for field in dataclasses.fields(kind)]

    def pattern(*positional, **fields):
        return Pattern([(kind, {**dict(zip(names, positional, strict=False)), **fields})])

    return globals().setdefault(name, pattern)  # which is then found without this function


def matches(found, pattern):
    """Whether a node, a list of nodes or the value of a field is what a pattern, a list of such or a value says."""
    if isinstance(pattern, Pattern):
        kinds = type(found).__mro__  # `isinstance` of LibCST's classes is slow where they differ
        return any(
            kind in kinds and all(matches(getattr(found, name), part) for name, part in fields.items())
            for kind, fields in pattern.alternatives
        )
    if isinstance(pattern, list):
        return len(found) == len(pattern) and all(map(matches, found, pattern))
    return found == pattern


def findall(tree, pattern):
    """The nodes of a tree, itself included, that match."""
    found, stack = [], [tree]
    while stack:
        node = stack.pop()
        if matches(node, pattern):
            found.append(node)
        stack += reversed(children(node))
    return found


def children(node):
    """The nodes that are fields of a node, or in one: as `node.children`, which visits them all."""
    found = []
    for name in _fields(type(node)):
        value = getattr(node, name)
        for child in value if isinstance(value, (list, tuple)) else (value,):
            if _is_node(type(child)):
                found.append(child)
    return found


@functools.cache
def _fields(kind):
    return tuple(field.name for field in dataclasses.fields(kind))


@functools.cache
def _is_node(kind):
    return issubclass(kind, cst.CSTNode)
