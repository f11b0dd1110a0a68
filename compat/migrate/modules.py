"""Imports from modules of Keras that moved or are gone."""

import re

import libcst as cst

from . import patterns as m
from .keras_calls import keywords
from .moved import (
    BACKEND_GONE,
    ELSEWHERE,
    GIVEN_BACK,
    GONE,
    KERAS,
    OTHER_NAMES,
    PRIVATE_MODULES,
    PRIVATE_NAMES,
    SUBMODULES,
)
from .program import dotted_name
from .training import is_without_effect

_PRIVATE = re.compile(rf"tensorflow\.python\.keras((?:\.(?:{'|'.join(PRIVATE_MODULES)})|\.applications\.\w+)?)")
"""What is left of Keras 2 inside of TensorFlow, whose layers and models are none of Keras 3's."""
_VERSION_1 = "tensorflow.compat.v1.keras"
_IS_THEANO = m.Comparison(
    m.Call(m.Attribute(attr=m.Name("backend")), []),
    [m.ComparisonTarget(m.Equal(), m.SimpleString("'theano'") | m.SimpleString('"theano"'))],
)


def modules(program):
    """`from keras.layers.core import Dense` to `from keras.layers import Dense`, and what is in modules that moved."""
    emptied = []  # statements that go whole
    for statement in program.of(cst.ImportFrom):
        module = dotted_name(statement.module)
        if statement.relative or module is None or isinstance(statement.names, cst.ImportStar):
            if module is not None and not statement.relative:
                _star(program, statement, module)
            continue
        if module.startswith(_VERSION_1) and ".preprocessing" not in module:
            module = module.replace(_VERSION_1, "tensorflow.keras", 1)
            program.replace(statement.module, module)
        if private := _PRIVATE.fullmatch(module):
            if private[1] or all(a.evaluated_name in (*PRIVATE_MODULES, *PRIVATE_NAMES) for a in statement.names):
                program.replace(statement.module, f"tensorflow.keras{private[1]}")
            continue
        if module.partition(".")[0] == "keras_applications":
            module = f"keras.{module.removeprefix('keras_')}"
            program.replace(statement.module, module)
        done = _shape_of_input(program, statement, module)
        if len(done) == len(statement.names):
            continue
        homes = {}
        idle = [
            alias
            for alias in statement.names
            if alias not in done
            and (_gone(module, alias) or _is_merge(module, alias) or _is_gone_backend(module, alias))
            and is_idle(program, statement, alias)
        ]
        if idle and len(idle) == len(statement.names):
            emptied.append(program.parents[statement])
            continue
        unbound = _unbind(program, statement, module, [alias for alias in statement.names if alias not in idle])
        if len(unbound) + len(idle) == len(statement.names):
            continue
        idle += unbound
        names = [alias for alias in statement.names if alias not in [*idle, *done]]
        for alias in names:
            home = _home(module, _rename(program, module, alias))
            homes.setdefault(home, []).append(alias)
        _report_gone(program, statement, module, homes.pop(None, []))
        if len(homes) == 1 and sum(map(len, homes.values())) == len(names):
            (home,) = homes
            if home[1] is None:
                program.replace(statement.module, home[0])
                program.remove(statement.names, idle)
            else:  # a module: `from keras.utils import np_utils`
                alias = statement.names[0]
                if len(statement.names) == 1:
                    name = alias.evaluated_alias or alias.evaluated_name
                    program.replace(statement, f"from {home[0]} import {home[1]} as {name}")
            continue
        moved = [alias for aliases in homes.values() for alias in aliases]
        if len(moved) == len(names) and "#" not in program.code(statement):
            stays = next((home for home in homes if home[1] is None), None)
            if stays is None:
                program.report(statement, "its names are modules elsewhere in Keras 3")
                continue
            program.replace(statement.module, stays[0])
            del homes[stays]
        for (home, inner), aliases in homes.items():
            if "#" in program.code(statement):
                program.report(statement, f"`{aliases[0].evaluated_name}` is in `{home}` in Keras 3")
                continue
            names = ", ".join(
                program.code(alias) if inner is None else f"{inner} as {alias.evaluated_alias or alias.evaluated_name}"
                for alias in aliases
            )
            program.add_statement(statement, f"from {home} import {names}")
        if (homes or idle) and "#" not in program.code(statement):
            program.remove(statement.names, [*idle, *(alias for aliases in homes.values() for alias in aliases)])
    program.remove_lines(emptied)
    for node in program.of(cst.Attribute):
        parent = program.parents[node]
        paths = program.paths(node)
        if (new := _other_name(paths, node.attr.value)) is not None:
            program.replace(node.attr, new)
        if not isinstance(parent, cst.Attribute) or None in paths:
            continue
        found = {_home(path, parent.attr.value) for path in paths}
        if len(found) == 1 and (home := found.pop()) is not None and home[1] is None:
            short = home[0].rpartition(".")[2]
            base = node.value
            while isinstance(base, cst.Attribute) and base.attr.value != short:
                base = base.value
            if isinstance(base, cst.Attribute):
                program.edits.append((program.span(base)[1], program.span(node)[1], ""))
            else:
                program.report(node, f"`{parent.attr.value}` is in `{home[0]}` in Keras 3")
    for statement in program.of(cst.Import):
        for alias in statement.names:
            named = re.fullmatch(rf"{KERAS}\.backend\.tensorflow_backend", alias.evaluated_name)
            if named and alias.asname is not None:
                program.replace(alias.name, "tensorflow.keras.backend")
            if any(pattern.fullmatch(alias.evaluated_name) for pattern, _, _ in SUBMODULES):
                short = next(
                    p[0].fullmatch(alias.evaluated_name)[1] + "." + p[1]
                    for p in SUBMODULES
                    if p[0].fullmatch(alias.evaluated_name)
                )
                if alias.asname is not None:
                    program.replace(alias.name, short)
                else:
                    program.replace(alias.name, short)


