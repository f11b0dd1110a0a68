"""Datasets where TensorFlow has two devices: two logical ones of the CPU, in a process of its own."""

import os
import subprocess
import sys

import keras
import pytest

TWO_DEVICES = """
import keras
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from keras_regen.compat import ImageDataGenerator, to_dataset

x = np.random.RandomState(0).randint(0, 256, (42, 12, 10, 3)).astype("float32")
make = lambda: ImageDataGenerator(rotation_range=20, rescale=1 / 255).flow(x, np.arange(42), batch_size=6, seed=1)
"""
ON_THE_OTHER = """
for arguments in ({"repeat": 1}, {"draws": "stateless", "repeat": 1}):
    host = list(to_dataset(make(), **arguments))
    there = list(to_dataset(make(), device="/CPU:1", **arguments))
    assert len(host) == len(there) > 3
    for (a, b), (c, d) in zip(host, there, strict=True):
        assert a.device.endswith("CPU:0") and c.device.endswith("CPU:1") and d.device.endswith("CPU:1")
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)
"""
MIRRORED = """
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
with strategy.scope():
    model = keras.Sequential([keras.Input((12, 10, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e-4), "mse")
history = model.fit(to_dataset(make(), draws="stateless", drop_remainder=True), epochs=2, verbose=0)
assert np.isfinite(history.history["loss"]).all()
seen = []
for _, labels in strategy.experimental_distribute_dataset(to_dataset(make(), draws="stateless", repeat=1)):
    parts = strategy.experimental_local_results(labels)
    assert len(parts) == 2
    seen += [int(y) for part in parts for y in part.numpy()]
assert sorted(seen) == list(range(42)), seen
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="devices of TensorFlow")
def test_a_dataset_transforms_on_one_device_and_feeds_a_mirrored_strategy():
    """The second device stands for an accelerator, and both for the replicas."""
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", TWO_DEVICES + ON_THE_OTHER + MIRRORED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
