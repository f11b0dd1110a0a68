"""The functions of `keras.backend` that worked on a graph: on the symbolic tensors of a model, with its gradients."""

import functools
import importlib
import inspect
import linecache
import re
import sys
import types
import warnings

import keras
import keras._tf_keras.keras as tf_keras

from ..migrate.moved import OF_GRAPHS, TENSORFLOW_1, TENSORFLOW_1_IMAGES, WITHOUT_EAGER
from .patches import put, put_module

_ORDERINGS = {"th": "channels_first", "tf": "channels_last"}
_PLAIN = ("dtype", "get_uid", "get_value", "int_shape", "is_keras_tensor", "is_sparse", "ndim", "set_value", "variable")
"""Functions that give back no tensor, or look at none."""
_IN_PLACE = {
    "__iadd__": lambda self, other: self + other,
    "__isub__": lambda self, other: self - other,
    "__imul__": lambda self, other: self * other,
    "__itruediv__": lambda self, other: self / other,
}
"""What a variable of TensorFlow 1 gave another tensor for, as in `loss = K.variable(0.0)` and `loss += x`."""
_OPTIMIZERS = {
    "AdamOptimizer": ("Adam", {"beta1": "beta_1", "beta2": "beta_2"}, {"epsilon": 1e-8}),
    "GradientDescentOptimizer": ("SGD", {}, {}),
    "RMSPropOptimizer": ("RMSprop", {"decay": "rho"}, {"epsilon": 1e-10}),
    "AdagradOptimizer": ("Adagrad", {}, {}),
}
"""Optimizers of `tf.train`: those of Keras, the words that are others, and what they were without a word."""


def put_back():
    """Put into both backends what Keras's lost, until `patches.undo`."""
    legacy = tf_keras.backend
    functions = {name: value for name, value in vars(legacy).items() if not name.startswith("_")}
    for name, value in functions.items():
        found = value if name in _PLAIN or not inspect.isfunction(value) else _symbolic(value)
        if not hasattr(keras.backend, name):
            put(keras.backend, name, found)
        if found is not value:
            put(legacy, name, found)
    set_value = legacy.set_value
    orderings = {value: key for key, value in _ORDERINGS.items()}
    gone = {
        "set_value": lambda x, value: x.assign(value) if isinstance(x, keras.Variable) else set_value(x, value),
        "image_dim_ordering": lambda: orderings[keras.config.image_data_format()],
        "set_image_dim_ordering": lambda old: keras.config.set_image_data_format(_ORDERINGS[old]),
        "function": function,
        "gradients": gradients,
        "learning_phase": _Phase,
        "placeholder": _placeholder,
        "_get_available_gpus": lambda: [f"/device:{gpu.name}" for gpu in _devices()],
        "set_learning_phase": functools.partial(_without_effect, "set_learning_phase"),
        "set_session": functools.partial(_without_effect, "set_session"),
    }
    if (tensorflow := sys.modules.get("tensorflow")) is not None:
        gone["tf"] = tensorflow
        gone["get_session"] = session = _session(tensorflow.compat.v1)
        put(tensorflow, "Session", session)
        put(_dispatcher(tensorflow), "active", True)
        for name, operation in _IN_PLACE.items():
            put(sys.modules["tensorflow.python.ops.resource_variable_ops"].BaseResourceVariable, name, operation)
        put(keras.KerasTensor, "get_shape", lambda self: tensorflow.TensorShape(self.shape))
        _put_tensorflow_1(tensorflow, tensorflow.compat.v1)
    for root, backend in (("keras", keras.backend), ("tensorflow.keras", legacy)):
        for name, value in gone.items():
            put(backend, name, value)
        module = types.ModuleType(f"{root}.backend.tensorflow_backend")
        vars(module).update({name: value for name, value in vars(backend).items() if not name.startswith("__")})
        put_module(module.__name__, module)
        put(backend, "tensorflow_backend", module)


def _put_tensorflow_1(new, old):
    """What programs for Keras used of TensorFlow 1, from `tensorflow.compat.v1`."""
    for name in WITHOUT_EAGER:
        put(old, name, _unless_of_keras(name, getattr(old, name)))
    for name, (kind, words, given) in _OPTIMIZERS.items():
        if not hasattr(new.train, name):
            put(new.train, name, _optimizer(kind, words, given))
    for owner, source, names in ((new, old, TENSORFLOW_1), (new.image, old.image, TENSORFLOW_1_IMAGES)):
        for name in names:
            if not hasattr(owner, name) and hasattr(source, name):
                put(owner, name, getattr(source, name))


def _optimizer(kind, words, given):
    """An optimizer of `tf.train`, which `tf.keras` took, as the one of Keras."""

    def make(*args, use_locking=False, **kwargs):
        kwargs = {words.get(name, name): value for name, value in {**given, **kwargs}.items()}
        known = list(inspect.signature(getattr(keras.optimizers, kind).__init__).parameters)[1:]
        return getattr(keras.optimizers, kind)(**{**kwargs, **dict(zip(known, args, strict=False))})

    return make


def _unless_of_keras(name, original):
    """`disable_eager_execution`, which does nothing in a file where Keras alone makes graphs."""

    @functools.wraps(original)
    def call():
        caller = sys._getframe(1)
        text = "".join(linecache.getlines(caller.f_code.co_filename, caller.f_globals))
        if re.search(r"\bkeras\b", text) and not OF_GRAPHS.search(text):
            return _without_effect(name, None)
        return original()

    return call


