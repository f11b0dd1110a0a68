"""Generators without layers for them: their iterators are fed by `to_dataset`, which takes all that they can do."""

import libcst as cst

from . import patterns as m
from .flows import assigned, feedings, is_flow, is_generator, is_zip, may_be_none, resolve, returned, trace
from .keras_1 import uncounted
from .names import OURS
from .program import Binding
from .pulled import pulled
from .steps import is_counted

_NAME = "to_dataset"
_TO_DATASET = f"{OURS}.{_NAME}"


class FedDatasets:
    """What `fit(train)` of kept generators becomes: `fit(to_dataset(train))`, which is made where it is fed.

    The iterator stays what it is, so that its attributes can be used. Each dataset goes on with the epochs of its
    iterator. One with a number of steps has read ahead when it ends, how far is not known: an iterator that is trained
    with so several times, or in a loop, is left alone if there are seeds, for the order of the next time follows from
    that. What modules beside the program make is fed so, too.

    Args:
        program: a `Program`.
        kept: the calls of generators that stay.
        whole: arguments of `fit` that other edits take away.

    Attributes:
        flows: the calls of flows that are fed by a dataset.
        generators: those of `kept` of which an iterator is fed so, or is by now.
    """

    def __init__(self, program, kept, whole):
        self._program, self._whole = program, whole
        self._feeds, self.flows, self.generators, self._imports = [], set(), set(), {}
        self._loops = {}
        self._is_seeded = b"seed" in program.data
        makers = {flow: resolve(program, flow.func.value, is_generator) for flow in _flows(program)}
        sources, feeds = {}, {}
        for one in feedings(program):
            sources[one] = resolve(program, one.arg.value, is_flow) or self._made_beside(one)
            for source in sources[one]:
                feeds.setdefault(source, []).append(one)
        if not self._can_be_imported(kept):
            return
        plain = {
            source
            for source, ones in feeds.items()
            if kept.keys() >= {*makers.get(source, ())} and self._are_plain(ones)
        }
        while mixed := {source for source in plain if any(not plain.issuperset(sources[one]) for one in feeds[source])}:
            plain -= mixed  # one place takes datasets of all, or of none
        self._feeds = [one for one in sources if plain.intersection(sources[one])]
        self._loops = {
            data: flows
            for data, flows in pulled(program, {*feeds})
            if all(kept.keys() >= {*makers[flow]} for flow in flows)
        }
        self.flows = plain.intersection(makers).union(*self._loops.values())
        made = self.flows | _made_already(program)
        self.generators = {call for call in kept if any(call in makers[flow] for flow in made)}

    def wrap(self):
        """Make the edits. Returns: pairs of an import statement and a statement to add after it."""
        program, wanted = self._program, []
        for one in self._feeds:
            start, end = program.span(one.arg.value)
            program.insert(start, f"{_NAME}(")
            program.insert(end, self._repeat(one) + ")")
            wanted += self._places(one) or ()
        for data in self._loops:
            start, end = program.span(data)
            program.insert(start, f"{_NAME}(")
            program.insert(end, ", repeat=True).as_numpy_iterator()")
        for call in program.of(cst.Call):
            if call in self.generators and self.flows:
                wanted += program.places(program.roots(call.func))
        wanted = program.without(dict.fromkeys(wanted), _TO_DATASET)
        return [(place, f"from {OURS} import {_NAME}") for place in wanted]

    def _made_beside(self, one):
        """The flows in modules beside the program that are fed."""
        imports = []
        found = trace(self._program, one.arg.value, is_flow, imports) or ()
        self._imports[one] = [binding for binding in imports if binding in self._program.bindings]
        self._is_seeded |= any(b"seed" in home.data for home, _ in found)
        here = any(home is self._program for home, _ in found)
        return () if here or not self._places(one) else [call for _, call in found]

    def _places(self, one):
        """The imports of what a module beside makes."""
        return self._program.places(self._imports.get(one, ()))

    def _can_be_imported(self, kept):
        program = self._program
        bound = [b for b in program.bindings if b.name == _NAME]
        taken = len(program.assignments(_NAME)) > len(bound) or any(b.target != _TO_DATASET for b in bound)
        return not taken and all(program.places(program.roots(call.func)) for call in kept)

    def _are_plain(self, feeds):
        """Whether datasets can be made of an iterator where it is fed."""
        program = self._program
        trained = sum(one.call.func.attr.value.startswith("fit") and not one.validates for one in feeds)
        once = trained < 2 and all(_is_made_for(program, one.arg.value, one.call) for one in feeds)
        return all(
            not uncounted(program, one.call, self._whole)
            and (repeat := self._repeat(one)) is not None
            and (not repeat or once or not self._is_seeded)
            and not (one.validates and may_be_none(program, one.arg.value))
            for one in feeds
        )

    def _repeat(self, one):
        """The argument for as many epochs as a number of steps asks for, None if that cannot be said."""
        counted = is_counted(self._program, one, self._whole)
        if counted is not None:
            return ", repeat=True" if counted else ""
        number = self._program.code(one.number.value)
        is_plain = all(name.isidentifier() for name in number.split("."))  # else it may not be computed twice
        return f", repeat={number} is not None" if is_plain else None


def _flows(program):
    return [call for call in program.of(cst.Call) if is_flow(program, call)]


def _made_already(program):
    """The flows that are arguments of `to_dataset`, in a `zip` for a loop, too."""
    flows = set()
    for call in program.of(cst.Call):
        if program.paths(call.func) != {_TO_DATASET} or not call.args:
            continue
        data = [call.args[0].value]
        if m.matches(program.parents[call], m.Attribute(attr=m.Name("as_numpy_iterator"))):
            data += [arg.value for one in resolve(program, data[0], is_zip) or () for arg in one.args]
        flows.update(flow for one in data for flow in resolve(program, one, is_flow) or ())
    return flows


def _is_made_for(program, data, place):
    """Whether data are made anew each time that a place is come to: by no loop or function around that alone."""
    block = _block(program, place)
    if isinstance(block, cst.Module):
        return True
    if isinstance(data, cst.Name):
        origins = program.origins(data)
        node = getattr(origins[0], "node", None) if len(origins) == 1 else None
        if isinstance(origins[0], Binding):
            return block is _block(program, origins[0].statement)
        value = assigned(program, origins[0]) if node is not None else None
        if node is None or isinstance(node, cst.Param) or _block(program, node) is not block:
            return False
        return value is None or _is_made_for(program, value[1], value[1])
    if _block(program, data) is not block:
        return False
    if is_flow(program, data) or (value := returned(program, data)) is None:
        makers = [_block(home, call) for home, call in trace(program, data, is_flow, []) or ()]
        return all(maker is block or isinstance(maker, cst.FunctionDef) for maker in makers)
    return _is_made_for(program, value, value)


def _block(program, node):
    """The innermost loop or function that a node is in, the program if there is none."""
    loops = (cst.For, cst.While, cst.FunctionDef, cst.Lambda, cst.CompFor, cst.BaseComp, cst.Module)
    while not isinstance(node, loops):
        node = program.parents[node]
    return node
