"""The arrows of the design: who may import whom."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
FILES = sorted([*ROOT.glob("compat/**/*.py"), *ROOT.glob("layers/**/*.py")])


def package(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ["keras_regen", *(parts[:-1] if parts[-1] == "__init__" else parts)]


def imports(path):
    """Absolute names of all that a file imports, wherever in the file, but for type checkers."""
    inside = package(path) + (["__init__"] if path.stem == "__init__" else [])
    for node in nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = inside[: -node.level] if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])])


def nodes(tree):
    """All nodes but those for type checkers."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return
    yield tree
    for child in ast.iter_child_nodes(tree):
        yield from nodes(child)


def files_below(*folders):
    return [path for path in FILES if any(folder in path.parents for folder in map(ROOT.__truediv__, folders))]


def importers(names, files):
    def within(module, name):
        return module == name or module.startswith(name + ".")

    return {
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files
        for module in imports(path)
        if any(within(module, name) for name in names)
    }


def test_there_are_files():
    assert len(FILES) > 15


def test_nothing_imports_keras_src():
    assert not importers(["keras.src"], FILES)


def test_layers_know_nothing_of_compat_scipy_pillow_pandas():
    forbidden = ["keras_regen.compat", "scipy", "PIL", "pandas", "matplotlib"]
    assert not importers(forbidden, files_below("layers"))


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_only_one_file_of_layers_imports_a_backend(backend):
    files = {line.split()[0] for line in importers([backend], files_below("layers"))}
    assert files == {f"layers/backends/{backend}.py"}


def test_kernels_know_nothing_of_layers():
    above = ["keras_regen.layers." + path.stem for path in (ROOT / "layers").glob("*.py") if path.stem != "__init__"]
    assert not importers(above, files_below("layers/kernels"))


def test_compat_takes_of_layers_what_is_declared():
    """Names and attributes: `from ..layers.seeds import seed_tensor`, `kernels.flip`."""
    init = ROOT / "layers" / "__init__.py"
    public = {("keras_regen.layers", name) for name in ["__all__", *literal(init, "__all__")]}
    private = literal(init, "_FOR_COMPAT").items()
    declared = {(f"keras_regen.layers.{module}", name) for module, names in private for name in names}
    assert {pair for path in files_below("compat") for pair in taken_of_layers(path)} - public == declared


