"""The way to sRGB and back: colours, orientation, and the network of the CRVD papers."""

import numpy as np
import pytest
import torch

from f2r.errors import InputError
from f2r.evaluation.make_raw import pick_sites, with_look
from f2r.io.raw.crvd import crvd_mosaic
from f2r.io.raw.mosaic import PATTERNS, Mosaic
from f2r.isp.forward import Look, demosaic, grey_world, render, turn_upright
from f2r.isp.inverse import draw_look, inverse_isp, sample_shot_read, unprocess
from f2r.isp.network import load_isp
from f2r.noise.camera import GAIN_AND_READ_VARIANCE, crvd_noise


def smooth_picture(size=64):
    """Make a (1, 3, H, W) picture without edges."""
    ramp = torch.linspace(0.1, 0.8, size)
    red, green = torch.meshgrid(ramp, ramp, indexing="ij")
    return torch.stack((red, green, 0.9 - (red + green) / 2))[None]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_rendering_undoes_the_inverse_isp(pattern, generator):
    picture = smooth_picture()
    look = draw_look(1, generator)
    mosaic = with_look(Mosaic(pattern, (0.0,) * 4, 1.0), look, 1600)
    packed = pick_sites(unprocess(picture, look)[0], mosaic)[None]
    stops = -float(torch.log2(look.brightness))
    shown = render(packed, mosaic, Look(exposure=stops))
    inside = (..., slice(4, -4), slice(4, -4))
    assert (shown - picture)[inside].abs().mean() < 0.01


def test_inverse_isp_keeps_white_white_and_darkens_grey_unevenly(generator):
    white = inverse_isp(torch.ones(3, 3, 8, 8), generator)
    assert torch.equal(white, torch.ones(3, 4, 4, 4))
    grey = inverse_isp(torch.full((3, 3, 8, 8), 0.5), generator).mean((2, 3))
    assert (grey[:, 1] == grey[:, 2]).all()
    assert (grey[:, 0] < 0.7 * grey[:, 1]).all()  # red gains are 1.9 and more
    assert (grey[:, 3] < 0.8 * grey[:, 1]).all()


def test_noise_levels_cover_the_crvd_camera(generator):
    gain, read = sample_shot_read(20_000, generator)
    for iso in GAIN_AND_READ_VARIANCE:
        noise = crvd_noise(iso)
        near = (gain / noise.gain).log().abs() < 0.1
        assert near.float().mean() > 0.02
        assert read[near].min() < noise.read < read[near].max()
        assert abs(float((read[near].log()).mean().exp()) / noise.read - 1) < 0.15


def test_demosaicing_keeps_known_samples_and_flat_colours():
    colours = torch.tensor((0.2, 0.5, 0.8))
    for pattern in PATTERNS:
        mosaic = Mosaic(pattern, (0.0,) * 4, 1.0)
        flat = pick_sites(colours.view(3, 1, 1).expand(3, 16, 16), mosaic)[None]
        shown = demosaic(flat, mosaic)
        assert torch.allclose(shown, colours.view(1, 3, 1, 1).expand_as(shown), atol=1e-6)


def test_grey_world_finds_the_light():
    packed = torch.rand(2, 1, 8, 8) * torch.tensor((0.25, 0.5, 0.5, 0.4)).view(1, 4, 1, 1)
    assert grey_world(packed) == pytest.approx((2.0, 1.25), rel=1e-4)
    assert grey_world(torch.zeros(1, 4, 8, 8)) == (1.0, 1.0)


EXIF_CORNERS = ("abcd", "badc", "dcba", "cdab", "acbd", "cadb", "dbca", "bdac")


@pytest.mark.parametrize(("orientation", "corners"), list(enumerate(EXIF_CORNERS, 1)))
def test_pictures_are_turned_as_exif_says(orientation, corners):
    stored = torch.tensor([[0, 1], [2, 3]])  # a b / c d
    shown = turn_upright(stored, orientation)
    assert "".join("abcd"[i] for i in shown.ravel().tolist()) == corners


def published_state():
    """Make weights under the names and shapes of the published file."""
    torch.manual_seed(0)
    widths = {"1_1": (4, 32), "1_2": (32, 32), "2_1": (32, 64), "2_2": (64, 64), "3_1": (64, 128)}
    widths |= {"3_2": (128, 128), "4_1": (128, 64), "4_2": (64, 64), "5_1": (64, 32)}
    widths |= {"5_2": (32, 32)}
    layers = {f"conv{n}": torch.nn.Conv2d(*io, 3) for n, io in widths.items()}
    layers |= {"upv4": torch.nn.ConvTranspose2d(128, 64, 2, 2)}
    layers |= {
        "upv5": torch.nn.ConvTranspose2d(64, 32, 2, 2),
        "conv6_1": torch.nn.Conv2d(32, 12, 1),
    }
    return {f"{n}.{k}": v for n, layer in layers.items() for k, v in layer.state_dict().items()}


def test_the_crvd_network_loads_by_its_published_names(tmp_path):
    path = tmp_path / "isp.pth"
    torch.save({"state_dict": published_state()}, path)
    shown = load_isp(path).show(torch.rand(1, 4, 10, 14))
    assert shown.shape == (1, 3, 20, 28)
    assert 0 <= shown.min() <= shown.max() <= 1


@pytest.mark.parametrize("content", [b"", b"no weights", None])
def test_other_weights_are_refused(tmp_path, content):
    path = tmp_path / "isp.pth"
    if content is None:
        torch.save({"state_dict": {"conv1_1.weight": torch.zeros(1)}}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match="isp"):
        load_isp(path)


def test_crvd_levels_make_nominal_noise():
    noise = crvd_noise(25600)
    assert noise.gain * 3855 == pytest.approx(52.032536)
    assert (noise.read * 3855) ** 2 == pytest.approx(1819.818657)
    assert np.array_equal(crvd_mosaic().span, [3855.0] * 4)
