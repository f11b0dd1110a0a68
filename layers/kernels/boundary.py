"""Where a coordinate outside an image is read: the fill modes, as `scipy.ndimage` defines them."""

from .arithmetic import divide

FILL_MODES = ("nearest", "constant", "reflect", "wrap")

# How the indices around a coordinate are brought inside, once the coordinate itself is: SciPy reads the support of a
# spline by a separate rule, which is not the fill mode for `constant` and `wrap`.
INDEX_RULE = {"nearest": "clamp", "constant": "mirror", "reflect": "reflect", "wrap": "mirror"}


def map_coordinate(coordinate, length, fill_mode, ops):
    """The coordinate along an axis of `length` pixels that is read in place of `coordinate`.

    `nearest` maps nothing: there, the indices are clamped. `constant` clamps, for the caller to mask.
    """
    if fill_mode == "nearest":
        return coordinate
    if fill_mode == "constant":
        return ops.clip(coordinate, 0, ops.cast(length - 1, coordinate.dtype))
    if isinstance(length, int):
        if length == 1:
            return 0.0 * coordinate
    else:  # As above: 0 is read at 0 whatever the length, and no period is 0.
        coordinate = ops.where(length > 1, coordinate, 0.0)
        length = ops.cast(ops.maximum(length, 2), coordinate.dtype)
    # SciPy's `wrap` identifies the first pixel with the last: its period is length - 1, not that of a periodic image.
    period = length - 1 if fill_mode == "wrap" else 2 * length
    turns = ops.floor(divide(ops.abs(coordinate), period))
    if fill_mode == "wrap":
        above = ops.where(coordinate > length - 1, coordinate - period * turns, coordinate)
        return ops.where(coordinate < 0, coordinate + period * (turns + 1), above)
    above = coordinate - period * turns
    above = ops.where(above >= length, period - above - 1, above)
    below = ops.where(coordinate < -period, coordinate + period * turns, coordinate)
    # -1e-15: a coordinate just below 0 must not become -1, a whole pixel outside.
    reflected = ops.where(below > -1e-15, ops.cast(1e-15, below.dtype), -below) - 1
    below = ops.where(below < -length, below + period, reflected)
    return ops.where(coordinate < 0, below, above)


def map_index(index, length, rule, reach, ops):
    """The integer index inside an axis of `length` pixels that is read in place of `index`, at most `reach` outside."""
    known, last = isinstance(length, int), length - 1
    if rule == "clamp" or (known and length == 1):
        return ops.clip(index, 0, last)
    # An axis shorter than the reach is folded over several times: an unknown one as often as one of two pixels.
    for _ in range(-(-reach // last) if known else reach):
        if rule == "mirror":
            index = last - ops.abs(last - ops.abs(index))
        else:
            index = ops.where(index < 0, -1 - index, index)
            index = ops.where(index > last, 2 * last + 1 - index, index)
    return index if known else ops.clip(index, 0, last)  # for an axis of one pixel
