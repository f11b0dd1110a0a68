"""Imports of the legacy modules, and the chains of attributes that lead to them."""

import re

import libcst as cst

from .names import EXPORTS, GENERATOR, MODULES, OURS, TF_KERAS, is_package, known, legacy, meaning
from .program import dotted_name


def rewrite_imports(program, gone=frozenset(), wanted=()):
    """Turn the imports of a program, and chains like `tf.keras.preprocessing.image`, into ours.

    Args:
        program: a `Program`, which takes the edits and findings.
        gone: names that other edits take away, so that their imports may go, too.
        wanted: pairs of an import statement and a statement to add after it.
    """
    imports = _Imports(program, gone)
    for statement, text in wanted:
        imports.want(statement, text)
    imports.rewrite_chains()
    for statement in program.of(cst.ImportFrom):
        if not statement.relative and statement.module is not None:
            imports.rewrite_from(statement, dotted_name(statement.module))
    for statement in program.of(cst.Import):
        imports.rewrite_plain(statement)
    imports.finish()
    _report_others(program)


_BESIDE = {"image": f"from {OURS} import image", "pil_image": "from PIL import Image"}


class _Imports:
    def __init__(self, program, gone):
        self.program, self.gone = program, gone
        self.wanted = {}  # statement: texts of those to add after it, or in its place
        self.removed = {}  # statement: aliases to take out
        self.rewritten = set(gone)  # root names of chains
        self.unknown = set()  # root names of what we do not have
        self.bindings = {}
        for binding in program.bindings:
            self.bindings.setdefault((binding.statement, binding.alias), binding)

    def want(self, statement, text):
        self.wanted.setdefault(statement, {})[text] = None

    def rewrite_chains(self):
        program, roots = self.program, {}
        for node in program.of(cst.Attribute):
            paths = program.paths(node.value)
            if None not in paths and len(modules := {legacy(path) for path in paths}) == 1 and modules <= {*MODULES}:
                self._check_attribute(node, *modules)
            module = node.attr.value
            if module not in MODULES:
                continue
            paths = program.paths(node)
            if not any(path and legacy(path) == module for path in paths):
                continue
            bound = program.roots(node)
            # Where the module itself is imported, that import becomes ours; otherwise one is added.
            places = program.places([b for b in bound if legacy(b.loads) is not None] or bound)
            if None in paths or any(legacy(path) != module for path in paths) or not places:
                program.report(node, f"`{_root(node).value}` is not bound by an import alone: left alone")
            else:
                roots[node] = places
        for node, places in roots.items():
            root = _root(node)
            if root in self.unknown:
                continue
            self.rewritten.add(root)
            if root in self.gone:
                continue
            module = _ours(node.attr.value)
            program.replace(node, module)
            for place in places:
                scope = program.scope(place)
                if not any(b.scope is scope and b.loads == module for b in program.bindings):
                    self.want(place, f"import {module}")
        for binding in program.bindings:
            uses = program.uses(binding)
            if binding.alias is None or not uses:
                continue
            # A package `preprocessing` that nothing else is taken from, and what only served what went.
            package = is_package(binding.target) and self.rewritten.issuperset(uses)
            ours = meaning(binding.target) in ("image", f"image.{GENERATOR}") and self.gone.issuperset(uses)
            if package or ours:
                self._remove(binding)

    def rewrite_from(self, statement, module):
        program = self.program
        inside = legacy(module)
        star = isinstance(statement.names, cst.ImportStar)
        if star:
            if inside in EXPORTS:
                program.replace(statement.module, _ours(inside))
            elif is_package(module):
                program.report(statement, f"`import *` from `{module}`: import its modules by their names")
            return
        if inside is not None:
            mine = [alias for alias in statement.names if known(f"{inside}.{alias.evaluated_name}")]
            for alias in statement.names:
                text = _BESIDE.get(alias.evaluated_name) if inside == "image" else None
                if text is not None:  # which the module had, as it imported them itself
                    name = alias.evaluated_alias or alias.evaluated_name
                    self.want(statement, text + ("" if text.endswith(f" {name}") else f" as {name}"))
                    self.removed.setdefault(statement, []).append(alias)
                elif alias not in mine:
                    program.report(alias, f"{_ours(inside)} has no `{alias.evaluated_name}`: left alone")
            target = _ours(inside)
        elif is_package(module):
            mine = [alias for alias in statement.names if alias.evaluated_name in MODULES and self._all_known(alias)]
            target = OURS
        else:
            return
        rest = [alias for alias in mine if alias not in self.removed.get(statement, ())]
        if not rest:
            return
        alone = inside == "image" and len(rest) == 1 and rest[0].evaluated_name == GENERATOR
        home = OURS if alone else target
        if len(rest) + len(self.removed.get(statement, ())) == len(statement.names):
            program.replace(statement.module, home)
            return
        self.want(statement, f"from {home} import {', '.join(program.code(alias) for alias in rest)}")
        self.removed.setdefault(statement, []).extend(rest)

    def rewrite_plain(self, statement):
        program = self.program
        for alias in statement.names:
            dotted = alias.evaluated_name
            inside = legacy(dotted)
            if inside is None or alias in self.removed.get(statement, ()):
                continue
            if inside not in EXPORTS:
                program.report(alias, f"keras_regen has no `{dotted}`: left alone")
                continue
            binding = self.bindings[statement, alias]
            uses = program.uses(binding)
            if not self.unknown.isdisjoint(uses):
                continue
            text = _ours(inside)
            if alias.asname is None and self._is_needed(binding, uses):
                text = f"{binding.name}, {text}"
            program.replace(alias.name, text)
            self.wanted.get(statement, {}).pop(f"import {_ours(inside.partition('.')[0])}", None)

    def finish(self):
        program = self.program
        for statement in {**self.wanted, **self.removed}:
            texts, removed = list(self.wanted.get(statement, ())), self.removed.get(statement, [])
            if removed and len(removed) == len(statement.names):
                program.replace(statement, texts.pop(0))
            elif removed:
                program.remove(statement.names, removed)
            for text in texts:
                program.add_statement(statement, text)

    def _check_attribute(self, node, module):
        """Note an attribute of a module that we do not have."""
        program, name = self.program, node.attr.value
        parent = program.parents[node]
        inside = f"{module}.{name}"
        if inside in EXPORTS and isinstance(parent, cst.Attribute):
            inside = f"{inside}.{parent.attr.value}"
        if not known(inside) and not name.startswith("__"):
            self.unknown.add(_root(node))
            program.report(node, f"{_ours(module)} has no `{inside[len(module) + 1 :]}`: left alone")

    def _all_known(self, alias):
        binding = next(b for b in self.program.bindings if b.alias is alias)
        return self.unknown.isdisjoint(self.program.uses(binding))

    def _remove(self, binding):
        # A comment inside the statement would go with it.
        if (
            binding.name not in self.program.hidden
            and "#" not in self.program.code(binding.statement)
            and self.wanted.get(binding.statement)
        ):
            self.removed.setdefault(binding.statement, []).append(binding.alias)

    def _is_needed(self, binding, uses):
        """Whether `import keras.preprocessing.image` is what binds `keras` for other uses."""
        if self.rewritten.issuperset(uses) and binding.name not in self.program.hidden:
            return False
        others = [b for b in self.program.bindings if b.name == binding.name and b.scope is binding.scope]
        return all(legacy(other.loads) is not None for other in others)


def _ours(inside):
    return f"{OURS}.{inside}"


def _root(node):
    while isinstance(node, cst.Attribute):
        node = node.value
    return node


def _report_others(program):
    """Note what is the image module of tf_keras, which is alive, and what names it in a string."""
    own = "tf_keras has its own ImageDataGenerator: left alone"
    for binding in program.bindings:
        if TF_KERAS.match(binding.loads):
            program.report(binding.statement, own)
    for node in program.of(cst.Attribute):
        if any(path and TF_KERAS.fullmatch(path) for path in program.paths(node)):
            program.report(node, own)
    for node in program.of(cst.SimpleString):
        text = node.raw_value
        if "b" not in node.prefix and re.fullmatch(r"[\w.]+", text) and legacy(text) is not None:
            program.report(node, f"a string names `{text}`: left alone")
