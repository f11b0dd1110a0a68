"""Epochs that `fit` cuts short, which begin anew, as in Keras 2.

Keras 3 goes on where the last epoch stopped, and ends an epoch where the flow ends, with the warning "Your input ran
out of data": with `steps_per_epoch=flow.samples // flow.batch_size` every second epoch is one batch long. It begins
anew where it believes that it has seen all batches. So the loop that counts them, and it alone, is told of as many as
it takes; whatever makes batches goes by the true number, and `fit` shuffles all of them, as in Keras 2.

Keras tells a flow neither who asks nor for how many steps: both show in the frames alone. Where they are not those
that we know, a flow behaves as any other under Keras 3.
"""

import queue

from .batches import say_once


def batches_of_an_epoch(flow, frame):
    """What the property `num_batches` of a flow is.

    Args:
        flow: what is asked.
        frame: the one that asks.
    """
    length, steps = len(flow), _steps(flow, frame)
    if not steps or steps == length:
        return length
    said = f"leaves out {length - steps} of the" if steps < length else "is more than the"
    say_once(
        f"{steps} as `steps_per_epoch`, `validation_steps` or `steps` {said} {length} batches of an epoch. "
        "Delete the argument: `fit`, `evaluate` and `predict` know how many there are."
    )
    return min(steps, length)


def _steps(flow, frame):
    """The number of steps that the loop over an epoch is given, None if it has none, or if it is not what asks."""
    frame, adapter = _adapter(flow, frame)
    loop = frame and frame.f_back and frame.f_back.f_locals.get("self")
    if adapter is None or frame.f_code.co_name != "num_batches" or getattr(loop, "data_adapter", None) is not adapter:
        return None
    return getattr(loop, "steps_per_epoch", None)


def _adapter(flow, frame):
    """The frame that calls the flow, past its subclasses, and Keras's adapter of the flow, None if it is not that."""
    while frame is not None and frame.f_locals.get("self") is flow:
        frame = frame.f_back
    adapter = frame and frame.f_locals.get("self")
    return frame, adapter if getattr(adapter, "py_dataset", None) is flow else None


def forget_read_ahead(flow, frame):
    """At the end of an epoch, drop what workers made beyond it, with which Keras 3 would begin the next.

    Args:
        flow: what is told that the epoch has ended.
        frame: the one that tells it.
    """
    _, adapter = _adapter(flow, frame)
    ready = getattr(getattr(adapter, "enqueuer", None), "ready_queue", None)
    while isinstance(ready, queue.Queue) and not ready.empty():
        ready.get_nowait()
