"""ISP network of the CRVD papers, for comparable sRGB figures.

A U-Net of three scales on packed frames with a final pixel shuffle. Its weights are not shipped.

Source: Yue et al. 2020 (RViDeNet); the layout follows from the published weights.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from f2r.errors import InputError

KEYS = {
    "conv1": "encoders.0",
    "conv2": "encoders.1",
    "conv3": "encoders.2",
    "conv4": "decoders.0",
    "conv5": "decoders.1",
    "upv4": "raisers.0",
    "upv5": "raisers.1",
    "conv6_1": "last",
}
"""Names of layers in the published file and in this class."""
WIDTHS = (32, 64, 128)


class _Pair(nn.Module):
    """Two 3 x 3 convolutions, each followed by a leaky ReLU of slope 0.2."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        for layer in (self.first, self.second):
            features = nn.functional.leaky_relu(layer(features), 0.2)
        return features


class IspNetwork(nn.Module):
    """Packed raw (B, 4, H, W) to blue, green, red (B, 3, 2H, 2W); H and W multiples of 4.

    Channel order of the input: red, green of the red rows, blue, green of the blue rows.
    """

    def __init__(self) -> None:
        super().__init__()
        small, middle, large = WIDTHS
        self.encoders = nn.ModuleList((_Pair(4, small), _Pair(small, middle), _Pair(middle, large)))
        self.raisers = nn.ModuleList(
            (nn.ConvTranspose2d(large, middle, 2, 2), nn.ConvTranspose2d(middle, small, 2, 2))
        )
        self.decoders = nn.ModuleList((_Pair(2 * middle, middle), _Pair(2 * small, small)))
        self.last = nn.Conv2d(small, 12, 1)

    def forward(self, packed: Tensor) -> Tensor:
        """Apply the network to packed frames in its channel order."""
        fine = self.encoders[0](packed)
        middle = self.encoders[1](nn.functional.max_pool2d(fine, 2))
        features = self.encoders[2](nn.functional.max_pool2d(middle, 2))
        for raiser, decoder, skipped in zip(
            self.raisers, self.decoders, (middle, fine), strict=True
        ):
            features = decoder(torch.cat((raiser(features), skipped), 1))
        return nn.functional.pixel_shuffle(self.last(features), 2)

    @torch.no_grad()
    def show(self, packed: Tensor) -> Tensor:
        """Render (B, 4, H, W) frames, channels as in F2R, to (B, 3, 2H, 2W) RGB in [0, 1]."""
        height, width = packed.shape[-2:]
        ordered = packed[:, [0, 1, 3, 2]].clamp(0, 1)
        padded = nn.functional.pad(ordered, (0, -width % 4, 0, -height % 4), mode="replicate")
        shown: Tensor = self(padded)[..., : 2 * height, : 2 * width]
        return shown.flip(1).clamp(0, 1)


def load_isp(path: Path) -> IspNetwork:
    """Load the published weights (`isp.pth`).

    Raises:
        InputError: the file cannot be read or holds other weights.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state = content.get("state_dict", content)
        renamed = {_rename(key): value for key, value in state.items()}
        network = IspNetwork()
        network.load_state_dict(renamed)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:  # torch and pickle raise many types on other files
        raise InputError(f"{path}: is not the ISP network of CRVD: pass RViDeNet's isp.pth") from (
            error
        )
    return network.eval().requires_grad_(False)


def _rename(key: str) -> str:
    layer, kind = key.rsplit(".", 1)
    if layer in KEYS:
        return f"{KEYS[layer]}.{kind}"
    stem, number = layer.split("_")
    return f"{KEYS[stem]}.{('first', 'second')[int(number) - 1]}.{kind}"
