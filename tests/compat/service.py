"""The tf.data service: dispatcher and workers in processes of their own."""

import os
import socket
import subprocess
import sys

import tensorflow as tf

WORKER = """
import sys
import tensorflow as tf
service = tf.data.experimental.service
config = service.WorkerConfig(
    dispatcher_address=sys.argv[1], port=int(sys.argv[2]), worker_address="localhost:" + sys.argv[2],
    heartbeat_interval_ms=100, dispatcher_timeout_ms=5000,
)
server = service.WorkerServer(config)
print("ready", flush=True)
sys.stdin.read()
"""

DISPATCHER = """
import sys
import tensorflow as tf
service = tf.data.experimental.service
config = service.DispatcherConfig(
    port=0, worker_addresses=["localhost:" + port for port in sys.argv[1:]], worker_timeout_ms=1000,
    job_gc_check_interval_ms=500, job_gc_timeout_ms=2000,
)
server = service.DispatchServer(config)
print(server.target, flush=True)
sys.stdin.read()
"""


def free_port():
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return one.getsockname()[1]


class Service:
    """A dispatcher and two workers, each a process. For static sharding the dispatcher has to know the workers."""

    def __init__(self, static=False):
        self.static = static

    def __enter__(self):
        self.processes = []
        self.ports = [str(free_port()) for _ in range(2)]
        self.target = self._start(DISPATCHER, *(self.ports if self.static else []))
        for port in self.ports:
            assert self._start(WORKER, self.target.partition("://")[2], port) == "ready"
        return self

    def _start(self, code, *arguments):
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
        )
        self.processes.append(process)
        return process.stdout.readline().strip()

    def kill_a_worker(self):
        """And have another one take its address, as an orchestrator would: TensorFlow's client waits for that."""
        self.processes[-1].kill()
        self.processes[-1].wait()
        assert self._start(WORKER, self.target.partition("://")[2], self.ports[-1]) == "ready"

    def __exit__(self, *error):
        for process in self.processes:
            process.kill()
            process.wait()

    def read(self, dataset, policy):
        distribute = tf.data.experimental.service.distribute(processing_mode=policy, service=self.target)
        return dataset.apply(distribute)
