"""What TensorFlow writes to stderr while it is imported, without the lines that it writes on every machine.

From 2.21 on the environment variable TF_CPP_MIN_LOG_LEVEL leaves six of them: they are written before it is read, by
C++, and so can only be caught at the file descriptor. A separate process reads it: what TensorFlow says before it
ends this one, on a processor that it was not built for, arrives all the same.
"""

import contextlib
import os
import re
import subprocess
import sys

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_NOTICES = re.compile(
    rb"(I[0-9]{4} |\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+: I )"  # the level INFO, in both formats
    rb"|WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR"
    rb"|To enable the following instructions: .*, rebuild TensorFlow with the appropriate compiler flags"
    # No errors, though they are called so: libraries that register twice, and machines without a GPU.
    rb"|[EW\d].*(Unable to register cu\w+ factory: |computation placer already registered|Could not find TensorRT)"
    rb"|[E\d].*failed call to cuInit: .*(UNKNOWN ERROR \(303\)|CUDA_ERROR_NO_DEVICE)"
)
_PATIENCE = 5.0  # seconds for the rest to arrive; a process started meanwhile may hold the other end for ever


@contextlib.contextmanager
def without_notices(level=1):
    """Leave out, for a block that imports TensorFlow, what it says on every machine; anything else is passed on.

    Later lines below a level are left out, too. Nothing is left out where TensorFlow is loaded already, or where the
    environment variable TF_CPP_MIN_LOG_LEVEL is 0.

    Args:
        level: 1 to leave out INFO, 2 for WARNING, too; what counts is the environment variable, if it is set.
    """
    wanted = os.environ.setdefault(_LEVEL, str(level)) == "0"
    if wanted or "tensorflow.python" in sys.modules or not (sys.__stderr__ and sys.executable):
        yield
        return
    sys.stderr.flush()
    command = [sys.executable, "-I", "-S", __file__]
    reader = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    stderr = os.dup(2)
    os.dup2(reader.stdin.fileno(), 2)
    reader.stdin.close()
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(stderr, 2)
        os.close(stderr)
        with contextlib.suppress(subprocess.TimeoutExpired):
            reader.wait(_PATIENCE)


def _pass_on():
    for line in sys.stdin.buffer:
        if not _NOTICES.match(line):
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()


if __name__ == "__main__":
    _pass_on()
