"""`keras-regen run`: a program as it is, with the legacy names in place."""

import builtins
import functools
import importlib.util
import os
import pkgutil
import sys
import types
from importlib.machinery import BuiltinImporter, PathFinder, SourceFileLoader, SourcelessFileLoader

from .on_import import ONLY_DATA, install_in_children, install_on_import, without_our_frames


def run(script=None, module=None, code=None, arguments=(), only_data=False):
    """Run a program as `python` would, with `install` before its first import of Keras. See `keras-regen run --help`.

    The process is the program's from then on: `sys.argv`, `sys.path[0]`, the module `__main__` and the names that it
    begins with are what `python` makes them. The Python processes that it starts (by `multiprocessing`, loky,
    `subprocess`) have the old imports, too: a folder of ours stands first in their PYTHONPATH. `SystemExit` is passed
    on, and any other exception is handed to `sys.excepthook` with the traceback that `python` would print.

    Args:
        script: path of a script, or of a folder or zip file that holds a `__main__.py`; or
        module: dotted name of a module or package, as after `python -m`; or
        code: a program, as after `python -c`.
        arguments: what follows in `sys.argv`.
        only_data: see `install`.

    Returns:
        1 if the program raised an exception, otherwise 0.

    Raises:
        OSError: the script cannot be read.
        KeyboardInterrupt: so did the program, and its traceback is printed.
    """
    if script is not None:
        first, (folder, load) = script, _script(script)
    elif module is not None:
        first, folder, load = "-m", os.getcwd(), functools.partial(_module, module)
    else:
        first, folder, load = "-c", "", functools.partial(_code, code, "<string>", BuiltinImporter)
    sys.argv = [first, *arguments]
    if not getattr(sys.flags, "safe_path", False):  # from Python 3.11 on
        sys.path[0] = folder
    if only_data:
        os.environ[ONLY_DATA] = "1"
    install_in_children()
    install_on_import()
    try:
        program, names = load()
        exec(program, _main(names))
    except SystemExit:
        raise
    except BaseException as error:
        inside = without_our_frames(error.__traceback__)
        while inside is not None and _leads_in(inside.tb_frame.f_code.co_filename):
            inside = inside.tb_next
        sys.excepthook(type(error), error.with_traceback(inside), inside)
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        return 1
    return 0


def _script(path):
    """What `sys.path[0]` is for a script, and a function that returns its code and names."""
    path = os.path.join(os.getcwd(), path)  # not `abspath`: Python leaves the dots
    if pkgutil.get_importer(path) is not None:
        spec = PathFinder.find_spec("__main__", [path])
        if spec is None:
            raise FileNotFoundError(f"There is no __main__.py in {path!r}.")
        return path, functools.partial(_found, spec)
    compiled = path.endswith(".pyc")
    loader = (SourcelessFileLoader if compiled else SourceFileLoader)("__main__", path)
    source = loader.get_data(path)
    names = {"__file__": path, "__cached__": None}
    load = functools.partial(_code, None if compiled else source, path, loader, **names)
    return os.path.dirname(os.path.realpath(path)), load


def _code(source, name, loader, **names):
    """The code and the names of a program that is no module; `source` is None for one that is compiled already."""
    names["__loader__"] = loader
    return (loader.get_code("__main__") if source is None else compile(source, name, "exec", dont_inherit=True)), names


def _module(name):
    """The code and the names of a module, or of the `__main__` of a package."""
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except ModuleNotFoundError as error:
        if not f"{name}.".startswith(f"{error.name}."):
            raise  # from inside of a package
        spec = None
    if spec is None or spec.loader is None:
        raise SystemExit(f"keras-regen run: there is no module {name!r} to run")
    sys.argv[0] = spec.origin
    return _found(spec)


def _found(spec):
    code = spec.loader.get_code(spec.name)
    names = {"__file__": spec.origin, "__cached__": spec.cached, "__loader__": spec.loader}
    return code, {**names, "__package__": spec.parent, "__spec__": spec}


def _main(names):
    """The dictionary of a new module `__main__`."""
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    vars(main).update({"__builtins__": builtins, "__annotations__": {}, **names})
    return vars(main)


def _leads_in(filename):
    """Whether a file is one that stands above the program's own in a traceback."""
    return filename in (__file__, importlib.util.__file__) or filename.startswith("<frozen importlib")
