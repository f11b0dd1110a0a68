"""A layer's own seeds: no two draws are alike over threads, replicas and processes, and all of them are repeatable."""

import json
import multiprocessing
import os
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
from keras_regen import layers
from keras_regen.layers import seeds

from .conftest import BACKEND, array, tf

IMAGES = np.zeros((1, 4, 4, 1), "uint8")
needs_torch = pytest.mark.skipif(BACKEND != "torch", reason="of PyTorch")


def drawn(layer, **arguments):
    """The angle that the next call draws for one image."""
    return float(array(layer.get_random_transformation(IMAGES, **arguments)["theta"])[0])


def mapped_angles(layer, count, calls=None):
    """Those drawn in a pass of a `map`, an image at a time."""
    dataset = tf.data.Dataset.from_tensor_slices(np.zeros((count, 1, 4, 4, 1), "uint8"))
    angles = dataset.map(lambda x: layer.get_random_transformation(x)["theta"][0], num_parallel_calls=calls)
    return np.array(list(angles.as_numpy_iterator()))


def python(code, **environment):
    """The last line that a fresh process prints, as JSON. TensorFlow has nothing to say about our functions in it."""
    environment = {**os.environ, "KERAS_BACKEND": BACKEND, **environment}
    arguments = [sys.executable, "-c", code]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "AutoGraph" not in done.stderr, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("seed", [5, None])
def test_threads_draw_different_numbers(seed):
    layer, angles, start = layers.RandomRotation(180, seed=seed), [], threading.Barrier(8)

    def draw():
        start.wait()
        angles.extend(drawn(layer) for _ in range(10))

    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(angles)) == 80
    if seed is not None:  # those that one thread would have drawn
        alone = layers.RandomRotation(180, seed=seed)
        assert set(angles) == {drawn(alone) for _ in range(80)}


@pytest.mark.skipif(tf is None, reason="needs TensorFlow")
@pytest.mark.parametrize("seed", [5, None])
def test_a_parallel_map_draws_for_each_element(seed):
    """As many angles as images, and as many again in the second pass; with a seed the same ones in any order."""
    layer, other = layers.RandomRotation(180, seed=seed), layers.RandomRotation(180, seed=seed)
    angles = np.ravel([mapped_angles(layer, 200, calls=8), mapped_angles(layer, 200, calls=8)])
    assert len(set(angles)) == 400
    if seed is not None:
        np.testing.assert_array_equal(np.sort(angles), np.sort(mapped_angles(other, 400)))


def test_a_map_draws_what_calls_draw():
    """One stream for a seed, wherever it is drawn from."""
    if tf is None:
        pytest.skip("needs TensorFlow")
    layer = layers.RandomRotation(180, seed=2**31 - 1)
    np.testing.assert_allclose(
        mapped_angles(layers.RandomRotation(180, seed=2**31 - 1), 5), [drawn(layer) for _ in range(5)], rtol=1e-6
    )


def test_a_functional_call_leaves_the_layer_as_it_is():
    """`stateless_call`, as JAX trains: the state that it returns is that of the next draw."""
    images = np.random.default_rng(0).uniform(1, 255, (2, 6, 6, 1)).astype("float32")
    layer, twin = (layers.RandomRotation(180, fill_mode="constant", seed=5) for _ in range(2))
    expected = [array(twin(images)) for _ in range(2)]
    layer.build(images.shape)
    state = [keras.ops.convert_to_tensor(array(variable.value)) for variable in layer.non_trainable_variables]
    for _ in range(2):
        result, after = layer.stateless_call([], state, images)
        np.testing.assert_array_equal(array(result), expected[0])
    np.testing.assert_array_equal(array(layer.stateless_call([], after, images)[0]), expected[1])
    np.testing.assert_array_equal(array(layer(images)), expected[0])


# Repeatable runs


@pytest.mark.skipif(tf is None, reason="needs TensorFlow")
def test_set_random_seed_reaches_layers_without_a_seed():
    """In a plain `map`, of which the second pass draws anew, and in calls."""

    def run(seed):
        keras.utils.set_random_seed(seed)
        layer = layers.RandomRotation(180)
        return [*mapped_angles(layer, 20), *mapped_angles(layer, 20), drawn(layer)]

    first = run(1)
    assert run(1) == first and len(set(first)) == 41
    assert not set(run(2)) & set(first)


@pytest.mark.skipif(BACKEND == "tensorflow" or tf is None, reason="the stream begins where the layer is made")
def test_set_random_seed_reaches_a_map_of_a_layer_made_before():
    """As with Keras's own layers."""
    passes = []
    for seed in (1, 1, 2):
        layer = layers.RandomRotation(180)
        keras.utils.set_random_seed(seed)
        passes.append(mapped_angles(layer, 20))
    np.testing.assert_array_equal(passes[0], passes[1])
    assert not np.intersect1d(passes[0], passes[2]).size


# Copies of a layer

