"""Where to compute."""

import os

import torch

from f2r.errors import InputError


def choose_device(name: str) -> torch.device:
    """Turn 'auto', 'cpu', 'cuda' or 'mps' into a device that is really there.

    Launched processes of one machine take its CUDA devices in turn.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available()}
    available["mps"] = torch.backends.mps.is_available()
    if name == "auto":
        name = next(k for k in ("cuda", "mps", "cpu") if available[k])
    if name not in available:
        raise InputError(f"device '{name}' is unknown: use auto, cpu, cuda or mps")
    if not available[name]:
        raise InputError(f"device '{name}' is not available here: use --device auto")
    if name == "cuda":
        return torch.device(
            name, int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count()
        )
    return torch.device(name)


def describe_device(device: torch.device) -> str:
    """Name the device for people."""
    if device.type == "cuda":
        return f"CUDA, {torch.cuda.get_device_name(device)}"
    threads = torch.get_num_threads()
    return f"CPU, {threads} threads" if device.type == "cpu" else "Apple GPU (MPS)"


def branch(generator: torch.Generator, device: torch.device) -> torch.Generator:
    """Give a generator on `device` that follows from `generator`, so that draws need no copy.

    On the generator's own device that is the generator itself.
    """
    if generator.device.type == device.type:
        return generator
    seed = int(torch.randint(2**62, (1,), generator=generator))
    return torch.Generator(device).manual_seed(seed)
