"""Epochs that `fit`, `evaluate` and `predict` cut short: which batches each of them sees, on this backend."""

import itertools
import random

import keras
import numpy as np
import pytest
from keras_regen.compat import ImageDataGenerator

N, BATCH, LENGTH = 22, 4, 6
DELETE = "Delete the argument: `fit`, `evaluate` and `predict` know how many there are."
RAN_OUT = "Your input ran out of data"


def flow(shuffle=False, **arguments):
    images = np.arange(N, dtype="float32")[:, None, None, None] * np.ones((1, 2, 2, 1), "float32")
    return ImageDataGenerator().flow(images, np.arange(N), batch_size=BATCH, shuffle=shuffle, **arguments)


def whole(number, labels):
    """The labels of a batch by its number, in a flow that does not shuffle."""
    return labels[BATCH * number : BATCH * (number + 1)]


def all_of(epoch):
    return list(itertools.chain.from_iterable(epoch))


class Recorder(keras.callbacks.Callback):
    """Per epoch the labels of its batches, in the order in which they came to the loss."""

    def __init__(self):
        super().__init__()
        self.train, self.test, self.now = [], [], None

    def on_epoch_begin(self, epoch, logs=None):
        self.train.append([])
        self.now = self.train[-1]

    def on_test_begin(self, logs=None):
        self.test.append([])
        self.now = self.test[-1]

    def loss(self, labels, outputs):
        if self.now is not None:
            self.now.append(keras.ops.convert_to_numpy(labels).ravel().astype(int).tolist())
        return keras.ops.mean(outputs)


@pytest.fixture
def trained():
    """A model, built, so that the first batch is taken for no shape, and what records."""
    recorder = Recorder()
    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", recorder.loss, run_eagerly=True)
    model.fit(np.zeros((1, 2, 2, 1)), np.zeros(1), verbose=0)
    return model, recorder


@pytest.mark.parametrize("workers", [1, 3])
def test_an_epoch_begins_anew_and_takes_any_of_the_batches(trained, workers):
    """What `tf_keras` does: the numbers of all batches are shuffled, and the first of them taken."""
    model, recorder = trained
    random.seed(7)
    with pytest.warns(UserWarning) as said:
        model.fit(
            flow(workers=workers), steps_per_epoch=4, epochs=3, verbose=0, callbacks=[recorder],
            validation_data=flow(workers=workers), validation_steps=3,
        )  # fmt: skip
    left_out = [str(warning.message).partition("leaves out ")[2] for warning in said]
    assert list(filter(None, left_out)) == [f"{count} of the 6 batches of an epoch. {DELETE}" for count in (2, 3)]
    labels, numbers, orders = list(range(N)), random.Random(7), []
    for _ in range(3):
        orders.append(list(range(LENGTH)))
        numbers.shuffle(orders[-1])
    assert recorder.train == [[whole(k, labels) for k in order[:4]] for order in orders]
    assert recorder.test == [[whole(k, labels) for k in range(3)]] * 3


@pytest.mark.parametrize("workers", [1, 3])
def test_an_epoch_of_a_flow_that_shuffles_is_of_one_permutation(trained, workers):
    model, recorder = trained
    with pytest.warns(UserWarning, match="leaves out 1 of the 6"):
        model.fit(flow(True, workers=workers), steps_per_epoch=5, epochs=4, verbose=0, callbacks=[recorder])
    epochs = [all_of(epoch) for epoch in recorder.train]
    assert all(len(epoch) == 5 for epoch in recorder.train)
    assert all(len(set(epoch)) == len(epoch) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_evaluate_and_predict_begin_with_the_first_batch(trained):
    model, recorder = trained
    images, data = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten()]), flow()
    with pytest.warns(UserWarning, match="leaves out 4 of the 6"):
        for _ in range(2):
            model.evaluate(data, steps=2, verbose=0, callbacks=[recorder])
            assert images.predict(data, steps=2, verbose=0)[:, 0].tolist() == list(range(8))
    assert recorder.test == [[[0, 1, 2, 3], [4, 5, 6, 7]]] * 2


def test_more_steps_than_batches_are_whole_epochs(trained):
    model, recorder = trained
    with pytest.warns(UserWarning) as said:
        model.fit(flow(), steps_per_epoch=8, epochs=2, shuffle=False, verbose=0, callbacks=[recorder])
    assert recorder.train == [[whole(k, list(range(N))) for k in range(LENGTH)]] * 2
    messages = {str(warning.message) for warning in said}
    assert {message.partition(";")[0] for message in messages if message.startswith(RAN_OUT)} == {RAN_OUT}
    assert any(f"is more than the 6 batches of an epoch. {DELETE}" in message for message in messages)


@pytest.mark.parametrize("steps", [None, LENGTH])
def test_whole_epochs_are_silent(trained, steps):
    model, recorder = trained
    model.fit(flow(), steps_per_epoch=steps, epochs=2, verbose=0, callbacks=[recorder])
    assert [sorted(all_of(epoch)) for epoch in recorder.train] == [list(range(N))] * 2


def test_only_the_loop_of_keras_is_told_of_its_steps():
    class Trainer:
        steps_per_epoch = 2

        def __init__(self, data):
            self.data = self.py_dataset = data

        @property
        def num_batches(self):
            return self.data.num_batches

        def batches(self):
            return self.num_batches, self.data.num_batches

    data = flow()
    assert (data.num_batches, *Trainer(data).batches()) == (LENGTH,) * 3
    labels = list(range(N))
    pulled = [next(data)[1].tolist() for _ in range(LENGTH + 1)]
    assert pulled == [*(whole(k, labels) for k in range(LENGTH)), whole(0, labels)]
    assert data[LENGTH - 1][1].tolist() == [20, 21]
