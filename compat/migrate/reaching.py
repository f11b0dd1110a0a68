"""Which of the assignments to a name a use of it can see, as far as the order of statements tells."""

import libcst as cst

_OWNERS = (cst.Module, cst.FunctionDef, cst.ClassDef, cst.Lambda, cst.BaseComp)
_BLOCKS = (cst.Module, cst.IndentedBlock)
_LOOPS = (cst.For, cst.While)
_TARGETS = (cst.AssignTarget, cst.Tuple, cst.List, cst.Element)
_STATEMENTS = (cst.Assign, cst.AnnAssign, cst.AugAssign, cst.Import, cst.ImportFrom)


def reaching(program, name, assignments):
    """Those of the assignments to a name that may be the last one when it is used.

    The last of those that stand before the use in its block, or in one around that, hides what was before. What comes
    after the use counts where both are in a loop, and what other functions assign does anyway.

    Args:
        program: a `Program`.
        name: the `Name` that is used.
        assignments: LibCST's assignments to it.
    """
    remembered = program.memory.setdefault(reaching, {})
    places = [
        remembered.get(assignment) or remembered.setdefault(assignment, _Place(program, assignment))
        for assignment in assignments
    ]
    use, hidden, loops = program.span(name)[0], -1, []
    node, owner = name, _owner(program, name)
    while node is not owner and hidden < 0:
        parent = program.parents[node]
        if isinstance(parent, _BLOCKS):
            begin = program.span(node)[0]
            hidden = max((place.end for place in places if place.block is parent and place.end <= begin), default=-1)
        if isinstance(parent, _LOOPS):
            loops.append(program.span(parent))
        node = parent
    kept = [
        assignment
        for assignment, place in zip(assignments, places, strict=True)
        if place.owner is not owner
        or hidden <= place.end <= use
        or any(begin < place.end <= end for begin, end in loops)
    ]
    return kept or assignments


class _Place:
    """Where an assignment is done.

    `end` is where it is, `owner` what the name belongs to, and `block` the block that it stands in, if it is a
    statement of that: None for the target of a loop, a parameter and the like.
    """

    def __init__(self, program, assignment):
        self.end, self.block, self.owner = -1, None, None
        node = getattr(assignment, "node", None)
        if node not in program.parents:
            return
        self.end = program.span(node)[0]
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            self.block = program.parents[node]
            self.owner = _owner(program, node)
            return
        self.owner = _owner(program, node)
        while isinstance(program.parents[node], _TARGETS):
            node = program.parents[node]
        if not isinstance(node, _STATEMENTS):
            node = program.parents[node]
        if isinstance(node, _STATEMENTS):
            self.end = program.span(node)[1]
            line = program.parents[node]
            self.block = program.parents[line] if isinstance(line, cst.SimpleStatementLine) else None


def _owner(program, node):
    """The function, class, lambda, comprehension or module that a node is in."""
    node = program.parents[node]
    while not isinstance(node, _OWNERS):
        node = program.parents[node]
    return node
