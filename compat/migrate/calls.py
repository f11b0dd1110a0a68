"""Calls that Keras 3 no longer takes: `fit_generator`, `workers=` of `fit`, `zip` of iterators."""

import libcst as cst

from . import patterns as m
from .flows import (
    GENERATOR_METHODS,
    METHODS,
    feedings,
    is_flow,
    is_generator,
    is_plain_zip,
    is_zip,
    obstacle,
    order_of,
    resolve,
    trace,
)
from .keras_1 import is_about_loading, rename_arguments, rename_ordering, uncounted
from .moved import KERAS_1
from .names import OURS
from .own_generators import rewrite_own_generators
from .steps import is_counted, report_steps, round_steps

_TO_DATASET = f"from {OURS} import to_dataset"


def rewrite_calls(program, whole, loaded=frozenset()):
    """Turn the calls of a program into those of Keras 3.

    Args:
        program: a `Program`, which takes the edits and findings.
        whole: what `whole_passes` returned.
        loaded: calls of flows that other edits turn into datasets.

    Returns:
        List of pairs of an import statement and a statement to add after it.
    """
    for call in program.of(cst.Call):
        if isinstance(call.func, cst.Attribute) and call.func.attr.value in GENERATOR_METHODS:
            _rename(program, call, whole)
    for node in program.of(cst.Attribute):
        parent = program.parents[node]
        if node.attr.value in GENERATOR_METHODS and not (isinstance(parent, cst.Call) and parent.func is node):
            program.report(node, f"`{node.attr.value}` is not called here: left alone")
    for fed in feedings(program):
        if fed.number in whole:
            program.drop(fed.call, [fed.number])
    for call in _generators(program):
        rename_ordering(program, call)
    for node in program.of(cst.Attribute):
        if node.attr.value == "nb_sample" and resolve(program, node.value, is_flow):
            program.replace(node.attr, "n")
    _move_loading(program, whole, loaded)
    _report_generator_functions(program, loaded)
    rewrite_own_generators(program)
    report_steps(program, whole, loaded)
    return _wrap_zips(program, whole) + round_steps(program, whole)


def _rename(program, call, whole):
    """`fit_generator(generator, ...)` to `fit(x, ...)`."""
    old = call.func.attr.value
    if reason := obstacle(program, call):
        program.report(call, f"`{old}`: {reason}: left alone")
        return
    if reason := uncounted(program, call, whole):
        program.report_lost(call, f"`{old}`: {reason}: left alone")
        return
    program.replace(call.func.attr, METHODS[old])
    order = order_of(call)
    for k, arg in enumerate(call.args):
        if arg.keyword is not None:
            break
        if order[k] != "generator" and arg not in whole:
            program.insert(program.span(arg)[0], f"{KERAS_1.get(order[k], order[k])}=")
    for arg in call.args:
        if arg.keyword is not None and arg.keyword.value == "generator":
            program.replace(arg.keyword, "x")
    rename_arguments(program, call, whole)


def _move_loading(program, whole, loaded):
    """`workers=` and its kin, from `fit` to the flow that made its data; away where that is something else."""
    moves, removed, seen = {}, {}, set()
    for fed in feedings(program):
        args = [arg for arg in fed.call.args if is_about_loading(arg)]
        if fed.validates or not args or uncounted(program, fed.call, whole):
            continue
        seen.add(fed.call)
        flows = resolve(program, fed.arg.value, is_flow) or []
        if flows and loaded.issuperset(flows):
            removed[fed.call] = args  # a dataset loads in parallel by itself
        elif _may_be_a_model(program, fed.call) and resolve(program, fed.arg.value, _is_python_iterator):
            removed[fed.call] = args  # Keras 3 has no workers for these
        elif len(flows) == 1:
            moves.setdefault(flows[0], []).extend((fed.call, arg) for arg in args)
        else:
            _drop_loading(program, fed.call, args, removed)
    for flow, moved in moves.items():
        texts = {}
        for _, arg in moved:
            texts.setdefault(_name_of(arg), set()).add(program.value_code(arg))
        taken = {arg.keyword.value for arg in flow.args if arg.keyword is not None}
        starred = any(arg.star for arg in flow.args)
        if (
            starred
            or not flow.args
            or taken & set(texts)
            or any(len(found) > 1 for found in texts.values())
            or not all(_is_known_at(program, arg.value, flow) for _, arg in moved)
        ):
            for call in dict.fromkeys(call for call, _ in moved):
                _drop_loading(program, call, [arg for one, arg in moved if one is call], removed)
            continue
        program.add_arguments(flow, [f"{name}={next(iter(found))}" for name, found in texts.items()])
        for call, arg in moved:
            removed.setdefault(call, []).append(arg)
    for call, args in removed.items():
        program.drop(call, args)


