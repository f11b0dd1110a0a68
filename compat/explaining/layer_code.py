"""Layers as Python code."""

import inspect
import re

from ... import layers

_IMPORTS = {
    r"\bkeras\.(layers|utils)\.": "import keras",
    r"\bkeras_regen\.compat\.": "import keras_regen.compat",
    r"\btf\.data\.": "import tensorflow as tf",
}
_OURS = {"compat": ("to_dataset",), "layers": layers.__all__}
_SYMMETRIC = ("rotation", "height_shift", "width_shift", "shear", "channel_shift")
"""Arguments whose pair (-a, a) may be given as a."""


def block(body):
    """Code as a block of Markdown, after the imports that it needs."""
    used = {name: [word for word in words if re.search(rf"\b{word}\(", body)] for name, words in _OURS.items()}
    imports = [line for pattern, line in _IMPORTS.items() if re.search(pattern, body)]
    imports += [f"from keras_regen.{name} import {', '.join(words)}" for name, words in used.items() if words]
    return "\n".join(["```python", *imports, "", body, "```"])


def pipeline_code(name, steps):
    """The assignment of a `Pipeline` of layers to a name."""
    if not steps:
        return f"{name} = Pipeline([])"
    return "\n".join(
        [f"{name} = Pipeline(", "    [", *(f"        {layer_code(step)}," for step in steps), "    ]", ")"]
    )


def layer_code(layer):
    """The call that makes a layer, with what in its `get_config` is not the default."""
    cls = type(layer)
    parameters = inspect.signature(cls).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    config, defaults = _config(layer), _config(cls(*(getattr(layer, name) for name in needed)))
    arguments = [_value_code(name, config.pop(name)) for name in needed]
    changed = [name for name, value in config.items() if value != defaults[name] and name != "name"]
    arguments += [f"{name}={_value_code(name, config[name])}" for name in changed]
    package = "keras.layers." if cls.__module__.startswith("keras.") else ""
    return f"{package}{cls.__name__}({', '.join(arguments)})"


def _config(layer):
    return {**layer.get_config(), "dtype": layer.dtype_policy.name}


def _value_code(name, value):
    value = getattr(value, "tolist", lambda: value)()  # NumPy's numbers print with their type
    if name in _SYMMETRIC and value[0] == -value[1]:
        value = value[1]
    if name == "scale" and 0 < value < 0.1 and 1 / round(1 / value) == value:
        return f"1 / {round(1 / value)}"
    return repr(value)
