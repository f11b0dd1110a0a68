"""`install`, but when a program comes to import Keras, and in the Python processes that it starts.

What a program sets before its first import (KERAS_BACKEND, TF_USE_LEGACY_KERAS, CUDA_VISIBLE_DEVICES ...) counts as it
does without us, and a process that never imports Keras does not wait for it.
"""

import importlib.abc
import os
import sys
from importlib.machinery import ModuleSpec

from ..notices import without_notices

_ARCHIVED = "keras_preprocessing"
_LEGACY = ("keras", _ARCHIVED, "tensorflow")
_OURS = "keras_regen."
ONLY_DATA = "KERAS_REGEN_ONLY_DATA"
"""The environment variable that says so to the processes that are started."""
_CHILDREN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "children")


def install_on_import():
    """Call `install` as soon as Keras or TensorFlow is loaded: now, if it is already."""
    if any(name in sys.modules for name in _LEGACY):
        _install()
    else:
        sys.meta_path.insert(0, _Finder())


def install_in_children():
    """Let the Python processes that this one starts, by whatever means, call `install_on_import` first."""
    path = os.environ.get("PYTHONPATH")
    if _CHILDREN not in (path or "").split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join([_CHILDREN, path] if path else [_CHILDREN])


def without_our_frames(traceback):
    """A traceback without what this file has added to the imports of a program."""
    if traceback is None:
        return None
    rest = without_our_frames(traceback.tb_next)
    if traceback.tb_frame.f_code.co_filename == __file__:
        return rest
    traceback.tb_next = rest
    return traceback


def _install():
    from .install import install  # noqa: PLC0415 - it imports TensorFlow

    install(only_data=os.environ.get(ONLY_DATA) == "1")


class _Finder(importlib.abc.MetaPathFinder):
    """Finds what the others find, until the first of the modules after which `install` is due is loaded.

    What that one imports is a part of it. Ours are among them, since `install` cannot import what is half imported.
    """

    def find_spec(self, name, path=None, target=None):
        if name not in _LEGACY and not name.startswith(_OURS):
            return None
        finders = [finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")]
        found = (finder.find_spec(name, path, target) for finder in finders)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is None and name == _ARCHIVED:  # it need not be installed
            spec = ModuleSpec(name, None, is_package=True)
        elif spec is None or spec.loader is None:
            return spec
        spec.loader = _Loader(spec.loader, self)
        return spec


class _Loader(importlib.abc.Loader):
    """Loads a module by its own loader, None for an empty one, and calls `install`."""

    def __init__(self, loader, finder):
        self._loader, self._finder = loader, finder

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader and self._loader.create_module(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self._loader
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        try:
            with without_notices():
                if self._loader is not None:
                    self._loader.exec_module(module)
                _install()
        except BaseException:
            sys.meta_path.insert(0, self._finder)
            raise
