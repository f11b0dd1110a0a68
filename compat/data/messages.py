"""What the iterators tell the user."""

import logging
import sys
import warnings


def warn(message, category=UserWarning):
    """Warn at the line that called into this library, from however deep inside."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("keras_regen."):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def print_message(message):
    """Print a line, or log it where `keras.config.disable_interactive_logging()` was called."""
    import keras  # noqa: PLC0415 - workers that decode do without

    if keras.config.is_interactive_logging_enabled():
        print(message)
    else:
        logging.getLogger("keras_regen").info(message)


def print_left_out(counts):
    """Print how many files were left out, if any. For `counts` see `endings`."""
    if counts:
        files = f"{counts.total()} files by their ending"
        print_message(f"Left out {files}, which `formats` does not name: {endings(counts)}.")


def endings(counts, most=10):
    """The endings of a Counter with their numbers, the most frequent first: ".webp 10, .txt 2, none 1"."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{ascii(ending)[1:-1] or 'none'} {number}" for ending, number in ranked[:most]]  # any output can print it
    rest = sum(number for _, number in ranked[most:])
    return ", ".join(shown + ([f"others {rest}"] if rest else []))


def warn_if_empty(samples, where, extensions):
    """Warn that an iterator without images will yield empty batches for ever."""
    if not samples:
        warn(
            f"No image was found in {where} (files ending in {', '.join(extensions)}, in the chosen subset): "
            "the iterator has length 0 and yields empty batches."
        )
