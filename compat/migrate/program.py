"""A program, what its names stand for, and edits of its text that leave everything else as it is, byte for byte."""

import functools
import re

import libcst as cst
from libcst.metadata import BuiltinAssignment, ImportAssignment

from .parsing import family, moved, parse
from .reaching import reaching
from .resolving import scopes

_NEWLINE = re.compile(rb"\r?\n")


class Binding:
    """A name bound by an import: `name` to the module or object `target` (dotted), by `alias` of `statement`.

    `alias` is the `ImportAlias`, or None for a star; `scope` the scope that the name is visible in, and `local` whether
    the statement stands in that scope (not so after `global`).
    """

    def __init__(self, name, target, alias, statement, scope, local):
        self.name, self.target, self.alias, self.statement = name, target, alias, statement
        self.scope, self.local = scope, local

    @property
    def loads(self):
        """The dotted name that the import loads."""
        return self.alias.evaluated_name if isinstance(self.statement, cst.Import) else self.target

    @property
    def module(self):
        """The dotted name of the module that is imported, or imported from."""
        return self.loads if isinstance(self.statement, cst.Import) else dotted_name(self.statement.module)

    @property
    def is_global(self):
        """Whether the name is visible in the whole program."""
        return self.scope is self.scope.globals


class Program:
    """A parsed text, with its edits and findings.

    Positions are byte offsets into the text's UTF-8.

    Args:
        text: the text of a module.
        hidden: names that may be used by what is not in the text, as the lines of IPython in a notebook.
        beside: function from the dotted name of a module to its text, None if there is none that can be read.

    Attributes:
        nodes: dictionary from node type to the nodes of the program, in the order of the text.
        edits: list of (start, end, new text); what lies within a larger one is dropped.
        findings, lost: lists of (offset, reason), of what is left alone, and of what `install` gives back.
        removed: the statement lines that `remove_lines` took away.
        memory: dictionary for what is asked again and again, by pairs of a function and what it is given.

    Raises:
        ValueError: the text does not parse.
    """

    def __init__(self, text, hidden=frozenset(), beside=None):
        self.hidden, self.beside = hidden, beside or (lambda module: None)
        module, self._spans, parsed = parse(text)
        self.data = text.encode()
        self._scopes = scopes(module)
        if parsed is not None:
            self._spans = moved(self._spans, parsed.encode(), self.data)
        self.edits, self.removed, self._dropped = [], [], {}
        self.findings, self.lost = [], []
        self.parents, self.nodes = family(module)
        for found in self.nodes.values():
            found.sort(key=self._place)
        self._record_captures()
        self.values = dict(self._assigned())
        self.bindings = list(self._imported())
        self.stars = [binding for binding in self.bindings if binding.alias is None]
        self.memory, self._known_paths = {}, {}
        self._uses, self._imported_by = None, {}
        for binding in self.bindings:
            self._imported_by.setdefault((binding.statement, binding.name), []).append(binding)

    def of(self, *types):
        """The nodes of some types."""
        return [node for kind in types for node in self.nodes.get(kind, ())]

    def _place(self, node):
        start, end = self._spans.get(node, (0, 0))
        return start, start - end

    # Text

    def span(self, node):
        """(start, end) of a node."""
        return self._spans[node]

    def code(self, node):
        """The text of a node."""
        start, end = self.span(node)
        return self.data[start:end].decode()

    def value_code(self, arg):
        """The text of the value of an argument, with its parentheses, which are no part of LibCST's positions."""
        code = self.code(arg)
        return code if arg.keyword is None else code.partition("=")[2].lstrip()

    def between(self, start, end):
        """The text between two offsets."""
        return self.data[start:end].decode()

    def replace(self, node, text):
        """Replace a node by a text."""
        self.edits.append((*self.span(node), text))

    def insert(self, offset, text):
        """Insert a text."""
        self.edits.append((offset, offset, text))

    def is_edited(self, node):
        """Whether an edit begins in a node."""
        start, end = self.span(node)
        return any(start <= edit[0] < end for edit in self.edits)

    def report(self, node, reason):
        """Note something that was left alone."""
        self.findings.append((self.span(node)[0], reason))

    def report_lost(self, node, reason):
        """Note something that `install` gives back."""
        self.lost.append((self.span(node)[0], reason))

    def newline(self, offset):
        """The line ending of the line that an offset is in, or of the first line where that one has none."""
        match = _NEWLINE.search(self.data, offset) or _NEWLINE.search(self.data)
        return match.group().decode() if match else "\n"

    def indentation(self, offset):
        """The white space before an offset if there is nothing else on the line, otherwise None."""
        before = self.between(self.line_start(offset), offset)
        return None if before.strip(" \t\f") else before.rpartition("\f")[2]

    def line_end(self, offset):
        """Where the line that an offset is in ends, its line ending not included."""
        match = _NEWLINE.search(self.data, offset)
        return match.start() if match else len(self.data)

    def line_start(self, offset):
        """Where the line that an offset is in begins."""
        return self.data.rfind(b"\n", 0, offset) + 1

    def statement(self, node):
        """The statement line that a node is in, None if it is in the head of a compound statement."""
        while not isinstance(node, (cst.SimpleStatementLine, cst.BaseCompoundStatement, cst.Module)):
            node = self.parents[node]
        return node if isinstance(node, cst.SimpleStatementLine) else None

    def add_statement(self, after, text):
        """Add a statement after a small statement: on a new line if it has its own."""
        start, end = self.span(after)
        line, indentation = self.parents[after], self.indentation(start)
        if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 and indentation is not None:
            end = self.line_end(end)
            text = self.newline(end) + indentation + text
        else:
            text = "; " + text
        if not any(edit == (end, end, text) for edit in self.edits):
            self.insert(end, text)

    def remove_line(self, statement):
        """Remove a statement line that is alone on its lines; a comment behind it stays."""
        start, end = self.span(statement)
        last = self.line_end(end)
        rest = self.between(end, last)
        if rest.strip():
            self.edits.append((start, end + len(rest) - len(rest.lstrip()), ""))
        else:
            after = _NEWLINE.match(self.data, last)
            self.edits.append((self.line_start(start), after.end() if after else last, ""))

    def add_before(self, statement, text):
        """Add a statement line above a statement line. Returns: whether it has its lines for itself."""
        start = self.span(statement)[0]
        indentation = self.indentation(start)
        if indentation is not None:
            start = self.line_start(start)
            self.edits.append((start, start, f"{indentation}{text}{self.newline(start)}"))
        return indentation is not None

    def remove_lines(self, lines):
        """Remove statement lines; the last of a block that would be left empty becomes `pass`."""
        self.removed += lines
        for line in lines:
            siblings = self.parents[line].body
            if line is siblings[-1] and all(other in lines for other in siblings):
                self.replace(line.body[0], "pass")
            else:
                self.remove_line(line)

    def add_comment(self, statement, text):
        """Add a comment line above a statement line, if it is not there already."""
        start = self.span(statement)[0]
        indentation = self.indentation(start)
        if indentation is None:
            return
        start = self.line_start(start)
        edit = (start, start, f"{indentation}# {text}{self.newline(start)}")
        if edit not in self.edits and not any(f"# {text}" in line for line in self._comments_above(start)):
            self.edits.append(edit)

    def _comments_above(self, start):
        """The lines above the one that begins at an offset, as long as they are empty or comments."""
        while start:
            start, end = self.line_start(start - 1), start
            line = self.between(start, end).strip()
            if line and not line.startswith("#"):
                return
            yield line

    def remove(self, parts, removed):
        """Remove some, not all, of the parts of a list with commas (arguments, imported names); comments stay."""
        spans = [self.span(part) for part in parts]
        for k, part in enumerate(parts):
            if part not in removed:
                continue
            first, last = spans[k]
            followed = any(other not in removed for other in parts[k:])
            if followed and "#" not in self.between(last, spans[k + 1][0]):
                last = spans[k + 1][0]
            elif not followed and k and "#" not in self.between(spans[k - 1][1], first):
                first = spans[k - 1][1]
            else:
                first, last = self._with_comma(part, first, last)
            self.edits.append((first, last, ""))

    def drop(self, call, args):
        """Remove arguments of a call, together with those that are dropped elsewhere."""
        self._dropped.setdefault(call, []).extend(args)

    def _with_comma(self, part, first, last):
        """The span of a part with its comma, and with its line if there is nothing else on it."""
        if isinstance(part.comma, cst.Comma):
            last = self.span(part.comma)[1]
        end = self.line_end(last)
        rest = self.between(last, end)
        if self.indentation(first) is not None and not rest.strip():
            match = _NEWLINE.match(self.data, end)
            return self.line_start(first), match.end() if match else end
        return first, last + len(rest) - len(rest.lstrip())

    def add_arguments(self, call, texts, removed=()):
        """Add keyword arguments to a call that keeps some arguments, one a line if its last one is on its own line."""
        last = next(arg for arg in reversed(call.args) if arg not in removed)
        start, end = self.span(last)
        indentation = self.indentation(start)
        gap = " " if indentation is None else self.newline(start) + indentation
        comment = "#" in self.between(end, self.line_end(end))
        if last.star == "**" or (comment and last.keyword is not None):
            self.insert(start, "".join(f"{text},{gap}" for text in texts))
        else:
            self.insert(end, "".join(f",{gap}{text}" for text in texts))

    def final_edits(self):
        """The edits, in order and without those that lie within a larger one."""
        for call, args in self._dropped.items():
            self.remove(call.args, args)
        self._dropped, kept = {}, []
        for edit in sorted(dict.fromkeys(self.edits), key=lambda edit: (edit[0], edit[1] > edit[0], -edit[1])):
            inside = kept and edit[0] < kept[-1][1]
            if inside and edit[1] > kept[-1][1]:
                raise ValueError(f"two changes overlap, please report this: {edit} and {kept[-1]}")
            if not inside:
                kept.append(edit)
        return kept

    # Names

    def scope(self, node):
        """The scope of a node; None for what is not code, as the parts of a string annotation."""
        return self._scopes.get(node)

    def origins(self, name):
        """What may have bound a `Name`: a list of `Binding`, and of LibCST's assignments for all else."""
        scope = self.scope(name)
        if scope is None:
            return []
        found = sorted(scope[name.value], key=self._position)  # LibCST's sets have no order
        if not found:
            return [star for star in self.stars if star.scope is scope.globals]
        if len(found) > 1:
            found = reaching(self, name, found)
        origins = {}
        for assignment in found:
            key = (assignment.node, name.value) if isinstance(assignment, ImportAssignment) else None
            origins |= dict.fromkeys(self._imported_by.get(key, [assignment]))
        return list(origins)

    def _position(self, assignment):
        node = getattr(assignment, "node", None)
        return self.span(node) if node in self._spans else (-1, -1)

    def value(self, origin):
        """The expression that an origin was assigned, None if it was bound in another way."""
        return self.values.get(getattr(origin, "node", None))

    def paths(self, expression):
        """The dotted names that a name or attribute may stand for by imports, with None for anything else."""
        if expression not in self._known_paths:
            self._known_paths[expression] = frozenset(self._paths(expression, 0))
        return self._known_paths[expression]

    def _paths(self, expression, depth):
        attributes = []
        while isinstance(expression, cst.Attribute):
            attributes.insert(0, expression.attr.value)
            expression = expression.value
        if not isinstance(expression, cst.Name):
            return {None}
        found = set()
        for origin in self.origins(expression):
            if isinstance(origin, Binding):
                targets = {f"{origin.target}.{expression.value}" if origin.alias is None else origin.target}
            elif isinstance(value := self.value(origin), (cst.Name, cst.Attribute)) and depth < 4:
                targets = self._paths(value, depth + 1)
            else:
                targets = {None}
            found |= {target and ".".join([target, *attributes]) for target in targets}
        return found or {None}

    def roots(self, expression, depth=0):
        """The bindings that the root of a name or attribute goes back to."""
        while isinstance(expression, cst.Attribute):
            expression = expression.value
        found = []
        for origin in self.origins(expression):
            if isinstance(origin, Binding):
                found.append(origin)
            elif isinstance(value := self.value(origin), (cst.Name, cst.Attribute)) and depth < 4:
                found += self.roots(value, depth + 1)
        return found

    def uses(self, origin):
        """The names in the program that may stand for what an origin bound."""
        if self._uses is None:
            self._uses = {}
            for name in sorted(self._loaded(), key=self.span):
                for found in self.origins(name):
                    self._uses.setdefault(found, []).append(name)
        return self._uses.get(origin, [])

    def global_assignments(self, name):
        """What binds a name of the module, as LibCST's assignments."""
        return next((list(s.globals[name]) for s in self._scopes.values() if s is not None), [])

    def is_builtin(self, name):
        """Whether a `Name` is Python's own."""
        origins = self.origins(name)
        return bool(origins) and all(isinstance(origin, BuiltinAssignment) for origin in origins)

    def assignments(self, name):
        """All that binds a name, in whatever scope, as LibCST's assignments."""
        scopes = {scope for scope in self._scopes.values() if scope is not None}
        return [assignment for scope in scopes for assignment in scope.assignments if assignment.name == name]

    def places(self, bindings):
        """The import statements after which another import is visible wherever those bindings are, None if nowhere."""
        found = []
        for binding in sorted(bindings, key=lambda binding: self.span(binding.statement)):
            if not binding.local:
                return None
            if binding.statement not in found:
                found.append(binding.statement)
            block = self.parents[self.parents[binding.statement]]
            if isinstance(block, cst.Module) or isinstance(self.parents[block], (cst.FunctionDef, cst.ClassDef)):
                break
        return found

    def without(self, places, target):
        """Those of the import statements in whose scope no import makes visible the last name of a dotted one."""
        homes = [b.scope for b in self.bindings if b.target == target and b.name == target.rpartition(".")[2]]
        return [one for one in places if not any(scope in (self.scope(one), scope.globals) for scope in homes)]

    def _loaded(self):
        seen = set()
        for scope in {scope for scope in self._scopes.values() if scope is not None}:
            for access in scope.accesses:
                node = access.node
                while isinstance(node, cst.Attribute):
                    node = node.value
                if isinstance(node, cst.Name) and node in self._spans and node not in seen:
                    seen.add(node)
                    yield node

    def _record_captures(self):
        """Let the names in patterns of `match` be assignments in their scopes, which LibCST leaves out."""
        captures = [node.name for node in self.of(cst.MatchAs, cst.MatchStar)]
        for name in [*captures, *(node.rest for node in self.of(cst.MatchMapping))]:
            if name is not None:
                self.scope(name).record_assignment(name.value, name)

    def _assigned(self):
        """Pairs of a target name and its value, in `a = 1`, `a: int = 1` and `a, b = 1, 2`."""
        for node in self.of(cst.Assign):
            for target in node.targets:
                yield from _pairs(target.target, node.value)
        for node in self.of(cst.AnnAssign):
            if node.value is not None and isinstance(node.target, cst.Name):
                yield node.target, node.value

    def _imported(self):
        for statement in self.of(cst.Import):
            for alias in statement.names:
                dotted = alias.evaluated_name
                name = alias.evaluated_alias or dotted.partition(".")[0]
                yield self._binding(name, dotted if alias.asname else name, alias, statement)
        for statement in self.of(cst.ImportFrom):
            module = dotted_name(statement.module)
            if statement.relative or module is None:
                continue
            if isinstance(statement.names, cst.ImportStar):
                yield self._binding("*", module, None, statement)
                continue
            for alias in statement.names:
                name = alias.evaluated_name
                yield self._binding(alias.evaluated_alias or name, f"{module}.{name}", alias, statement)

    def _binding(self, name, target, alias, statement):
        scope = self.scope(statement)
        visible = next((a.scope for a in scope[name] if getattr(a, "node", None) is statement), scope)
        return Binding(name, target, alias, statement, visible, visible is scope)


def remembered(function):
    """A function of a program and one thing, which computes its result once for each of these."""

    @functools.wraps(function)
    def recall(program, thing):
        key = function, thing
        if key not in program.memory:
            program.memory[key] = function(program, thing)
        return program.memory[key]

    return recall


def apply(data, edits):
    """Bytes with the edits of `Program.final_edits` made."""
    parts, done = [], 0
    for start, end, text in edits:
        parts += [data[done:start], text.encode()]
        done = end
    return b"".join([*parts, data[done:]])


def dotted_name(node):
    """The dotted name of a `Name` or chain of attributes, None for anything else."""
    if isinstance(node, cst.Attribute):
        base = dotted_name(node.value)
        return base and f"{base}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else None


def _pairs(target, value):
    if isinstance(target, cst.Name):
        yield target, value
    elif (
        isinstance(target, (cst.Tuple, cst.List))
        and isinstance(value, (cst.Tuple, cst.List))
        and len(target.elements) == len(value.elements)
        and not any(isinstance(part, cst.StarredElement) for part in [*target.elements, *value.elements])
    ):
        for part, piece in zip(target.elements, value.elements, strict=True):
            yield from _pairs(part.value, piece.value)
