"""The tf.data service: dispatcher and workers in processes of their own."""

import os
import socket
import subprocess
import sys
import tempfile

import tensorflow as tf

WORKER = """
import sys
import tensorflow as tf
service = tf.data.experimental.service
config = service.WorkerConfig(
    dispatcher_address=sys.argv[1], port=int(sys.argv[2]), worker_address="localhost:" + sys.argv[2],
    heartbeat_interval_ms=100, dispatcher_timeout_ms=60_000,
)
server = service.WorkerServer(config)
print("ready", flush=True)
sys.stdin.read()
"""

DISPATCHER = """
import sys
import tensorflow as tf
service = tf.data.experimental.service
port, folder, *workers = sys.argv[1:]
config = service.DispatcherConfig(
    port=int(port), work_dir=folder or None, fault_tolerant_mode=bool(folder), worker_addresses=workers,
    worker_timeout_ms=1000, job_gc_check_interval_ms=500, job_gc_timeout_ms=60_000,
)
server = service.DispatchServer(config)
print("ready", flush=True)
sys.stdin.read()
"""


def free_port():
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return str(one.getsockname()[1])


class Service:
    """A dispatcher and two workers, each a process that keeps its address when it is killed and started again.

    Args:
        static: whether the dispatcher knows the workers beforehand, as it has to for static sharding.
        fault_tolerant: whether the dispatcher writes down what it does, and reads it when it is started again.
    """

    def __init__(self, static=False, fault_tolerant=False):
        self.folder = tempfile.TemporaryDirectory() if fault_tolerant else None
        self.port, self.ports = free_port(), [free_port() for _ in range(2)]
        self.known = [f"localhost:{port}" for port in self.ports] if static else []
        self.target = f"grpc://localhost:{self.port}"
        self.dispatcher, self.workers = None, [None, None]

    def __enter__(self):
        self.start_dispatcher()
        for k in range(2):
            self.start_worker(k)
        return self

    def start_dispatcher(self):
        self.dispatcher = started(DISPATCHER, self.port, "" if self.folder is None else self.folder.name, *self.known)

    def start_worker(self, k):
        """As an orchestrator would: TensorFlow's client waits for a worker at the address."""
        self.workers[k] = started(WORKER, f"localhost:{self.port}", self.ports[k])

    def __exit__(self, *error):
        for process in (self.dispatcher, *self.workers):
            if process is not None:
                kill(process)
        if self.folder is not None:
            self.folder.cleanup()

    def read(self, dataset, policy):
        distribute = tf.data.experimental.service.distribute(processing_mode=policy, service=self.target)
        return dataset.apply(distribute)


def started(code, *arguments):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process):
    with process:  # its pipes are closed, and it is waited for
        process.kill()
