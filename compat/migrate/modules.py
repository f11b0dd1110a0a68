"""Imports from modules of Keras that moved or are gone."""

import re

import libcst as cst

from .moved import GONE, KERAS, SUBMODULES
from .program import dotted_name

_PRIVATE = re.compile(
    r"tensorflow\.python\.keras\.((?:applications(?:\.\w+)?|callbacks|datasets|initializers|layers|losses|metrics|models|"
    r"optimizers|regularizers|utils))"
)
"""What is left of Keras 2 inside of TensorFlow, whose layers and models are none of Keras 3's."""


def modules(program):
    """`from keras.layers.core import Dense` to `from keras.layers import Dense`, and what is in modules that moved."""
    for statement in program.of(cst.ImportFrom):
        module = dotted_name(statement.module)
        if statement.relative or module is None or isinstance(statement.names, cst.ImportStar):
            if module is not None and not statement.relative:
                _star(program, statement, module)
            continue
        if private := _PRIVATE.fullmatch(module):
            program.replace(statement.module, f"tensorflow.keras.{private[1]}")
            continue
        homes = {}
        for alias in statement.names:
            home = _home(module, alias.evaluated_name)
            homes.setdefault(home, []).append(alias)
        _report_gone(program, statement, module, homes.pop(None, []))
        if len(homes) == 1 and sum(map(len, homes.values())) == len(statement.names):
            (home,) = homes
            if home[1] is None:
                program.replace(statement.module, home[0])
            else:  # a module: `from keras.utils import np_utils`
                alias = statement.names[0]
                if len(statement.names) == 1:
                    name = alias.evaluated_alias or alias.evaluated_name
                    program.replace(statement, f"from {home[0]} import {home[1]} as {name}")
            continue
        moved = [alias for aliases in homes.values() for alias in aliases]
        if len(moved) == len(statement.names) and "#" not in program.code(statement):
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
        if homes and "#" not in program.code(statement):
            program.remove(statement.names, [alias for aliases in homes.values() for alias in aliases])
    for node in program.of(cst.Attribute):
        parent = program.parents[node]
        paths = program.paths(node)
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


def _home(module, name):
    """Where Keras 3 has what an old module had: (module, None), or (package, module) for a module; None otherwise."""
    for pattern, new, names in SUBMODULES:
        if (match := pattern.fullmatch(module)) and (names is None or name in names):
            return f"{_root(match[1])}.{new}", None
        if (
            name != "merge"
            and (match := pattern.fullmatch(f"{module}.{name}"))
            and new in ("layers", "utils", "losses", "initializers")
        ):
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
        for pattern, how in GONE.items():
            if re.match(rf"{KERAS}\.(?:engine\.|\w+\.)?{pattern}", path) or re.match(rf"{KERAS}\.{pattern}", path):
                program.report(alias, f"`{path}` is not in Keras 3: {how}")
                break
        else:
            if any(pattern.fullmatch(module) for pattern, _, _ in SUBMODULES):
                program.report(alias, f"`{path}` is not in Keras 3: left alone")
