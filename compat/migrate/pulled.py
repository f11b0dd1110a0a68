"""Loops in Python over iterators: `for x, y in train:` takes the batches of `to_dataset`, which is endless, too."""

import libcst as cst

from . import patterns as m
from .constants import constant
from .flows import arguments, called_with, is_flow, is_zip, resolve
from .passes import ORDER_OF_FLOWS

_PULLS = ("__getitem__", "__next__", "next", "on_epoch_end", "reset")


def pulled(program, fed):
    """Pairs of what a `for` loop goes over and the flows behind it, where nothing else takes batches of these.

    These are loops of functions that yield, and over files, whose reading takes the time. What saves images in a folder
    would save those that are read ahead, too, and where NumPy's generator is seeded, reading ahead would draw from it.

    Args:
        program: a `Program`.
        fed: calls of flows that are fed to models.
    """
    yielding = {_around(program, node, cst.FunctionDef) for node in program.of(cst.Yield)}
    for loop in program.of(cst.For):
        data = loop.iter
        zips = resolve(program, data, is_zip)
        parts = [arg.value for arg in zips[0].args] if zips and len(zips) == 1 else [data]
        flows = [flow for part in parts for flow in resolve(program, part, is_flow) or (None,)]
        if (
            None in flows
            or getattr(data, "value", None) in program.hidden
            or not fed.isdisjoint(flows)
            or loop.asynchronous is not None
        ):
            continue
        function = _around(program, loop, cst.FunctionDef)
        yields = function is not None and function in yielding
        if (
            (yields or all(flow.func.attr.value == "flow_from_directory" for flow in flows))
            and all(_may_read_ahead(program, flow) for flow in flows)
            and all(_is_made_here(program, part, loop) for part in {*parts, data})
        ):
            yield data, flows


def _may_read_ahead(program, flow):
    """Whether it changes nothing when batches are made that are not asked for."""
    given = arguments(flow, ORDER_OF_FLOWS[flow.func.attr.value])
    if given is None:
        return False
    folder, seed = (given[name].value if name in given else None for name in ("save_to_dir", "seed"))
    if folder is not None and any(
        isinstance(constant(*one), str) for one in (*called_with(program, folder), (program, folder))
    ):
        return False
    return b"seed" not in program.data or (seed is not None and constant(program, seed) is not None)


def _is_made_here(program, part, loop):
    """Whether a part is a call, or a variable of the block of the loop that is used here alone but for attributes."""
    if isinstance(part, cst.Call):
        return True
    origins = program.origins(part) if isinstance(part, cst.Name) else ()
    if len(origins) != 1 or program.value(origins[0]) is None:
        return False
    for user in program.uses(origins[0]):
        parent = program.parents[user]
        if user is not part and not (m.matches(parent, m.Attribute()) and parent.attr.value not in _PULLS):
            return False
    return _block(program, origins[0].node) is _block(program, program.parents[loop])


def _block(program, node):
    return _around(program, node, (cst.For, cst.While, cst.FunctionDef, cst.Lambda, cst.Module))


def _around(program, node, kinds):
    while node is not None and not isinstance(node, kinds):
        node = program.parents.get(node)
    return node
