"""How many batches an epoch has in the eyes of `fit`, if that is given a number of steps.

Keras 2 began each epoch of a sequence anew. Keras 3 goes on where the last one stopped, and ends an epoch where the
sequence ends, with the warning "Your input ran out of data": with `steps_per_epoch=flow.samples // flow.batch_size`
every second epoch is one batch long. It begins anew if there are as many batches as steps; so that is what a flow says
of itself where Keras counts the batches of an epoch. Who counts, and for how many steps, shows in the frames alone.
"""

import sys
import weakref

from .batches import say_once

_steps = weakref.WeakKeyDictionary()  # of the queues of Keras: several may read one flow, each for other steps


def batches_of_an_epoch(length):
    """What the property `num_batches` of a flow is, which alone may call this.

    Args:
        length: number of batches of the flow.
    """
    frame = sys._getframe(2)
    reader = frame.f_locals.get("self")
    steps = getattr(frame.f_back and frame.f_back.f_locals.get("self"), "steps_per_epoch", None)
    queue = getattr(reader, "enqueuer", None) or reader
    if not steps or not hasattr(reader, "py_dataset"):
        return _steps.get(queue, length) if hasattr(queue, "ready_queue") else length
    if steps != length:
        what = f"leaves out {length - steps} of the" if steps < length else "is more than the"
        say_once(
            f"{steps} as `steps_per_epoch`, `validation_steps` or `steps` {what} {length} batches of an epoch. "
            "Delete the argument: `fit`, `evaluate` and `predict` know how many there are."
        )
    steps = min(steps, length)
    if queue is not reader:
        _steps[queue] = steps
    return steps
