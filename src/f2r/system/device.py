"""Choose and describe the compute device."""

import os

import torch

from f2r.errors import InputError


def choose_device(name: str) -> torch.device:
    """Choose an available device by 'auto', 'cpu', 'cuda' or 'mps'.

    Launched processes of one machine take its CUDA devices in turn.

    Raises:
        InputError: the name is unknown or the device is not available.
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
    """Describe a device in a few words."""
    if device.type == "cuda":
        return f"CUDA, {torch.cuda.get_device_name(device)}"
    threads = torch.get_num_threads()
    return f"CPU, {threads} threads" if device.type == "cpu" else "Apple GPU (MPS)"


def branch(generator: torch.Generator, device: torch.device) -> torch.Generator:
    """Derive a generator on `device` from `generator`, so that draws need no copy.

    On the device of the generator, that is the generator itself; so on MPS, which has no Poisson
    and no gamma draws: values are drawn on the CPU there.
    """
    if device.type in {generator.device.type, "mps"}:
        return generator
    seed = int(torch.randint(2**62, (1,), generator=generator))
    return torch.Generator(device).manual_seed(seed)
