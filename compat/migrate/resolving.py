"""Where the nodes of LibCST's tree are in the text, and the scopes of their names, in one way through it each.

LibCST's own providers write the text once more for the places, and make the tree anew for the scopes.
"""

import functools

import libcst as cst
from libcst.metadata import ExpressionContext
from libcst.metadata.scope_provider import ScopeVisitor
from libcst.metadata.span_provider import SpanProvidingCodegenState

from .patterns import children

_TARGETS = {
    cst.AnnAssign: ("target",),
    cst.AsName: ("name",),
    cst.Assign: ("targets",),
    cst.AugAssign: ("target",),
    cst.ClassDef: ("name",),
    cst.CompFor: ("target",),
    cst.For: ("target",),
    cst.FunctionDef: ("name",),
    cst.NamedExpr: ("target",),
    cst.Param: ("name",),
}
"""What binds names, and the field that holds them."""


def written(module):
    """The text of a tree, and a dictionary from node to (start, end), offsets in its UTF-8."""
    state = _State(module.default_indent, module.default_newline, provider=None)
    module._codegen(state)
    return "".join(state.tokens), state.spans


class _State(SpanProvidingCodegenState):
    """What nodes write themselves to."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.spans, self._begun = {}, []

    def _update_position(self, value):
        self.position += len(value) if value.isascii() else len(value.encode())

    def before_codegen(self, node):
        self._begun.append(self.position)

    def after_codegen(self, node):
        start = self._begun.pop()
        self.spans.setdefault(node, (start, self.position))

    def record_syntactic_position(self, node, *, start_node=None, end_node=None):
        return _Record(self, node, start_node, end_node)


class _Record:
    """The place of a node without the white space that it owns."""

    __slots__ = ("end_node", "node", "start", "start_node", "state")

    def __init__(self, state, node, start_node, end_node):
        self.state, self.node, self.start_node, self.end_node = state, node, start_node, end_node

    def __enter__(self):
        self.start = self.state.position

    def __exit__(self, *_):
        spans = self.state.spans
        start = self.start if self.start_node is None else spans[self.start_node][0]
        end = self.state.position if self.end_node is None else spans[self.end_node][1]
        spans[self.node] = start, end


def scopes(module):
    """Dictionary from node to LibCST's scope, but for white space and punctuation."""
    names = _Names(_Found(module))
    names.walk(module)
    names.infer_accesses()
    return names.provider.scopes


class _Found:
    """What a `ScopeVisitor` asks of its provider."""

    def __init__(self, module):
        self.scopes, self._stored, stack = {}, set(), [module]
        while stack:
            node = stack.pop()
            for name in _TARGETS.get(type(node), ()):
                value = getattr(node, name)
                for target in value if isinstance(value, (list, tuple)) else [value]:
                    self._store(target)
            if not _is_trivia(type(node)):
                stack += children(node)

    def _store(self, target):
        if isinstance(target, cst.Name):
            self._stored.add(target)
        elif not isinstance(target, (cst.Attribute, cst.Subscript)):
            for child in children(target):
                self._store(child)

    def set_metadata(self, node, scope):
        self.scopes[node] = scope

    def get_metadata(self, _, node, default):
        return ExpressionContext.STORE if node in self._stored else default


class _Names(ScopeVisitor):
    """LibCST's, which goes through the tree without making it anew."""

    def walk(self, node):
        self.on_visit(node)
        self.on_leave(node)

    def on_visit(self, node):
        visit = _visit_of(type(node))
        if visit is None or visit(self, node) is not False:
            for child in children(node):
                if not _is_trivia(type(child)):
                    self.walk(child)
        return False


@functools.cache
def _visit_of(kind):
    return getattr(_Names, f"visit_{kind.__name__}", None)


@functools.cache
def _is_trivia(kind):
    """Whether a type of nodes is of white space or punctuation, in which there are no names."""
    return kind.__module__ in ("libcst._nodes.whitespace", "libcst._nodes.op")
