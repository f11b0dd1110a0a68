"""Generators without layers for them: their iterators are fed by `to_dataset`, which takes all that they can do."""

import libcst as cst

from .flows import assigned, feedings, is_flow, is_generator, resolve, returned
from .keras_1 import uncounted
from .names import OURS
from .steps import is_counted

_NAME = "to_dataset"
_TO_DATASET = f"{OURS}.{_NAME}"


class FedDatasets:
    """What `fit(train)` of kept generators becomes: `fit(to_dataset(train))`, which is made where it is fed.

    The iterator stays what it is, so that its attributes can be used. A dataset begins with the first epoch: an
    iterator that is trained with several times, or in a loop, would go on, and is left alone.

    Args:
        program: a `Program`.
        kept: the calls of generators that stay.
        whole: arguments of `fit` that other edits take away.

    Attributes:
        flows: the calls of flows that are fed by a dataset.
        generators: those of `kept` whose iterators are all fed so, or are by now.
    """

    def __init__(self, program, kept, whole):
        self._program, self._whole = program, whole
        self._feeds, self.flows, self.generators = [], set(), set()
        makers = {flow: resolve(program, flow.func.value, is_generator) for flow in _flows(program)}
        feeds = {flow: [] for flow in makers}
        for one in feedings(program):
            for flow in resolve(program, one.arg.value, is_flow) or ():
                feeds[flow].append(one)
        made = _made_already(program)
        if not self._can_be_imported(kept):
            return
        for call in kept:
            own = [flow for flow, calls in makers.items() if call in calls]
            fed = [flow for flow in own if feeds[flow]]
            if fed and all(kept.keys() >= {*makers[flow]} and self._is_plain(flow, feeds[flow]) for flow in fed):
                self.generators.add(call)
                self._feeds += [one for flow in fed if flow not in self.flows for one in feeds[flow]]
                self.flows |= set(fed)
            elif not fed and made.intersection(own):
                self.generators.add(call)

    def wrap(self):
        """Make the edits. Returns: pairs of an import statement and a statement to add after it."""
        program, wanted = self._program, []
        for one in self._feeds:
            start, end = program.span(one.arg.value)
            program.insert(start, f"{_NAME}(")
            program.insert(end, self._repeat(one) + ")")
        for call in program.of(cst.Call):
            if call in self.generators and self._feeds:
                places = program.without(program.places(program.roots(call.func)), _TO_DATASET)
                wanted += [(place, f"from {OURS} import {_NAME}") for place in places]
        return wanted

    def _can_be_imported(self, kept):
        program = self._program
        bound = [b for b in program.bindings if b.name == _NAME]
        taken = len(program.assignments(_NAME)) > len(bound) or any(b.target != _TO_DATASET for b in bound)
        return not taken and all(program.places(program.roots(call.func)) for call in kept)

    def _is_plain(self, flow, feeds):
        """Whether an iterator is fed where it was made, and trained with once."""
        program = self._program
        if sum(one.call.func.attr.value.startswith("fit") and not one.validates for one in feeds) > 1:
            return False
        return all(
            resolve(program, one.arg.value, is_flow) == [flow]
            and not uncounted(program, one.call, self._whole)
            and self._repeat(one) is not None
            and _is_made_for(program, one.arg.value, one.call)
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
    """The flows that are arguments of `to_dataset`."""
    return {
        flow
        for call in program.of(cst.Call)
        if program.paths(call.func) == {_TO_DATASET} and call.args
        for flow in resolve(program, call.args[0].value, is_flow) or ()
    }


def _is_made_for(program, data, place):
    """Whether data are made anew each time that a place is come to: by no loop or function around that alone."""
    block = _block(program, place)
    if isinstance(data, cst.Name):
        origins = program.origins(data)
        value = assigned(program, origins[0]) if len(origins) == 1 else None
        node = getattr(origins[0], "node", None) if value is not None else None
        return node is not None and _block(program, node) is block and _is_made_for(program, value, value)
    if _block(program, data) is not block:
        return False
    return is_flow(program, data) or (
        (value := returned(program, data)) is not None and _is_made_for(program, value, value)
    )


def _block(program, node):
    """The innermost loop or function that a node is in, the program if there is none."""
    loops = (cst.For, cst.While, cst.FunctionDef, cst.Lambda, cst.CompFor, cst.BaseComp, cst.Module)
    while not isinstance(node, loops):
        node = program.parents[node]
    return node