def _session(old):
    """The class of sessions, which may be made, closed and asked to initialize variables, which are initialized."""

    class Session(old.Session):
        def run(self, fetches, *args, **kwargs):
            if fetches is not None and keras.config.backend() == "tensorflow" and old.executing_eagerly():
                raise NotImplementedError(
                    "There are no graphs in Keras 3 that a session could run: call the model or function itself. "
                    f"Received: {fetches!r}"
                )
            return None if fetches is None else super().run(fetches, *args, **kwargs)

    return Session


def _devices():
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow.config.list_physical_devices("GPU") if tensorflow else ()


def _placeholder(shape=None, ndim=None, dtype=None, sparse=False, name=None):
    """What an array is given for in a `function`."""
    return keras.Input(batch_shape=shape or (None,) * ndim, dtype=dtype, sparse=sparse, name=name)


class _Phase(int):
    """What stands for the phase of training among the inputs of a `function`: 0, where it is used as a number."""


def _without_effect(name, value=None):
    warnings.warn(
        f"`{name}` has no effect in Keras 3. Received: {value!r}", stacklevel=3 if name in WITHOUT_EAGER else 2
    )


def _symbolic(original):
    """A function of tensors that takes the symbolic ones of a model, too, and is a part of the model then."""

    @functools.wraps(original)
    def call(*args, **kwargs):
        if any(isinstance(one, keras.KerasTensor) for one in keras.tree.flatten((args, kwargs))):
            return _Function(original)(*args, **kwargs)
        return original(*args, **kwargs)

    return call


@keras.saving.register_keras_serializable("keras_regen")
class _Function(keras.Operation):
    """A function of a module, as a part of a model, which is saved by the function's name."""

    def __init__(self, function, name=None):
        super().__init__(name=name)
        self._function = function

    def call(self, *args, **kwargs):
        return self._function(*args, **kwargs)

    def compute_output_spec(self, *args, **kwargs):
        def dense(one):  # which Keras takes for sparse once it is multiplied by a number
            return keras.KerasTensor(one.shape, one.dtype) if isinstance(one, keras.KerasTensor) else one

        args, kwargs = keras.tree.map_structure(dense, (args, kwargs))
        return super().compute_output_spec(*args, **kwargs)

    def get_config(self):
        return {"function": f"{self._function.__module__}:{self._function.__qualname__}", "name": self.name}

    @classmethod
    def from_config(cls, config):
        module, _, name = config["function"].partition(":")
        return cls(getattr(importlib.import_module(module), name), config["name"])


@functools.cache
def _dispatcher(tensorflow):
    """What lets the functions of TensorFlow take the symbolic tensors of a model, as in Keras 2, while it is active."""
    base = tensorflow.__internal__.dispatch.GlobalOpDispatcher

    class Dispatcher(base):
        active = False

        def handle(self, op, args, kwargs):
            given = keras.tree.flatten((args, kwargs)) if self.active else ()
            if any(isinstance(one, keras.KerasTensor) for one in given):
                return _Function(op)(*args, **kwargs)
            return base.NOT_SUPPORTED

    Dispatcher().register()  # for ever: TensorFlow has no way back
    return Dispatcher


def function(inputs, outputs, updates=None, **_):
    """A function from arrays for `inputs` to arrays of `outputs`, symbolic tensors of a model.

    `learning_phase()` among the inputs takes 0 or 1: whether the layers behave as in training.
    """
    if updates:
        raise NotImplementedError("`updates` of a function of the backend are not in Keras 3: write a loop that trains")
    inputs, several = list(inputs), isinstance(outputs, (list, tuple))
    phases = [isinstance(one, _Phase) for one in inputs]
    tensors = [one for one, is_phase in zip(inputs, phases, strict=True) if not is_phase]
    model = keras.Model(tensors, list(outputs) if several else [outputs])

    def call(values):
        values = list(values) if isinstance(values, (list, tuple)) else [values]
        given = list(zip(values, phases, strict=True))
        arrays = [keras.ops.convert_to_tensor(value) for value, is_phase in given if not is_phase]
        training = any(bool(value) for value, is_phase in given if is_phase)
        found = keras.tree.flatten(model(arrays, training=training))
        results = [keras.ops.convert_to_numpy(one) for one in found]
        return results if several else results[0]

    return call


def gradients(loss, variables):
    """The gradients of the sum of `loss` for `variables`: symbolic tensors of the same model, or its weights."""
    several = isinstance(variables, (list, tuple))
    wanted = list(variables) if several else [variables]
    sources = _sources([loss, *(one for one in wanted if isinstance(one, keras.KerasTensor))])
    found = _Gradients(sources, loss, wanted)(*sources)
    return list(found)


class _Gradients(keras.Operation):
    """One pass through the model in which what lies between is looked at, so that it may be bypassed."""

    def __init__(self, sources, loss, wanted):
        super().__init__()
        self._wanted = wanted
        inner = [one for one in wanted if isinstance(one, keras.KerasTensor)]
        self._model = keras.Model(sources, [loss, *inner])

    def call(self, *sources):
        import tensorflow as tf  # noqa: PLC0415 - with another backend it is not asked for

        with tf.GradientTape() as tape:
            tape.watch(sources)
            loss, *inner = keras.tree.flatten(self._model(list(sources), training=False))
        inner = iter(inner)
        places = [next(inner) if isinstance(one, keras.KerasTensor) else one.value for one in self._wanted]
        return tape.gradient(loss, places)


def _sources(tensors):
    """The inputs that symbolic tensors go back to."""
    found, seen, stack = [], set(), list(tensors)
    while stack:
        tensor = stack.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, number, _ = tensor._keras_history  # which has no public name
        node = operation._inbound_nodes[number]
        if node.is_input:
            found.append(tensor)
        stack += node.input_tensors
    return found[::-1]
