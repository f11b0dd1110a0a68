"""Windows over a series in parts that follow each other in time."""

from .splits import parts


def bounds(data, start_index, end_index):
    """(start, end), the rows between which windows lie.

    Raises:
        ValueError: there are none.
    """
    start, end = start_index or 0, len(data) if end_index is None else end_index
    if not 0 <= start < end <= len(data):
        raise ValueError(
            f"`start_index` and `end_index` must be in 0..{len(data)}, the first one lower. "
            f"Received: start_index={start_index}, end_index={end_index}"
        )
    return start, end


def windows(
    function, data, targets, sequence_length, sampling_rate, shuffle, start_index, end_index, split, subset, **others
):
    """The datasets of the windows of each part: a dictionary by the name of the part, None for all.

    No window reaches over the end of its part.

    Args:
        function: makes one of them: takes `training`, and what `keras.utils.timeseries_dataset_from_array` does.
        split: that is `validation_split`.
        The others are those of `timeseries_dataset_from_array`.
    """
    arguments = {"sequence_length": sequence_length, "sampling_rate": sampling_rate, **others}
    if split is None and subset is None:
        indices = {"start_index": start_index, "end_index": end_index}
        return {None: function(data, targets, shuffle=shuffle, training=True, **arguments, **indices)}
    start, end = bounds(data, start_index, end_index)
    made, wanted = {}, parts(split, subset, end - start)
    for name, places in wanted.items():
        rows = slice(start + places.start, start + places.stop)
        needed = (sequence_length - 1) * sampling_rate + 1
        if places.stop - places.start < needed or (targets is not None and rows.start >= len(targets)):
            raise ValueError(
                f"`validation_split` leaves {places.stop - places.start} steps as {name} data, where a window needs "
                f"{needed} with its target. Received: {split!r}"
            )
        shuffled = shuffle and (len(wanted) == 1 or name == "training")
        part = None if targets is None else targets[rows]
        made[name] = function(data[rows], part, shuffle=shuffled, training=name == "training", **arguments)
    return made