def _shape_of_input(program, statement, module):
    """Take `_obtain_input_shape`, private already in Keras 2, from where Keras 3 has it. Returns: what is done so."""
    found = [alias for alias in statement.names if alias.evaluated_name == "_obtain_input_shape"]
    if not found or not module.endswith("applications.imagenet_utils") or "#" in program.code(statement):
        return []
    uses = [use for binding in program.bindings if binding.alias is found[0] for use in program.uses(binding)]
    calls = [program.parents[use] for use in uses]
    if not all(isinstance(call, cst.Call) and "require_flatten" in keywords(call) for call in calls):
        return []  # of an older version, with `include_top`
    name = found[0].evaluated_alias or found[0].evaluated_name
    text = f"from keras.src.applications.imagenet_utils import obtain_input_shape as {name}"
    if len(statement.names) == 1:
        program.replace(statement, text)
    else:
        program.add_statement(statement, text)
        program.remove(statement.names, found)
    return found


def _home(module, name):
    """Where Keras 3 has what an old module had: (module, None), or (package, module) for a module; None otherwise."""
    for pattern, new, names in (*SUBMODULES, *ELSEWHERE):
        if (match := pattern.fullmatch(module)) and (names is None or name in names):
            return f"{_root(match[1])}.{new}", None
    for pattern, new, _ in SUBMODULES:
        if name != "merge" and (match := pattern.fullmatch(f"{module}.{name}")) and new != "models":
            return _root(match[1]), new
    return None


def _root(keras):
    return "tensorflow.keras" if keras.startswith("tensorflow") else "keras"


def _star(program, statement, module):
    for pattern, new, _ in SUBMODULES:
        if match := pattern.fullmatch(module):
            program.replace(statement.module, f"{_root(match[1])}.{new}")
            return


def _report_gone(program, statement, module, aliases):
    for alias in aliases:
        path = f"{module}.{alias.evaluated_name}"
        if pattern := _gone(module, alias):
            report = program.report_lost if pattern in GIVEN_BACK else program.report
            report(alias, f"`{path}` is not in Keras 3: {GONE[pattern]}")
        elif any(pattern.fullmatch(module) for pattern, _, _ in SUBMODULES):
            program.report(alias, f"`{path}` is not in Keras 3: left alone")


