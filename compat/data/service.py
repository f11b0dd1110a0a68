"""A pass over a dataset by the workers of a tf.data service: every batch comes once, whatever becomes of them."""

import sys
import warnings

import tensorflow as tf

_as_written = tf.autograph.experimental.do_not_convert
_MARK = "keras_regen_here"


def whole_pass(made, start, stop, address):
    """The batches of a pass, as the workers have them ready.

    The service hands each number to one worker. The numbers that a worker has in hand die with it, and the service ends
    the pass as if nothing had happened. So the batches carry their numbers: a batch that has come before is dropped;
    one that has not come in the end is reported, and made in this process. When all have come, nobody waits for the
    end.

    Args:
        made: function of a dataset of numbers, int64, that returns one of pairs of the batch of that number and the
            number. It must be the same batch each time, and in each process.
        start, stop: int64, the numbers of the pass.
        address: of the dispatcher.

    Returns:
        A dataset of batches.
    """
    service = tf.data.experimental.service
    with warnings.catch_warnings():  # that a graph keeps the options of a dataset as they were, which is right
        warnings.filterwarnings("ignore", "To make it possible to preserve tf.data options", UserWarning)
        by_workers = service.distribute(service.ShardingPolicy.DYNAMIC, address)
        there = made(tf.data.Dataset.range(start, stop)).apply(by_workers)
    batch_spec, _ = there.element_spec
    numbers = tf.range(start, stop)
    end = tf.data.Dataset.from_tensors((tf.nest.map_structure(_nothing, batch_spec), tf.constant(-1, tf.int64)))

    def note(seen, pair):
        batch, number = pair
        here = numbers == number
        missing = tf.boolean_mask(numbers, ~seen & (number < 0))
        return seen | here, (batch, tf.reduce_any(here & ~seen), missing)

    def handed_on(batch, new, missing):
        def made_here():
            message = "keras_regen: the tf.data service lost batches, which are made here. How many, and their numbers:"
            said = tf.print(message, tf.size(missing), missing, summarize=16, output_stream=sys.stderr)
            with tf.control_dependencies([said]):
                again = tf.data.Dataset.from_tensor_slices(tf.identity(missing))
            batches = made(again).map(_as_written(lambda batch, _: batch))
            return tf.data.experimental.to_variant(batches)

        def passed_on():
            return tf.data.experimental.to_variant(tf.data.Dataset.from_tensors(batch).take(tf.cast(new, tf.int64)))

        variant = tf.cond(tf.size(missing) > 0, made_here, passed_on)
        return tf.data.experimental.from_variant(variant, batch_spec)

    batches = there.concatenate(end).scan(tf.zeros_like(numbers, tf.bool), _as_written(note))
    return batches.flat_map(_as_written(handed_on)).take(stop - start)


def _nothing(spec):
    """A tensor of a specification, with no elements along axes of unknown size."""
    return tf.zeros([size or 0 for size in spec.shape], spec.dtype)


def only_here(dataset):
    """The dataset, of tensors; an error by name if it is run by another process or by a worker of a tf.data service.

    Each worker would run all of what cannot be split, and begin with the first epoch again in each pass.
    """
    # A variable in the runtime of a process does not travel with a graph.
    with tf.init_scope(), tf.device("CPU:0"):
        mark = tf.raw_ops.VarHandleOp(dtype=tf.bool, shape=[], shared_name=_MARK)
        tf.raw_ops.AssignVariableOp(resource=mark, value=tf.constant(True))

    def check(*tensors):
        mark = tf.raw_ops.VarHandleOp(dtype=tf.bool, shape=[], shared_name=_MARK)
        message = (
            "the tf.data service cannot split this dataset of keras_regen: use keras_regen.compat.distribute(iterator, "
            "address) instead, or to_dataset(..., repeat=n)"
        )
        with tf.control_dependencies([tf.debugging.Assert(tf.raw_ops.VarIsInitializedOp(resource=mark), [message])]):
            return tf.nest.map_structure(tf.identity, tensors)

    return dataset.map(_as_written(check))
