"""FloRNN: a recurrent network whose backward half is replaced by looking a few frames ahead.

One recurrent state runs forward to frame t; a second one runs on to frame t + LOOKAHEAD and is
warped back. Moving forward it is splatted along the flow; what leaves the frame then is kept in a
border, so that it is there again on the way back.

Key names and shapes are those of the published checkpoint, except `pwcnet.*`: the authors estimate
flow by PWC-Net, ours by DIS between frames that our prior has denoised, so figures measured here
are not theirs.

Source: Li, Wu, Niu, Zuo 2022, "Unidirectional video denoising by mimicking backward recurrent
modules with look-ahead forward ones".
"""

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from f2r.flow.estimator import CLEAN_SEARCH, DisFlow
from f2r.flow.warp import warp_backward
from f2r.models.layers import channels_last
from f2r.models.weights import load_prior
from f2r.noise.models import NoiseModel
from f2r_bench.core import Preprocessor, sigma_map
from f2r_bench.methods.checkpoints import count_blocks, fit_checkpoint, read_checkpoint
from f2r_bench.methods.frames import mirror_index
from f2r_bench.methods.method import Learning, Untrained
from f2r_bench.methods.plain import apply_prior

CHANNELS = 64
"""Channels of a recurrent state."""
BLOCKS = 15
"""Residual blocks of each recurrent step, as published; read from the checkpoint."""
LOOKAHEAD = 3
"""Frames that the second state runs ahead, as published."""
BORDER = 0.1
"""Width of the border around the second state, of the frame's own size, as published."""
FLOW_KEYS = "pwcnet."
"""Prefix of the keys that belong to the authors' flow network."""


class PlainResidual(nn.Module):
    """Two 3x3 convolutions without bias, added to their input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        update: Tensor = self.conv2(torch.relu(self.conv1(features)))
        return features + update


class RecurrentStep(nn.Module):
    """Takes one frame into a state that has been aligned to it."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.first_conv = nn.Conv2d(3 + 3 + CHANNELS, CHANNELS, 3, padding=1, bias=False)
        self.resblocks = nn.Sequential(*(PlainResidual() for _ in range(blocks)))

    def forward(self, frame: Tensor, sigma: Tensor, state: Tensor) -> Tensor:
        """Give the state (B, C, H, W) after a (B, 3, H, W) frame and its noise level."""
        updated: Tensor = self.resblocks(self.first_conv(torch.cat((frame, sigma, state), 1)))
        return updated


class Decoder(nn.Module):
    """Turns the two states of a frame into the denoised frame."""

    def __init__(self) -> None:
        super().__init__()
        wide = 2 * CHANNELS
        self.convs = nn.Sequential(
            nn.Conv2d(wide, wide, 3, padding=1, bias=False),
            nn.ReLU(),
            nn.Conv2d(wide, 3, 3, padding=1, bias=False),
        )

    def forward(self, past: Tensor, ahead: Tensor) -> Tensor:
        """Map two (B, C, H, W) states to a (B, 3, H, W) frame."""
        frame: Tensor = self.convs(torch.cat((past, ahead), 1))
        return frame


class Step(NamedTuple):
    """One step of the second state, as far as the way back needs it."""

    flow: Tensor
    """(1, 2, H', W') flow from the earlier to the later frame, border included."""
    border: Tensor
    """(1, C, H', W') splatted state, border included."""


class FloRnnNetwork(nn.Module):
    """The two recurrent steps and the decoder.

    Args:
        blocks: residual blocks of each step.
    """

    def __init__(self, blocks: int = BLOCKS) -> None:
        super().__init__()
        self.forward_rnn = RecurrentStep(blocks)
        self.backward_rnn = RecurrentStep(blocks)
        self.d = Decoder()

    def forward(
        self, frames: Tensor, sigma: Tensor, onward: Sequence[Tensor], back: Sequence[Tensor]
    ) -> Tensor:
        """Denoise a clip.

        Args:
            frames: (T, 3, H, W) noisy frames, T >= 2.
            sigma: (T, 3, H, W) noise levels.
            onward: T-1 flows (2, H, W) from frame t to t + 1, on the grid of t.
            back: T-1 flows (2, H, W) from frame t + 1 to t, on the grid of t + 1.

        Returns:
            (T, 3, H, W) denoised frames.
        """
        count, denoised = len(frames), []
        nothing = frames.new_zeros(1, CHANNELS, *frames.shape[-2:])
        ahead = self.backward_rnn(frames[:1], sigma[:1], nothing)
        past = self.forward_rnn(frames[:1], sigma[:1], nothing)
        steps: deque[Step] = deque(maxlen=LOOKAHEAD)
        for i in range(1, count + LOOKAHEAD):
            shown = mirror_index(i, count)
            before = mirror_index(i - 1, count)
            step = _onward(ahead, (onward[before] if shown > before else back[shown])[None])
            steps.append(step)
            inner = _cut_border(step.border, frames.shape)
            ahead = self.backward_rnn(frames[[shown]], sigma[[shown]], inner)
            t = i - LOOKAHEAD
            if t < 0:
                continue
            denoised.append(self.d(past, _way_back(ahead, steps, frames.shape))[0])
            if t + 1 < count:
                aligned = warp_backward(past, back[t][None])
                past = self.forward_rnn(frames[[t + 1]], sigma[[t + 1]], aligned)
        return torch.stack(denoised)


