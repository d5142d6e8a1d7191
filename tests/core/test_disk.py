import resource

import pytest
import torch

from f2r.config import DenoiseConfig
from f2r.io.array import ArrayReader
from f2r.method.networks import load_networks
from f2r.method.storage import on_disk
from f2r.noise.models import Gaussian
from f2r.run.look_at_clip import look
from f2r.run.setup import set_up
from f2r.system.progress import StageClock
from synthetic import moving_clip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bool])
def test_a_tensor_on_disk_is_the_same_tensor(tmp_path, dtype):
    tensor = (torch.rand(3, 500, 301) > 0.5).to(dtype)
    kept = on_disk(tmp_path, tensor)
    assert kept.dtype == dtype
    assert torch.equal(kept, tensor)
    assert not list(tmp_path.iterdir())


def test_small_tensors_stay_in_memory(tmp_path):
    """A clip of thousands of tiny frames would map more files than a system allows."""
    tensor = torch.rand(3, 32, 32)
    assert on_disk(tmp_path, tensor) is tensor


def test_the_order_in_memory_is_kept(tmp_path):
    frame = torch.rand(1, 3, 300, 200).contiguous(memory_format=torch.channels_last)[0]
    assert on_disk(tmp_path, frame).stride() == frame.stride()


def test_equal_channels_are_written_out(tmp_path):
    grey = torch.rand(1, 300, 200).expand(3, -1, -1)
    assert torch.equal(on_disk(tmp_path, grey), grey)


def test_changes_do_not_reach_the_original(tmp_path):
    tensor = torch.zeros(2**18)
    on_disk(tmp_path, tensor).add_(1)
    assert tensor.sum() == 0


def test_a_full_disk_is_an_error_and_no_crash(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, before[1]))
    try:
        with pytest.raises(OSError, match="large"):
            on_disk(tmp_path, torch.zeros(1024, 1024))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_run_with_a_folder_keeps_its_sample_there(tmp_path):
    """What is trained on must not grow the process: its pages belong to a file."""
    frames = moving_clip(4, 160, 176).permute(0, 2, 3, 1).numpy()
    reader = ArrayReader(frames)
    setup = set_up(reader.info, Gaussian(0.1), DenoiseConfig(steps=2))
    networks = load_networks(None, setup.device)
    ((clip,),) = look(reader, networks, setup, StageClock(), tmp_path).clips
    assert clip.keep(torch.ones(2)).sum() == 2
    assert clip.keep.func is on_disk
    ((other,),) = look(reader, networks, setup, StageClock()).clips
    for a, b in zip(clip.frames, other.frames, strict=True):
        assert torch.equal(a.denoised, b.denoised)