def literal(path, name):
    """The value of a constant of a file, which is not imported."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise KeyError(name)


def taken_of_layers(path):
    """Pairs of module and name: of modules that are imported as a whole, the attributes that are looked up."""
    tree, modules = ast.parse(path.read_text()), {}
    for node in (node for node in nodes(tree) if isinstance(node, ast.ImportFrom) and node.level):
        module = ".".join([*package(path)[: -node.level], *([node.module] if node.module else [])])
        for alias in node.names:
            whole = f"{module}.{alias.name}"
            if is_module(whole):
                modules[alias.asname or alias.name] = whole
            elif module.startswith("keras_regen.layers"):
                yield module, alias.name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = modules.get(node.value.id, "")
            if module.startswith("keras_regen.layers"):
                yield module, node.attr


def is_module(name):
    path = ROOT.joinpath(*name.split(".")[1:])
    return path.is_dir() or path.with_suffix(".py").exists()


def test_there_is_no_circle():
    """Not even by imports inside functions."""
    arrows = {path: {file for file in map(file_of, names_imported(path)) if file} - {path} for path in FILES}
    while leaves := [path for path, below in arrows.items() if not below & arrows.keys()]:
        for path in leaves:
            del arrows[path]
    assert not {f"{path.relative_to(ROOT)} -> {below.relative_to(ROOT)}" for path in arrows for below in arrows[path]}


def names_imported(path):
    """Absolute names of all that a file imports: of `from a import b`, a.b."""
    inside = package(path) + (["__init__"] if path.stem == "__init__" else [])
    for node in nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = [*(inside[: -node.level] if node.level else []), *([node.module] if node.module else [])]
            yield from (".".join([*module, alias.name]) for alias in node.names)


def file_of(name):
    """The file of this repository that is meant by the absolute name of a module, or of something in it."""
    parts = name.split(".")
    for end in (len(parts), len(parts) - 1):
        stem = ROOT.joinpath(*parts[1:end])
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if parts[0] == "keras_regen" and path in FILES:
                return path
    return None


def test_data_knows_nothing_of_image():
    assert not importers(["keras_regen.compat.image"], files_below("compat/data"))


LEAVES = {ROOT / "compat" / "equivalents.py", ROOT / "compat" / "literals.py"}


def test_migrate_is_text_to_text():
    """It takes nothing of the rest but two files that take nothing; and what it runs loads no Keras."""
    migrate = set(files_below("compat/migrate"))
    for path in migrate | LEAVES:
        below = {file for file in map(file_of, names_imported(path)) if file}
        assert below <= (LEAVES | migrate if path in migrate else set()), path
    modules = [".".join(package(path)) for path in sorted(migrate)]
    unwanted = ["tensorflow", "keras", "numpy", "PIL", "keras_regen.compat.image", "keras_regen.layers"]
    code = f"import sys, {', '.join(modules)}; assert not set({unwanted}) & sys.modules.keys(), sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_import_does_nothing_but_define_and_register():
    """No statement of a module is a call, nor writes into another module."""
    for path in FILES:
        if path.name == "sitecustomize.py":  # which is there to do something
            continue
        body = ast.parse(path.read_text()).body
        while body:
            node = body.pop()
            if isinstance(node, ast.If) and ast.unparse(node.test).startswith("__name__"):
                continue
            assert not isinstance(node, ast.Expr) or isinstance(node.value, ast.Constant), ast.unparse(node)
            for target in getattr(node, "targets", []):
                assert isinstance(target, (ast.Name, ast.Tuple, ast.Subscript)), ast.unparse(node)
            if isinstance(node, (ast.If, ast.Try)):
                body += [*node.body, *node.orelse, *(x for h in getattr(node, "handlers", []) for x in h.body)]


def test_text_and_sequence_need_neither_keras_nor_images():
    files = files_below("compat/text", "compat/sequence")
    assert not importers(["keras_regen.compat." + name for name in ("image", "data", "convert", "migrate")], files)
    converting = {"compat/sequence/as_dataset.py imports tensorflow", "compat/text/as_layer.py imports tensorflow"}
    assert importers(["tensorflow"], files) == converting
    heavy = {"compat/sequence/timeseries.py imports keras", "compat/text/as_layer.py imports keras"}
    assert importers(["keras"], files) == heavy
    assert not importers(["keras_regen.compat.text"], files_below("compat/sequence"))
    code = "import sys; from keras_regen.compat import text, sequence; sequence.pad_sequences([[1]]); "
    code += "assert not {'keras', 'tensorflow', 'scipy', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_files_are_short():
    assert {str(path): n for path in FILES if (n := len(path.read_text().splitlines())) > 500} == {}


def test_no_drawer_for_odds_and_ends():
    # compat/image/utils.py is the name that keras_preprocessing gave its module.
    odds = {"utils.py", "helpers.py", "misc.py", "common.py"}
    assert [str(p.relative_to(ROOT)) for p in FILES if p.name in odds] == ["compat/image/utils.py"]


def test_every_package_is_listed():
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(".".join(package(path)) for path in FILES if path.name == "__init__.py")


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_layers_load_no_tensorflow_under_another_backend(backend):
    pytest.importorskip(backend)
    code = "import sys, keras_regen.layers, keras_regen.layers.kernels; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], env={"KERAS_BACKEND": backend, "PATH": ""}, check=True)


def test_tests_import_from_no_test_module():
    """What several need lies in a module of its own, so that pytest collects nothing twice."""
    importing = re.compile(r"^from [\w.]*\btest_\w+ import|^import [\w.]*\btest_\w+", re.MULTILINE)
    assert [path.name for path in (ROOT / "tests").rglob("*.py") if importing.search(path.read_text())] == []