def _onward(state: Tensor, flow: Tensor) -> Step:
    """Splat a state along the flow, into the border as well."""
    rows, columns = _border(state.shape)
    padding = (columns, columns, rows, rows)
    wide_flow = functional.pad(flow, padding)
    return Step(wide_flow, splat_forward(functional.pad(state, padding), wide_flow))


def _way_back(state: Tensor, steps: Sequence[Step], shape: torch.Size) -> Tensor:
    """Warp the second state back through its last steps."""
    rows, columns = _border(shape)
    for step in reversed(steps):
        wide = step.border.clone()
        wide[..., rows : rows + shape[-2], columns : columns + shape[-1]] = state
        state = _cut_border(warp_backward(wide, step.flow), shape)
    return state


def _border(shape: torch.Size) -> tuple[int, int]:
    return int(BORDER * shape[-2]), int(BORDER * shape[-1])


def _cut_border(wide: Tensor, shape: torch.Size) -> Tensor:
    rows, columns = _border(shape)
    return wide[..., rows : rows + shape[-2], columns : columns + shape[-1]]


def splat_forward(source: Tensor, flow: Tensor) -> Tensor:
    """Send every pixel along its flow and average what arrives; zero where nothing does.

    Args:
        source: (1, C, H, W).
        flow: (1, 2, H, W) in pixels, on the grid of the source.

    Source: Niklaus, Liu 2020, "Softmax splatting for video frame interpolation", average splatting.
    """
    height, width = source.shape[-2:]
    values = torch.cat((source[0], source.new_ones(1, height, width))).flatten(1)
    x = flow[0, 0] + torch.arange(width, device=flow.device)
    y = flow[0, 1] + torch.arange(height, device=flow.device)[:, None]
    left, top = x.floor(), y.floor()
    total = torch.zeros_like(values)
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        at_x, at_y = left + column, top + row
        weight = (1 - (x - at_x).abs()) * (1 - (y - at_y).abs())
        inside = (at_x >= 0) & (at_x < width) & (at_y >= 0) & (at_y < height)
        index = (at_y.clamp(0, height - 1) * width + at_x.clamp(0, width - 1)).long().flatten()
        share = (weight * inside).flatten().to(values.dtype)
        total = total.index_add(1, index, values * share)
    averaged = total[:-1] / total[-1:].clamp(min=1e-7)
    return averaged.reshape(source.shape)


class FloRnn(Untrained):
    """FloRNN with the authors' weights.

    Args:
        device: where to compute.
        weights: published checkpoint.
    """

    name = "flornn"
    learning = Learning.SUPERVISED

    def __init__(self, device: torch.device, weights: Path) -> None:
        self.device, self.prior = device, load_prior(device)
        tensors = {
            key: value
            for key, value in read_checkpoint(weights).items()
            if not key.startswith(FLOW_KEYS)
        }
        network = FloRnnNetwork(count_blocks(tensors, "forward_rnn.resblocks") or BLOCKS)
        fit_checkpoint(network, tensors, weights, self.name)
        self.network = channels_last(network).to(device).eval()

    def networks(self) -> Sequence[nn.Module]:
        """Give the recurrent network; the prior only serves the flow."""
        return (self.network,)

    @torch.no_grad()
    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Denoise a clip; a single frame is shown twice."""
        if len(noisy) == 1:
            return self.infer(noisy.repeat(2, 1, 1, 1), noise)[:1]
        seen = apply_prior(Preprocessor(self.prior, noise, DisFlow()), noisy)
        flow = DisFlow(1, CLEAN_SEARCH)
        pairs = list(pairwise(seen))
        onward = [flow.estimate(earlier, later).to(self.device) for earlier, later in pairs]
        back = [flow.estimate(later, earlier).to(self.device) for earlier, later in pairs]
        frames = noisy.to(self.device)
        denoised: Tensor = self.network(frames, sigma_map(noise, frames), onward, back)
        return denoised.cpu()