DETERMINISTIC = """
import json, keras, numpy as np, tensorflow as tf
from keras_regen import layers
tf.config.experimental.enable_op_determinism()
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

def mapped(calls, **arguments):
    keras.utils.set_random_seed(3)
    layer = layers.RandomAffine(rotation=180, zoom=0.2, **arguments)
    images = np.random.default_rng(0).integers(0, 255, (20, 1, 8, 8, 3)).astype("uint8")
    dataset = tf.data.Dataset.from_tensor_slices(images).map(layer, num_parallel_calls=calls)
    return np.concatenate([list(dataset.as_numpy_iterator()) for _ in range(2)])

maps = [[mapped(calls, **arguments) for calls in (None, 8)] for arguments in ({}, {"seed": 4})]
result = {"maps": [[len(np.unique(one, axis=0)), np.array_equal(one, other)] for one, other in maps]}
"""
REPLICAS = """
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
images = np.zeros((4, 4, 4, 1), "uint8")

def replicas(jit, seed=None):
    with strategy.scope():
        layer = layers.RandomRotation(180, seed=5)
        outside = layer.get_random_transformation(images)["theta"].numpy().tolist()
    draw = tf.function(lambda: layer.get_random_transformation(images, seed=seed)["theta"], jit_compile=jit)
    steps = [strategy.experimental_local_results(strategy.run(lambda: draw())) for _ in range(2)]
    return [outside, *(replica.numpy().tolist() for step in steps for replica in step)]

def fitted():
    keras.utils.set_random_seed(0)
    with strategy.scope():
        shift = layers.RandomShift(0.9, 0.9, fill_mode="constant", seed=1)
        model = keras.Sequential([keras.Input((8, 8, 1)), shift, keras.layers.Flatten()])
        model.compile("sgd", "mse")
    ramp = np.arange(64.0).reshape(1, 8, 8, 1).repeat(16, axis=0)
    return model.fit(ramp, ramp.reshape(16, 64), batch_size=8, epochs=2, verbose=0).history["loss"]

result |= {"run": replicas(False), "again": replicas(False), "compiled": replicas(True)}
result |= {"seed": replicas(False, seed=7), "losses": [fitted(), fitted()]}
"""


@pytest.mark.skipif(tf is None, reason="needs TensorFlow")
def test_deterministic_operations_and_replicas():
    """In a process of its own, with two devices."""
    result = python(DETERMINISTIC + (REPLICAS if BACKEND == "tensorflow" else "") + "print(json.dumps(result))")
    # Layers without a seed are no error there, and repeatable in a parallel `map`, too.
    assert result["maps"] == [[40, True], [40, True]]
    if BACKEND == "tensorflow":
        # Those of `tf.distribute` draw different numbers, compiled or not; with a seed of the call what it says.
        assert len(result["run"]) == 5 and len(set(np.ravel(result["run"]))) == 20
        assert result["again"] == result["run"]
        np.testing.assert_allclose(result["compiled"], result["run"], rtol=1e-5)
        assert len({tuple(step) for step in result["seed"][1:]}) == 1
        first, second = result["losses"]
        assert len(set(first)) == 2
        np.testing.assert_allclose(second, first, rtol=1e-5)


class Angles:
    """A PyTorch dataset of what a layer draws."""

    def __init__(self, layer):
        self.layer = layer

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return drawn(self.layer)


@needs_torch
@pytest.mark.parametrize("workers", [0, 2])
def test_workers_of_a_data_loader_draw_different_numbers(workers):
    """Others in every epoch, though the workers start anew with a copy of the layer; as PyTorch's seed says."""
    import torch

    def epochs(seed, **arguments):
        torch.manual_seed(seed)
        layer = layers.RandomRotation(180, seed=1)
        loader = torch.utils.data.DataLoader(Angles(layer), batch_size=2, num_workers=workers, **arguments)
        return [float(angle) for _ in range(2) for batch in loader for angle in batch]

    first = epochs(0)
    assert len(set(first)) == 16
    assert epochs(0) == first
    if workers:
        assert not set(epochs(1)) & set(first)
        assert len(set(epochs(0, persistent_workers=True))) == 16


@needs_torch
def test_forked_processes_draw_different_numbers():
    """Also those that are forked while another thread draws."""
    fork, layer = multiprocessing.get_context("fork"), layers.RandomRotation(180, seed=1)
    queue, held, done = fork.Queue(), threading.Event(), threading.Event()

    def hold():
        with seeds._lock():
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    processes = [fork.Process(target=lambda: queue.put(drawn(layer))) for _ in range(3)]
    for process in processes:
        process.start()
    angles = [queue.get(timeout=60) for _ in processes]
    done.set()
    for each in (thread, *processes):
        each.join()
    assert len({*angles, drawn(layer)}) == 4


@needs_torch
def test_ranks_draw_different_numbers():
    import torch.distributed
    from torch.testing._internal.distributed.fake_pg import FakeStore

    alone, ranks = drawn(layers.RandomRotation(180, seed=1)), []
    for rank in (0, 1):
        torch.distributed.init_process_group("fake", store=FakeStore(), rank=rank, world_size=2)
        ranks.append(drawn(layers.RandomRotation(180, seed=1)))
        assert drawn(layers.RandomRotation(180), seed=7) == drawn(layers.RandomRotation(180, seed=3), seed=7)
        torch.distributed.destroy_process_group()
    assert len({alone, *ranks}) == 3
    assert drawn(layers.RandomRotation(180, seed=1)) == alone
