"""The tf.data service: every batch once, by workers in this process, in others, and in such as are killed."""

import collections
import threading

import numpy as np
import pytest
import tensorflow as tf
from keras_regen.compat import ImageDataGenerator, Stateless, distribute, to_dataset
from keras_regen.compat.data.service import whole_pass

from .flows import AUGMENTATION, files
from .service import Service, kill

service = tf.data.experimental.service
MADE_HERE = "the tf.data service lost batches, which are made here"


def flow(directory, **arguments):
    generator = ImageDataGenerator(horizontal_flip=True, channel_shift_range=30)  # no warp: three processes compile it
    # Decoding of few operations, too: each process prepares the graph anew for each pass.
    return files(generator, directory, seed=1, class_mode="sparse", decode="keras", **arguments)


def batches(dataset):
    return list(dataset.as_numpy_iterator())


def by_name(elements):
    """From path to image, and how often each path came."""
    images, counts = {}, collections.Counter()
    for (xs, _), names in elements:
        images.update(zip(names, xs, strict=True))
        counts.update(names.tolist())
    return images, counts


def assert_a_pass(got, want):
    """That two passes hold the same images, each once, and the same batches, in whatever order."""
    (images, counts), (images_, counts_) = by_name(got), by_name(want)
    assert counts == counts_ and set(counts.values()) == {1}
    for name, image in images.items():
        np.testing.assert_array_equal(image, images_[name])
    assert sorted(names.tolist() for _, names in got) == sorted(names.tolist() for _, names in want)


@pytest.fixture(scope="module")
def target():
    """The address of a dispatcher with two workers, in this process."""
    dispatcher = service.DispatchServer()
    config = service.WorkerConfig(dispatcher_address=dispatcher.target.split("://")[1], heartbeat_interval_ms=100)
    workers = [service.WorkerServer(config) for _ in range(2)]
    yield dispatcher.target
    del workers, dispatcher


def of_arrays():
    x = np.random.RandomState(0).uniform(0, 255, (34, 6, 6, 3)).astype("float32")
    generator = ImageDataGenerator(horizontal_flip=True, channel_shift_range=30)
    flow = generator.flow(x, np.arange(34), batch_size=8, seed=1)

    def named(batch):
        (images, numbers), tens = batch
        np.testing.assert_array_equal(tens, 10 * numbers)
        return (images, None), numbers

    return (flow, 10 * np.arange(34)), {}, named


def of_files(directory):
    return flow(directory), {"file_names": True}, lambda batch: batch


@pytest.mark.parametrize("kind", ["arrays", pytest.param("files", marks=pytest.mark.slow)])
def test_two_workers_give_the_batches_of_one_process(kind, target, jpeg_directory):
    source, arguments, named = of_arrays() if kind == "arrays" else of_files(jpeg_directory)
    local = to_dataset(source, draws="stateless", **arguments)
    distributed = distribute(source, target, **arguments)
    assert distributed.cardinality() == 5
    assert distributed.element_spec == local.element_spec
    assert distributed.class_names == local.class_names
    passes = [[named(batch) for batch in batches(distributed)] for _ in range(2)]
    for got in passes:
        assert_a_pass(got, [named(batch) for batch in batches(local)])
    first, second = (by_name(got)[0] for got in passes)
    assert first.keys() == second.keys()
    assert any(not np.array_equal(image, second[name]) for name, image in first.items())


@pytest.mark.slow
def test_epochs_after_a_restart(target, jpeg_directory):
    whole = batches(to_dataset(flow(jpeg_directory), draws="stateless", repeat=3, file_names=True))
    rest = distribute(flow(jpeg_directory), target, draws=Stateless(start=7), repeat=3, file_names=True)
    assert rest.cardinality() == 8
    got = batches(rest)
    assert_a_pass(got[:3], whole[7:10])
    assert_a_pass(got[3:], whole[10:])


@pytest.mark.parametrize("policy", ["DYNAMIC"])
def test_what_the_service_cannot_split_is_an_error(policy, target, jpeg_directory):
    """Each worker made the whole of it, and began with the first epoch in each pass."""
    dataset = to_dataset(flow(jpeg_directory), draws="stateless")
    assert len(batches(dataset)) == 5
    through = dataset.apply(service.distribute(getattr(service.ShardingPolicy, policy), target))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"use keras_regen.compat.distribute\(iterator, address\)"):
        batches(through)


def through(transformation, monkeypatch, numbers=10):
    """A pass over numbers through a service that does `transformation` to what it hands on."""
    monkeypatch.setattr(service, "distribute", lambda policy, address: transformation)
    made = lambda numbers: numbers.map(lambda number: ({"twice": 2 * number[None]}, number))  # noqa: E731
    dataset = whole_pass(made, tf.constant(3, tf.int64), numbers, "localhost:1")
    return [batch["twice"].tolist() for batch in dataset.as_numpy_iterator()]


