"""A film grain table gives back the noise that was removed: strength by level, correlation."""

import shutil
import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest
from grain_player import play, read_table

from f2r.cli.main import main
from f2r.io import open_writer
from f2r.io.clip import ClipInfo
from f2r.noise.grain.fit import fit_grain
from f2r.noise.grain.measure import GrainMeasure
from f2r.noise.grain.table import Scene, grain_table
from synthetic import moving_clip

HEIGHT, WIDTH = 192, 256
RAMP = np.tile(np.linspace(40, 210, WIDTH), (HEIGHT, 1)).astype(np.float32)
GREY = np.full((HEIGHT // 2, WIDTH // 2), 128, np.float32)


def field(generator, shape, blur):
    """Make noise of standard deviation 1; neighbours are correlated by `blur` in [0, 1)."""
    noise = generator.standard_normal((shape[0] + 2, shape[1] + 2))
    for axis in (0, 1):
        noise = noise + blur * (np.roll(noise, 1, axis) + np.roll(noise, -1, axis))
    noise = noise[1:-1, 1:-1]
    return (noise / noise.std()).astype(np.float32)


def deviation(luma):
    return 2 + 4 * np.sqrt(luma / 255)


def noise_of(generator, blur):
    """Make luma and chroma noise that grows with the level; Cb shares some of the luma's."""
    luma = deviation(RAMP) * field(generator, RAMP.shape, blur)
    half = deviation(RAMP)[::2, ::2]
    shared = luma.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean((1, 3))
    blue = 0.5 * half * field(generator, half.shape, blur) + 0.3 * shared
    red = 0.4 * half * field(generator, half.shape, blur)
    return [luma, blue.astype(np.float32), red.astype(np.float32)]


def measured(blur, frames=6):
    """Give the table for such noise, and the noise."""
    generator, measure, seen = np.random.default_rng(0), GrainMeasure(), []
    clean = [RAMP, GREY, GREY]
    for _ in range(frames):
        noise = noise_of(generator, blur)
        measure.add([c + n for c, n in zip(clean, noise, strict=True)], clean)
        seen.append(noise)
    return grain_table([Scene(0, fit_grain(measure))]), seen


def by_level(planes):
    """Give the variance in eight columns."""
    columns = np.split(np.stack(planes), 8, axis=2)
    return np.array([column.var() for column in columns])


def neighbours(planes):
    """Give the correlation across and down."""
    clip = np.stack(planes)
    clip = clip / clip.std(axis=(0, 1))
    across, down = clip[:, :, 1:] * clip[:, :, :-1], clip[:, 1:] * clip[:, :-1]
    return np.array([across.mean(), down.mean()])


@pytest.mark.parametrize("blur", [0.0, 0.25, 0.6])
def test_played_luma_has_the_variance_and_correlation_of_the_noise(blur):
    table, noise = measured(blur)
    entry = read_table(table)[0]
    generator = np.random.default_rng(1)
    played = [play(entry, RAMP, generator) for _ in range(6)]
    original = [planes[0] for planes in noise]
    assert by_level(played) == pytest.approx(by_level(original), rel=0.2)
    assert neighbours(played) == pytest.approx(neighbours(original), abs=0.1)


COMMANDS = {
    "aomenc": "--film-grain-table=grain.tbl --cpu-used=8 -q --end-usage=q --cq-level=4 "
    "--lag-in-frames=0 -o ramp.webm ramp.y4m",
    "SvtAv1EncApp": "--fgs-table grain.tbl --preset 8 --crf 4 --lp 1 --keyint 1 -b ramp.webm "
    "-i ramp.y4m",
}
"""Encoders that take a table, and how."""


def takes_tables(encoder):
    if shutil.which(encoder) is None:
        return False
    found = subprocess.run([encoder, "--help"], capture_output=True, text=True, check=False)
    return COMMANDS[encoder].split()[0].split("=")[0] in found.stdout + found.stderr


@pytest.mark.parametrize("encoder", COMMANDS)
@pytest.mark.parametrize("blur", [0.0, 0.6])
def test_a_real_encoder_and_decoder_give_the_noise_back(encoder, blur, tmp_path):
    if not takes_tables(encoder):
        pytest.skip(f"needs {encoder} with film grain tables")
    table, noise = measured(blur)
    decoded = encoded_with_grain(encoder, table, 6, tmp_path)
    for k in range(3):
        original, back = ([planes[k] for planes in clip] for clip in (noise, decoded))
        assert by_level(back) == pytest.approx(by_level(original), rel=0.2)
        assert neighbours(back) == pytest.approx(neighbours(original), abs=0.1)


def encoded_with_grain(encoder, table, frames, folder):
    """Encode the ramp with a table; give the decoded grain."""
    (folder / "grain.tbl").write_text(table)
    planes = [RAMP.round().astype(np.uint8), *[GREY.astype(np.uint8)] * 2]
    frame = b"FRAME\n" + b"".join(plane.tobytes() for plane in planes)
    head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 Ip A1:1 C420jpeg\n".encode()
    (folder / "ramp.y4m").write_bytes(head + frames * frame)
    command = [encoder, *COMMANDS[encoder].split()]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    with av.open(str(folder / "ramp.webm")) as video:
        found = [picture.to_ndarray().astype(float) for picture in video.decode(video=0)]
    quarter = HEIGHT // 4
    return [
        [
            picture[:HEIGHT] - RAMP.round(),
            picture[HEIGHT : HEIGHT + quarter].reshape(GREY.shape) - 128,
            picture[HEIGHT + quarter :].reshape(GREY.shape) - 128,
        ]
        for picture in found
    ]


def write_video(path, frames):
    info = ClipInfo(len(frames), *frames[0].shape[:2], 3, True, 8, "uint8", 255.0, fps=Fraction(10))
    with open_writer(path, info) as writer:
        for frame in frames:
            writer.write(frame)


def noisy_scenes(folder, sigmas, length=8, size=(96, 128)):
    """Write clean and noisy scenes of one length."""
    generator, clean, noisy = np.random.default_rng(0), [], []
    for k, sigma in enumerate(sigmas):
        scene = moving_clip(length, *size, speed=1, seed=k).permute(0, 2, 3, 1).numpy()
        scene = scene if k % 2 == 0 else 1 - 0.6 * scene
        clean += list(scene)
        noisy += [f + np.float32(sigma) * field3(generator, f.shape) for f in scene]
    write_video(folder / "clean.mkv", clean)
    write_video(folder / "noisy.mkv", noisy)
    return folder / "noisy.mkv"


def field3(generator, shape):
    return generator.standard_normal(shape, dtype=np.float32)


def luma_sigma(entry):
    generator, level = np.random.default_rng(2), np.full((96, 128), 128.0)
    return np.std([play(entry, level, generator) for _ in range(4)])


def test_denoise_writes_a_table_that_gives_back_the_noise(tmp_path):
    noisy, table = noisy_scenes(tmp_path, [0.08], 6, (64, 96)), tmp_path / "night.tbl"
    command = ["denoise", str(noisy), "--preset", "fast", "--sigma", "20.4"]
    command += ["--grain-table", str(table)]
    assert main(command) == 0
    (entry,) = read_table(table.read_text())
    assert (entry.start, entry.end, entry.applies) == (0, 2**63 - 1, True)
    weights = np.array([0.299, 0.587, 0.114])  # untagged and small: BT.601, limited range
    expected = 0.08 * 219 * np.sqrt((weights**2).sum())
    assert luma_sigma(entry) == pytest.approx(expected, rel=0.15)


def test_each_scene_has_its_own_grain(tmp_path):
    noisy, table = noisy_scenes(tmp_path, [0.03, 0.09, 0.03]), tmp_path / "night.tbl"
    clean = tmp_path / "clean.mkv"
    assert main(["grain", str(noisy), str(clean), "-o", str(table)]) == 0
    entries = read_table(table.read_text())
    assert [entry.start for entry in entries] == [0, 8_000_000, 16_000_000]
    assert [entry.end for entry in entries][:2] == [8_000_000, 16_000_000]
    first, second, third = (luma_sigma(entry) for entry in entries)
    assert second == pytest.approx(3 * first, rel=0.15)
    assert third == pytest.approx(first, rel=0.15)


def test_a_clip_without_noise_has_no_grain(tmp_path):
    noisy_scenes(tmp_path, [0.05])
    clean, table = str(tmp_path / "clean.mkv"), tmp_path / "none.tbl"
    assert main(["grain", clean, clean, "-o", str(table)]) == 0
    assert [entry.applies for entry in read_table(table.read_text())] == [False]


def test_what_cannot_be_compared_is_refused_in_one_line(tmp_path, capsys):
    noisy = str(noisy_scenes(tmp_path, [0.05]))
    np.save(tmp_path / "short.npy", np.zeros((3, 96, 128, 3), np.float32))
    np.save(tmp_path / "small.npy", np.zeros((8, 48, 64, 3), np.float32))
    np.save(tmp_path / "many.npy", np.zeros((8, 96, 128, 4), np.float32))
    table = tmp_path / "a.tbl"
    for other, words in (("short", "length"), ("small", "differ"), ("many", "channels")):
        assert main(["grain", noisy, str(tmp_path / f"{other}.npy"), "-o", str(table)]) == 2
        said = capsys.readouterr().err.strip()
        assert words in said.splitlines()[-1]
    assert not table.exists()
    table.write_text("mine")
    command = ["denoise", noisy, "--preset", "fast", "--grain-table", str(table)]
    assert main(command) == 2
    assert "exists" in capsys.readouterr().err
    assert table.read_text() == "mine"
    assert main(["denoise", noisy, "-o", "-", "--grain-table", str(tmp_path / "b.tbl")]) == 2
    assert main(["denoise", noisy, noisy, "--grain-table", str(tmp_path / "b.tbl")]) == 2
