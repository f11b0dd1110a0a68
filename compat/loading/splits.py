"""Data in up to three parts: training, validation and test."""

SUBSETS = {"both": ("training", "validation"), "all": ("training", "validation", "test")}
"""The parts that a name means, where it means several."""


def fractions(validation_split):
    """The fractions (validation, test) of a `validation_split`: a number, a pair of numbers, or None.

    Raises:
        ValueError: one is not in 0..1, or nothing is left for training.
    """
    pair = validation_split if isinstance(validation_split, (tuple, list)) else (validation_split or 0.0, 0.0)
    numbers = len(pair) == 2 and all(isinstance(part, (int, float)) and 0 <= part < 1 for part in pair)
    if not numbers or sum(pair) >= 1:
        raise ValueError(
            "`validation_split` must be a number in 0..1, or a pair of them, (validation, test), of a sum below 1. "
            f"Received: {validation_split!r}"
        )
    return float(pair[0]), float(pair[1])


def parts(validation_split, subset, count):
    """Which of `count` things belong to the part, or the parts, that `subset` names.

    The last things are the test data; those before them, the last as for Keras if there are none, the validation data.

    Returns:
        Dictionary from name to slice; from None to all of it where nothing is split.

    Raises:
        ValueError: the arguments contradict each other, or a part is empty.
    """
    validation, test = fractions(validation_split)
    names = SUBSETS.get(subset, (subset,))
    if subset is None and validation_split is None:
        return {None: slice(0, count)}
    if validation_split is None or not set(names) <= set(SUBSETS["all"]):
        raise ValueError(
            "`subset` must be 'training', 'validation', 'test', 'both' (training and validation) or 'all' with "
            f"`validation_split`, and None without. Received: subset={subset!r}, validation_split={validation_split!r}"
        )
    if not isinstance(validation_split, (tuple, list)) and "test" in names:
        raise ValueError(
            f"subset={subset!r} needs a pair as `validation_split`, (validation, test). Received: {validation_split!r}"
        )
    end = count - int(test * count)
    middle = end - int(validation * count)
    found = {"training": slice(0, middle), "validation": slice(middle, end), "test": slice(end, count)}
    for name in names:
        if count and found[name].start == found[name].stop:
            raise ValueError(f"`validation_split` leaves no {name} data of {count}. Received: {validation_split!r}")
    return {name: found[name] for name in names}