def test_what_is_lost_is_made_here_and_said(monkeypatch, capfd):
    lossy = lambda dataset: dataset.filter(lambda _, number: (number != 4) & (number < 8))  # noqa: E731
    assert through(lossy, monkeypatch) == [[6], [10], [12], [14], [8], [16], [18]]
    assert f"{MADE_HERE}. How many, and their numbers: 3 [4 8 9]" in capfd.readouterr().err
    assert through(lambda dataset: dataset.take(0), monkeypatch) == [[2 * number] for number in range(3, 10)]
    assert MADE_HERE in capfd.readouterr().err


def test_what_comes_twice_is_dropped_and_the_end_is_not_waited_for(monkeypatch, capfd):
    def failing(batch, number):
        with tf.control_dependencies([tf.debugging.Assert(False, ["waited for"])]):
            return batch, tf.identity(number)

    twice = lambda dataset: dataset.take(2).concatenate(dataset).concatenate(dataset.map(failing))  # noqa: E731
    assert through(twice, monkeypatch) == [[2 * number] for number in range(3, 10)]
    assert through(lambda dataset: dataset, monkeypatch, numbers=3) == []
    assert MADE_HERE not in capfd.readouterr().err


def test_what_cannot_be_distributed(jpeg_directory):
    with pytest.raises(ValueError, match="preprocessing_function draws from np"):
        noisy = ImageDataGenerator(preprocessing_function=lambda x: x + np.random.random())
        distribute(files(noisy, jpeg_directory), "localhost:5000")
    with pytest.raises(ValueError, match="files are to be skipped, of which only the workers would know"):
        distribute(flow(jpeg_directory, on_error="skip"), "localhost:5000")
    with pytest.raises(ValueError, match=r'`address` must be "host:port" or .* Received: address=5000'):
        distribute(flow(jpeg_directory), 5000)
    with pytest.raises(TypeError, match="unexpected keyword argument 'cache'"):
        distribute(flow(jpeg_directory), "localhost:5000", cache=True)
    with pytest.raises(ValueError, match="`masks` must be positions or keys"):
        distribute((flow(jpeg_directory), flow(jpeg_directory)), "localhost:5000", masks=[2])


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["DATA", "DYNAMIC"])
def test_without_our_help_numbered_batches_come_once(policy, jpeg_directory):
    dataset = to_dataset(flow(jpeg_directory), draws="stateless", repeat=1, file_names=True)
    with Service(static=policy == "DATA") as processes:
        through = processes.read(dataset, getattr(service.ShardingPolicy, policy))
        assert_a_pass(batches(through), batches(dataset))


def kill_a_worker(processes):
    kill(processes.workers[1])
    processes.start_worker(1)


def kill_both_workers(processes):
    for worker in processes.workers:
        kill(worker)
    for k in range(2):
        processes.start_worker(k)


def kill_the_dispatcher(processes):
    kill(processes.dispatcher)
    processes.start_dispatcher()


def kill_everything(processes):
    for process in (processes.dispatcher, *processes.workers):
        kill(process)
    processes.start_dispatcher()
    for k in range(2):
        processes.start_worker(k)


ATTACKS = [kill_a_worker, kill_both_workers, kill_the_dispatcher, kill_everything]


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_nothing_is_lost_of_what_is_killed(attack, capfd):
    """SIGKILL in the middle of the first pass, and two more passes after it."""
    count, size = 1800, 6
    x = np.random.RandomState(0).uniform(0, 255, (count, 24, 24, 3)).astype("float32")
    arrays = ImageDataGenerator(**AUGMENTATION).flow(x, np.arange(count), batch_size=size, seed=1)
    local = to_dataset(arrays, draws="stateless")
    with Service(fault_tolerant=True) as processes:
        distributed = distribute(arrays, processes.target)
        for attacked in (True, False, False):
            images, attacker = {}, threading.Thread(target=attack, args=[processes])
            for k, (xs, ys) in enumerate(distributed.as_numpy_iterator()):
                assert not images.keys() & set(ys.tolist()), "seen twice"
                images.update(zip(ys.tolist(), xs, strict=True))
                if attacked and k == 20:
                    attacker.start()
            assert len(images) == count
            for xs, ys in local.as_numpy_iterator():
                for image, y in zip(xs, ys, strict=True):
                    np.testing.assert_array_equal(images[y], image)
            if attacked:
                attacker.join()
            lost = [line for line in capfd.readouterr().err.splitlines() if MADE_HERE in line]
            print(attack.__name__, *lost)
            assert attacked or not lost
