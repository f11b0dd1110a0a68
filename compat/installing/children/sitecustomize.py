"""What Python loads at its start in every process that a program under `keras-regen run` starts: the old imports.

The folder of this file stands first in PYTHONPATH there. It may be another Python's, that has no keras_regen.
"""

import os
import sys

_FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [path for path in sys.path if os.path.abspath(path) != _FOLDER]
_this = sys.modules.pop("sitecustomize")
try:
    import sitecustomize  # noqa: F401 - the one that this one stands before
except ImportError as error:
    if getattr(error, "name", "sitecustomize") != "sitecustomize":
        raise
finally:
    sys.modules.setdefault("sitecustomize", _this)

try:
    from keras_regen.compat.installing.on_import import install_on_import
except ImportError as error:
    if not str(getattr(error, "name", "keras_regen")).startswith("keras_regen"):
        raise
else:
    install_on_import()
