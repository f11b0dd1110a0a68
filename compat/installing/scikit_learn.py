"""`KerasClassifier` and `KerasRegressor` of `keras.wrappers.scikit_learn`: models as estimators of scikit-learn."""

import inspect

import keras
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin  # pyright: ignore[reportMissingImports]

from ..migrate.moved import KERAS_1

_METHODS = ("fit", "predict", "evaluate")


class BaseWrapper(BaseEstimator):
    """What both have in common.

    Args:
        build_fn: function that returns a compiled model; without one, the `__call__` of a subclass.
        sk_params: arguments of `build_fn` and of `fit`, `predict` and `evaluate` of the model.
    """

    def __init__(self, build_fn=None, **sk_params):
        self.build_fn = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    def check_params(self, params):
        """Raise a ValueError where a name is an argument of none of the functions."""
        known = {"nb_epoch", *_names(self._builder())}.union(*(_names(getattr(keras.Model, one)) for one in _METHODS))
        for name in params:
            if name not in known:
                raise ValueError(f"{name} is not a legal parameter. Received: build_fn={self.build_fn!r}")

    def get_params(self, deep=True):
        """The arguments that make another one like it."""
        return {**self.sk_params, "build_fn": self.build_fn}

    def set_params(self, **params):
        """Change them. Returns: itself."""
        self.check_params({name: value for name, value in params.items() if name != "build_fn"})
        self.build_fn = params.pop("build_fn", self.build_fn)
        self.sk_params.update(params)
        return self

    def filter_sk_params(self, function, override=None):
        """Those of the arguments that a function takes, and `override`."""
        names = _names(function)
        given = {KERAS_1.get(name, name) if "epochs" in names else name: v for name, v in self.sk_params.items()}
        return {name: value for name, value in given.items() if name in names} | (override or {})

    def fit(self, x, y, **kwargs):
        """Build a model and train it. Returns: the `History` of that."""
        self.model = self._builder()(**self.filter_sk_params(self._builder()))
        return self.model.fit(x, self._targets(y), **self.filter_sk_params(keras.Model.fit, kwargs))

    def _builder(self):
        return self.__call__ if self.build_fn is None else self.build_fn

    def _targets(self, y):
        """Numbers of classes as rows of zeros and a one, where the loss asks for these."""
        loss = getattr(self.model.loss, "__name__", self.model.loss)
        return keras.utils.to_categorical(y) if loss == "categorical_crossentropy" and len(y.shape) != 2 else y

    def _predicted(self, x, kwargs):
        return np.asarray(self.model.predict(x, **self.filter_sk_params(keras.Model.predict, kwargs)))

    def _evaluated(self, x, y, kwargs):
        given = self.filter_sk_params(keras.Model.evaluate, kwargs)
        return self.model.evaluate(x, y, **{**given, "return_dict": True})

    def __sklearn_is_fitted__(self):
        return hasattr(self, "model")


class KerasClassifier(ClassifierMixin, BaseWrapper):
    """A model as a classifier."""

    def fit(self, x, y, sample_weight=None, **kwargs):
        y = np.array(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        else:
            self.classes_, numbers = np.unique(y, return_inverse=True)
            y = numbers.reshape(y.shape)
        self.n_classes_ = len(self.classes_)
        return super().fit(x, y, **kwargs, **({} if sample_weight is None else {"sample_weight": sample_weight}))

    def predict(self, x, **kwargs):
        """The class of each sample: the largest score, or whether the only one is above a half."""
        scores = self._predicted(x, kwargs)
        return self.classes_[scores.argmax(axis=-1) if scores.shape[-1] > 1 else (scores > 0.5).astype("int32")]

    def predict_proba(self, x, **kwargs):
        """The scores, (n, classes): of two classes where the model has one."""
        scores = self._predicted(x, kwargs)
        return np.hstack([1 - scores, scores]) if scores.shape[1] == 1 else scores

    def score(self, x, y, **kwargs):
        """The accuracy."""
        found = self._evaluated(x, self._targets(np.searchsorted(self.classes_, y)), kwargs)
        for name in ("accuracy", "acc"):
            if name in found:
                return found[name]
        raise ValueError("The model must be compiled with `metrics=['accuracy']` for a score.")


class KerasRegressor(RegressorMixin, BaseWrapper):
    """A model as a regressor."""

    def predict(self, x, **kwargs):
        """What the model gives, without the last axis."""
        return np.squeeze(self._predicted(x, kwargs), axis=-1)

    def score(self, x, y, **kwargs):
        """Minus the loss."""
        return -self._evaluated(x, y, kwargs)["loss"]


def _names(function):
    return set(inspect.signature(function).parameters) - {"self"}
