"""The one way to TensorFlow from where there may be none: it is imported where it is needed, or missed by name."""

import importlib
import sys
from typing import Any


def tensorflow(what: str, instead: str) -> Any:
    """The module `tensorflow`.

    Args:
        what: what needs it, the beginning of a sentence.
        instead: what to use without it, a whole sentence.

    Raises:
        ImportError: it is not installed, or is broken; with `name="tensorflow"`.
    """
    try:
        return importlib.import_module("tensorflow")
    except ImportError as error:
        raise ImportError(
            f"{what} needs TensorFlow, which cannot be imported ({error}). {instead}", name="tensorflow"
        ) from error


def tensorflow_if_loaded() -> Any:
    """The module `tensorflow` if this process has imported it, else None."""
    return sys.modules.get("tensorflow")
