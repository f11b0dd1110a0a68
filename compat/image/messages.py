"""What the iterators tell the user."""

import logging
import warnings

import keras


def print_message(message):
    """Print a line, or log it where `keras.config.disable_interactive_logging()` was called."""
    if keras.config.is_interactive_logging_enabled():
        print(message)
    else:
        logging.getLogger("keras_regen").info(message)


def warn_if_empty(samples, where, extensions):
    """Warn that an iterator without images will yield empty batches for ever."""
    if not samples:
        warnings.warn(
            f"No image was found in {where} (files ending in {', '.join(extensions)}, in the chosen subset): "
            "the iterator has length 0 and yields empty batches.",
            stacklevel=4,
        )