def _drop_loading(program, call, args, removed):
    """Take `workers=` and its kin out of a call of Keras, or list them where it is none for sure."""
    if not _is_a_model(call):
        if _may_be_a_model(program, call):
            _report_loading(program, args)
        return
    removed[call] = args
    gone = ", ".join(f"{_name_of(arg)}={program.value_code(arg)}" for arg in args)
    program.report(call, f"without {gone}, which Keras 3 takes where the data are made (PyDataset, flow), if at all")


def _name_of(arg):
    return KERAS_1.get(arg.keyword.value, arg.keyword.value)


def _is_a_model(call):
    """Whether a call with `workers=` is of a Keras model for sure: no others take these beside it."""
    if call.func.attr.value in GENERATOR_METHODS:
        return True
    names = {arg.keyword.value for arg in call.args if arg.keyword is not None}
    return not names.isdisjoint({"steps_per_epoch", "validation_data", "validation_steps", "callbacks", "epochs"})


def _may_be_a_model(program, call):
    """Whether a call with `workers=` is worth a word: many libraries have a `fit`."""
    if call.func.attr.value in GENERATOR_METHODS:
        return True
    return sum(arg.keyword is None for arg in call.args) < 2 and bool(_generators(program))


def _is_python_iterator(program, call):
    """Whether a call is `zip`, or of a generator function of the program."""
    if is_plain_zip(program, call):
        return True
    origins = program.origins(call.func) if isinstance(call.func, cst.Name) else []
    makers = {getattr(origin, "node", None) for origin in origins}
    return bool(makers) and makers <= {_function(program, node) for node in program.of(cst.Yield)} - {None}


def _report_loading(program, args):
    for arg in args:
        name = _name_of(arg)
        program.report(arg, f"`{name}=` is an argument of the flow now, which was not found for sure: left alone")


def _generators(program):
    return [call for call in program.of(cst.Call) if is_generator(program, call)]


def _is_known_at(program, expression, place):
    """Whether the names in an expression stand for the same at an earlier place."""
    start = program.span(place)[0]
    for name in m.findall(expression, m.Name()):
        parent = program.parents[name]
        if isinstance(parent, cst.Attribute) and parent.attr is name:
            continue
        if isinstance(parent, cst.Arg) and parent.keyword is name:
            continue
        here, there = program.scope(name), program.scope(place)
        if set(here[name.value]) != set(there[name.value]):
            return False
        for origin in program.origins(name):
            node = getattr(origin, "statement", None) or getattr(origin, "node", None)
            if node is not None and program.span(node)[0] > start:
                return False
    return True


def _wrap_zips(program, whole):
    """`fit(zip(a, b))` to `fit(to_dataset(zip(a, b)))`."""
    wanted, fed_names = [], {}
    seen = {
        zipped
        for call in program.of(cst.Call)
        if call.args and program.paths(call.func) == {f"{OURS}.to_dataset"}
        for zipped in resolve(program, call.args[0].value, is_zip) or ()
    }
    for fed in feedings(program):
        if uncounted(program, fed.call, whole):
            continue
        value = fed.arg.value
        if isinstance(value, cst.Name):
            fed_names[value] = fed
        elif is_plain_zip(program, value):
            wanted += _wrap(program, value, [fed], whole)
        if not any(is_plain_zip(program, one) for one in _assigned(program, value)):
            wanted += _wrap_made(program, fed, whole, seen)
    for origin, zipped in _zip_variables(program, fed_names):
        uses = program.uses(origin)
        feds = [fed_names[name] for name in uses if name in fed_names]
        if (
            len(feds) < len(uses)
            or uses[0].value in program.hidden
            or len({is_counted(program, fed, whole) for fed in feds}) > 1
        ):
            program.report_lost(
                zipped, "`zip` is not taken by Keras 3, and this one is used in other ways, too: left alone"
            )
        else:
            wanted += _wrap(program, zipped, feds, whole)
    for zipped in program.of(cst.Call):
        if zipped not in seen and is_zip(program, zipped) and _leaves(program, zipped):
            program.report_lost(
                zipped, "`zip` is not taken by Keras 3: write `to_dataset(zip(...), repeat=True)` if it is for a model"
            )
    return wanted


