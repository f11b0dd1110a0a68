"""Arguments of Keras 1: other names, and numbers of images where Keras 3 takes numbers of batches."""

import libcst as cst

from .constants import constant
from .flows import (
    GENERATOR_METHODS,
    LOADING,
    feedings_of,
    is_flow,
    is_zip,
    order_of,
    resolve,
)
from .moved import COUNTS_OF_IMAGES, KERAS_1, VALUES
from .own_generators import generator_of
from .passes import DEFAULT_BATCH_SIZE, ORDER_OF_FLOWS, arguments
from .program import dotted_name

_HOW = "`{old}` counts images, Keras 3 counts batches, whose size is not found here: write `{new}=... // batch_size`"


def uncounted(program, call, whole):
    """Why the numbers of images in a call cannot become numbers of batches, None if they can or there are none."""
    for fed in feedings_of(call):
        if fed.counts_images and fed.number not in whole and not _is_arrays(fed) and batch_size(program, fed) is None:
            old = next((name for name in COUNTS_OF_IMAGES if _is_named(call, fed.number, name)), "nb_sample")
            return _HOW.format(old=old, new=KERAS_1.get(old, "steps"))
    return None


def rename_arguments(program, call, whole):
    """Give the arguments of a call the names of Keras 3, and let its numbers count batches."""
    for arg in call.args:
        if arg.keyword is not None and arg.keyword.value in KERAS_1 and arg not in whole and not is_about_loading(arg):
            program.replace(arg.keyword, KERAS_1[arg.keyword.value])
    numbers = {fed.number for fed in feedings_of(call)}
    alone = [arg for arg in call.args if arg.keyword is not None and arg.keyword.value in COUNTS_OF_IMAGES]
    program.drop(call, [arg for arg in alone if arg not in numbers])  # of no data
    for fed in feedings_of(call):
        if not fed.counts_images or fed.number in whole:
            continue
        if _is_arrays(fed):
            program.drop(call, [fed.number])  # there it had no meaning
            continue
        size, code = batch_size(program, fed), program.value_code(fed.number)
        number = constant(program, fed.number.value)
        plain = isinstance(
            fed.number.value, (cst.Integer, cst.Name, cst.Attribute, cst.Call, cst.Subscript)
        ) or code.startswith("(")
        counted = f"-(-{code if plain else f'({code})'} // {size})"
        if isinstance(fed.number.value, cst.Integer) and size.isdecimal():
            counted = str(-(-number // int(size)))
        start, end = program.span(fed.number.value)
        prefix = program.between(program.span(fed.number)[0], start)
        lead = prefix.count("(")
        program.edits.append((start - lead, end + lead, counted))


def rename_ordering(program, call):
    """`ImageDataGenerator(dim_ordering="th")` to `data_format="channels_first"`."""
    for arg in call.args:
        if arg.keyword is None or arg.keyword.value != "dim_ordering":
            continue
        code = program.code(arg.value)
        if code in VALUES:
            program.replace(arg, f"data_format={VALUES[code]}")
        else:
            program.report(arg, "`dim_ordering` is `data_format` today: 'channels_first' for 'th'")


def is_about_loading(arg):
    """Whether an argument is `workers=` or one of its kin, under whichever name."""
    return arg.keyword is not None and KERAS_1.get(arg.keyword.value, arg.keyword.value) in LOADING


def _is_named(call, arg, name):
    if arg.keyword is not None:
        return arg.keyword.value == name
    return order_of(call)[call.args.index(arg)] == name if call.func.attr.value in GENERATOR_METHODS else False


def _is_arrays(fed):
    """Whether what is validated on are arrays, a tuple of them."""
    return fed.validates and isinstance(fed.arg.value, (cst.Tuple, cst.List))


def batch_size(program, fed):
    """The source of the number of images in a batch of what is fed, None if it cannot be told."""
    data = fed.arg.value
    zips = resolve(program, data, is_zip)
    if zips:
        data = zips[0].args[0].value
    flows = resolve(program, data, is_flow)
    if not flows:
        sizes = {_size_of_function(program, call, data) for call in resolve(program, data, _is_of_name) or ()}
        return sizes.pop() if len(sizes) == 1 else None
    sizes = {_size_of_flow(program, flow) for flow in flows}
    if len(sizes) == 1 and None not in sizes:
        return sizes.pop()
    return f"{data.value}.batch_size" if isinstance(data, cst.Name) and (not zips or data is fed.arg.value) else None


def _size_of_flow(program, flow):
    given = arguments(flow, ORDER_OF_FLOWS[flow.func.attr.value])
    if given is None:
        return None
    value = constant(program, given["batch_size"].value) if "batch_size" in given else DEFAULT_BATCH_SIZE
    return str(value) if isinstance(value, int) and value > 0 else None


def _is_of_name(program, call):
    return isinstance(call.func, cst.Name)


def _size_of_function(program, call, data):
    """The `batch_size` that a generator function is called with: a number, or a name where the call is what is fed."""
    found = generator_of(program, call.func)
    if found is None or any(arg.star for arg in call.args):
        return None
    home, function = found
    names = [parameter.name.value for parameter in function.params.params]
    if "batch_size" not in names:
        return None
    given = arguments(call, names)
    if "batch_size" not in given:
        default = function.params.params[names.index("batch_size")].default
        return _whole(home, default) if default is not None else None
    value = given["batch_size"].value
    return _whole(program, value) or (dotted_name(value) if data is call else None)


def _whole(program, expression):
    number = constant(program, expression)
    return str(number) if isinstance(number, int) and number > 0 else None
