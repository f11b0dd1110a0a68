"""Patterns of syntax, spelled as those of `libcst.matchers`, whose import takes longer than to rewrite a file.

`patterns.Name("x")` matches the node `libcst.Name` whose first field is "x", whatever its other fields are.
"""

import dataclasses

import libcst as cst


class Pattern:
    """What a node may be: pairs of a class and a dictionary of what fields of it may be."""

    def __init__(self, alternatives):
        self.alternatives = alternatives

    def __or__(self, other):
        return Pattern([*self.alternatives, *other.alternatives])


def __getattr__(name):
    kind = getattr(cst, name)
    names = [field.name for field in dataclasses.fields(kind)]

    def pattern(*positional, **fields):
        return Pattern([(kind, {**dict(zip(names, positional, strict=False)), **fields})])

    return pattern


def matches(found, pattern):
    """Whether a node, a list of nodes or the value of a field is what a pattern, a list of such or a value says."""
    if isinstance(pattern, Pattern):
        return any(
            isinstance(found, kind) and all(matches(getattr(found, name), part) for name, part in fields.items())
            for kind, fields in pattern.alternatives
        )
    if isinstance(pattern, list):
        return len(found) == len(pattern) and all(map(matches, found, pattern))
    return found == pattern


def findall(tree, pattern):
    """The nodes of a tree, itself included, that match."""
    inside = [node for child in tree.children for node in findall(child, pattern)]
    return [tree, *inside] if matches(tree, pattern) else inside
