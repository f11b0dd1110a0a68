"""Run by `test_two_processes`, twice side by side: what each process gets of two epochs, as JSON."""

import hashlib
import itertools
import json
import sys

import numpy as np
from keras_regen.compat import ImageDataGenerator, Stateless, to_grain, to_torch


def source(folder):
    datagen = ImageDataGenerator(rotation_range=20, horizontal_flip=True)
    return datagen.flow_from_directory(folder, target_size=(12, 14), class_mode="sparse", seed=1, batch_size=4)


def seen(batches):
    """Each path with the hash of its image."""
    pairs = []
    for (images, _), paths in batches:
        pairs += [
            (str(path), hashlib.md5(np.ascontiguousarray(image).tobytes()).hexdigest())
            for image, path in zip(np.asarray(images), paths, strict=True)
        ]
    return pairs


def of_torch(folder, rank, port):
    import torch
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel

    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    samples = to_torch(source(folder), batched=False, file_names=True)
    sampler = torch.utils.data.DistributedSampler(samples)
    by_sampler = samples.loader(sampler=sampler, batch_size=4, num_workers=1)
    shard = Stateless(shards=dist.get_world_size(), shard=dist.get_rank())
    by_shards = to_torch(source(folder), draws=shard, file_names=True).loader()
    found = {"sampler": [], "shards": []}
    for epoch in range(2):
        sampler.set_epoch(epoch)
        found["sampler"].append(seen(by_sampler))
        found["shards"].append(seen(by_shards))
    model = DistributedDataParallel(torch.nn.Linear(12 * 14 * 3, 1))
    for (images, _), _ in by_sampler:  # as many steps in both, or one would wait for ever
        model(images.flatten(1) / 255).mean().backward()
    found["gradient"] = float(model.module.weight.grad.sum())
    dist.destroy_process_group()
    return found


def of_jax(folder, rank, port):
    import jax

    jax.distributed.initialize(f"127.0.0.1:{port}", 2, rank)
    shard = Stateless(shards=jax.process_count(), shard=jax.process_index())
    batches = iter(to_grain(source(folder), draws=shard, file_names=True, repeat=2))
    length = len(to_grain(source(folder), draws=shard))
    found = {"shards": [seen(itertools.islice(batches, length)) for _ in range(2)]}
    jax.distributed.shutdown()
    return found


if __name__ == "__main__":
    kind, folder, rank, port = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    print(json.dumps({"torch": of_torch, "jax": of_jax}[kind](folder, rank, port)))