def _leaves(program, zipped):
    """Whether a function returns a `zip`, or an object keeps it."""
    places, assigned = [zipped], program.parents[zipped]
    if isinstance(assigned, cst.Assign):
        if any(isinstance(one.target, cst.Attribute) for one in assigned.targets):
            return True
        names = [one.target for one in assigned.targets if isinstance(one.target, cst.Name)]
        found = [origin for name in names for origin in program.scope(name)[name.value] if origin.node is name]
        places = [use for origin in found for use in program.uses(origin)]
    return any(isinstance(program.parents[_outermost(program, place)], cst.Return) for place in places)


def _outermost(program, node):
    """The largest tuple or list that a node is an element of."""
    while isinstance(program.parents[node], (cst.Element, cst.Tuple, cst.List)):
        node = program.parents[node]
    return node


def _assigned(program, value):
    """A value that is fed, and what it was assigned."""
    origins = program.origins(value) if isinstance(value, cst.Name) else ()
    return [value, *(program.value(origin) for origin in origins)]


def _wrap_made(program, fed, whole, seen):
    """The same for a `zip` that functions make, or modules beside the program, where it is fed; `seen` takes it."""
    imports, value = [], fed.arg.value
    made = trace(program, value, is_zip, imports)
    if made is None:
        return []
    seen.update(call for home, call in made if home is program)
    roots = [binding for binding in imports if binding in program.bindings]
    if not roots:
        flow = resolve(program, made[0][1].args[0].value, is_flow)[0]
        roots = program.roots(resolve(program, flow.func.value, is_generator)[0].func)
    return _insert(program, value, program.places(roots), [fed], whole)


def _zip_variables(program, fed_names):
    """Pairs of an origin and the `zip` that it was assigned, for variables that are fed to models."""
    origins = dict.fromkeys(origin for name in fed_names for origin in program.origins(name))
    pairs = [(origin, program.value(origin)) for origin in origins]
    return [(origin, value) for origin, value in pairs if is_plain_zip(program, value)]


def _wrap(program, zipped, feds, whole):
    """The edits around one `zip`. Returns the imports that they need."""
    if not is_zip(program, zipped):
        program.report(zipped, "`zip` is not taken by Keras 3; if it is of image iterators, `to_dataset(zip(...))` is")
        return []
    flow = resolve(program, zipped.args[0].value, is_flow)[0]
    maker = resolve(program, flow.func.value, is_generator)[0]
    return _insert(program, zipped, program.places(program.roots(maker.func)), feds, whole)


def _insert(program, zipped, places, feds, whole):
    """`to_dataset` around what is fed. Returns the imports that it needs, after those of `places`."""
    scope = program.scope(zipped)
    bound = [b for b in program.bindings if b.name == "to_dataset" and b.target == f"{OURS}.to_dataset"]
    taken = bool(list(scope["to_dataset"])) and not bound
    if taken or not places:
        program.report_lost(zipped, "`zip` is not taken by Keras 3, and `to_dataset` is another name here: left alone")
        return []
    counted = is_counted(program, feds[0], whole)
    if counted is None:
        program.report_lost(zipped, "`zip` is not taken by Keras 3, and its number of steps may be None: left alone")
        return []
    # Several passes: what Keras 2 was given a number of steps for had no end.
    end = ", repeat=True)" if counted else ")"
    start, stop = program.span(zipped)
    program.insert(start, "to_dataset(")
    program.insert(stop, end)
    return [(place, _TO_DATASET) for place in program.without(places, f"{OURS}.to_dataset")]


def _report_generator_functions(program, loaded):
    """Note functions that yield what they take from a `zip` of iterators, but for those of `loaded`."""
    yields = {_function(program, node) for node in program.of(cst.Yield)}
    fed = {
        zipped
        for call in program.of(cst.Call)
        if call.args and program.paths(call.func) == {f"{OURS}.to_dataset"}
        for zipped in resolve(program, call.args[0].value, is_zip) or ()
    }
    for zipped in program.of(cst.Call):
        function = _function(program, zipped)
        if function not in yields or function is None or not is_plain_zip(program, zipped):
            continue
        flows = [flow for arg in zipped.args for flow in resolve(program, arg.value, is_flow) or ()]
        if zipped in fed or (flows and loaded.issuperset(flows)):
            continue
        if is_zip(program, zipped) or _is_called_with_flows(program, function):
            program.report(zipped, "a generator function around `zip` runs in Python: `to_dataset(zip(...))` does not")


def _function(program, node):
    while node is not None and not isinstance(node, cst.FunctionDef):
        node = program.parents.get(node)
    return node


def _is_called_with_flows(program, function):
    for call in program.of(cst.Call):
        if isinstance(call.func, cst.Name) and call.func.value == function.name.value:
            flows = [arg for arg in call.args if not arg.star and resolve(program, arg.value, is_flow)]
            if len(flows) > 1:
                return True
    return False