def _gone(module, alias):
    """The pattern of a name that is gone; None for others."""
    path = f"{module}.{alias.evaluated_name}"
    for pattern in GONE:
        if re.match(rf"{KERAS}\.(?:engine\.|\w+\.)?{pattern}", path) or re.match(rf"{KERAS}\.{pattern}", path):
            return pattern
    return None


def _is_merge(module, alias):
    """Whether it is the function `merge` of Keras 1, whose calls are another repair."""
    return alias.evaluated_name == "merge" and re.fullmatch(rf"{KERAS}\.layers", module)


def _is_gone_backend(module, alias):
    return re.fullmatch(rf"{KERAS}\.backend", module) and alias.evaluated_name in BACKEND_GONE


def is_idle(program, statement, alias):
    """Whether an imported name is used nowhere, or where the backend is Theano, which Keras 3 does not have."""
    if not _stands_alone(program, statement):
        return False
    bindings = [binding for binding in program.bindings if binding.alias is alias]
    return (
        len(bindings) == 1
        and bindings[0].name not in program.hidden
        and all(
            _under_theano(program, use) or is_without_effect(program, program.parents[use])
            for use in program.uses(bindings[0])
        )
    )


def _stands_alone(program, statement):
    """Whether a statement has its lines for itself, without a comment in it."""
    line = program.parents[statement]
    return isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 and "#" not in program.code(statement)


def _unbind(program, statement, module, aliases):
    """Let names be None that are gone and used in functions and under conditions alone: the rest of the program runs.

    Returns: the aliases that were done so.
    """
    found = []
    if not _stands_alone(program, statement) or _is_tried(program, statement) or _is_deferred(program, statement):
        return found
    for alias in aliases:
        bindings = [binding for binding in program.bindings if binding.alias is alias]
        pattern = _gone(module, alias)
        if pattern and pattern not in GIVEN_BACK and len(bindings) == 1 and bindings[0].name not in program.hidden:
            uses = program.uses(bindings[0])
            if all(_is_deferred(program, use) for use in uses):
                found.append(alias)
    texts = [
        f"{a.evaluated_alias or a.evaluated_name} = None  # keras-regen: not in Keras 3: {GONE[_gone(module, a)]}"
        for a in found
    ]
    _report_gone(program, statement, module, found)
    if len(found) == len(statement.names):
        program.replace(statement, texts.pop(0))
    for text in texts:
        program.add_statement(statement, text)
    return found


def _is_deferred(program, node):
    """Whether a node is in the body of a function or of a condition."""
    while (parent := program.parents.get(node)) is not None:
        if isinstance(parent, (cst.FunctionDef, cst.If)) and node in (parent.body, getattr(parent, "orelse", None)):
            return True
        node = parent
    return False


def _is_tried(program, node):
    while (node := program.parents.get(node)) is not None:
        if isinstance(node, cst.Try):
            return True
    return False


def _other_name(paths, name):
    """What a name of a module is called in Keras 3, where a chain leads to it for sure; None if as ever."""
    for root, module, names in OTHER_NAMES:
        pattern = rf"{root}\.{module}(?:\.\w+)*\.{name}"
        if name in names and all(path and re.fullmatch(pattern, path) for path in paths):
            return names[name]
    return None


def _rename(program, module, alias):
    """`CuDNNLSTM` to `LSTM as CuDNNLSTM`. Returns: the name that is imported then."""
    old = alias.evaluated_name
    new = _other_name({f"{module}.{old}"}, old)
    if new is not None:
        name = alias.evaluated_alias or old
        program.replace(alias, new if name == new else f"{new} as {name}")
    return new or old


def _under_theano(program, node):
    while (parent := program.parents.get(node)) is not None:
        if isinstance(parent, cst.If) and parent.body is node and m.matches(parent.test, _IS_THEANO):
            return True
        node = parent
    return False
