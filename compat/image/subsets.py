"""The parts of a flow that `validation_split` makes: which fractions of the files of a class, of rows, or of arrays."""

from ..data.messages import warn


def checked_split(validation_split):
    """Raise a ValueError unless it is a fraction in 0..1, or a pair of them, (validation, test), of a sum below 1."""
    if isinstance(validation_split, (tuple, list)):
        numbers = len(validation_split) == 2 and all(isinstance(part, (int, float)) for part in validation_split)
        if not numbers or min(validation_split) < 0 or sum(validation_split) >= 1:
            raise ValueError(
                "`validation_split` as a pair must be (validation, test), fractions of at least 0, of a sum below 1. "
                f"Received: {validation_split}"
            )
    elif validation_split and not 0 < validation_split < 1:
        raise ValueError(f"`validation_split` must lie strictly between 0 and 1. Received: {validation_split}")
    return validation_split


def parts(split):
    """The name of each part and (start, stop), the fractions between which it lies: first come the validation data."""
    if isinstance(split, (tuple, list)):
        validation, held_out = split[0], sum(split)
        return {"validation": (0, validation), "test": (validation, held_out), "training": (held_out, 1)}
    return {"validation": (0, split or 0), "training": (split or 0, 1)}


def part_of(generator, subset):
    """(start, stop), the fractions between which a subset lies.

    Raises:
        ValueError: `subset` has no such value, or is "test" without a pair as `validation_split`.
    """
    known = parts(generator._validation_split)
    if subset not in known:
        allowed = "'training', 'validation' or 'test'" if "test" in known else "'training' or 'validation'"
        pair = "; 'test' needs `validation_split=(validation, test)` in the ImageDataGenerator"
        raise ValueError(f"`subset` must be {allowed}{pair if subset == 'test' else ''}. Received: {subset!r}")
    if not generator._validation_split:
        warn(
            f"`subset={subset!r}` without a `validation_split` in the ImageDataGenerator: "
            f"the {'validation subset is empty' if subset == 'validation' else 'training subset is everything'}."
        )
    return known[subset]
