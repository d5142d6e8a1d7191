"""Parts in any order, joined, are the run in one piece: byte for byte, for every kind of file."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from parts_samples import (
    FAST,
    content,
    make_and_join,
    noisy_frames,
    prepare,
    step,
    write_kind,
    write_npy,
)

from f2r.config import DenoiseConfig
from f2r.io.array import ArrayReader
from f2r.method.networks import load_networks
from f2r.noise.blocks import Limits
from f2r.noise.models import Gaussian
from f2r.quality.estimated_errors import Output
from f2r.run.decide import PlaneDecision
from f2r.run.infer import denoise_frames, frames_before
from f2r.run.parts.part import Part, parts_of
from f2r.run.setup import set_up

KINDS = ["mkv", "mp4", "tif", "png", "raw"]


@pytest.mark.parametrize("total", [1, 7, 24, 1000])
@pytest.mark.parametrize("count", [1, 3, 7, 30])
def test_every_frame_is_in_exactly_one_part(total, count):
    frames = [i for part in parts_of(count) for i in part.frames(total)]
    assert frames == list(range(total))
    sizes = {len(part.frames(total)) for part in parts_of(count)}
    assert max(sizes) - min(sizes) <= 1
    assert Part.parse(f"{count}/{count}") == parts_of(count)[-1]


@pytest.fixture(scope="module")
def flickering():
    """Twenty frames whose exposure alternates, with their run in one piece."""
    frames = noisy_frames(count=20).astype(np.float32) / 255
    frames *= np.where(np.arange(20) % 2, 0.8, 1.1)[:, None, None, None].astype(np.float32)
    return frames


def test_a_decision_is_read_as_it_was_written():
    decision = PlaneDecision(
        0.5, Gaussian(0.08), Limits(0.0, 1.0), Output.REFINED, 0.2, 0.1, True, (0.02, 0.05, 0.01)
    )
    assert PlaneDecision.from_dict(json.loads(json.dumps(decision.to_dict()))) == decision
    older = decision.to_dict()
    del older["shifts"]
    assert PlaneDecision.from_dict(older) == replace(decision, shifts=())


@pytest.mark.parametrize("matches", [False, True])
def test_the_frames_around_a_part_are_enough_and_needed(flickering, matches):
    decision = PlaneDecision(
        1.0, Gaussian(0.08), Limits(0.0, 1.0), Output.REFINED, 0.2, 0.1, matches_exposure=matches
    )
    reader = ArrayReader(flickering)
    setup = set_up(reader.info, Gaussian(0.08), DenoiseConfig(preset="fast"))
    networks = load_networks(None, torch.device("cpu"))
    work = [decision], networks, setup
    whole = [result.denoised for result in denoise_frames(reader, *work)]
    reach = frames_before([decision], networks)
    for start in (3, 12, 14, 19):
        first = max(start - reach, 0)
        part = denoise_frames(reader.starting_at(first), *work, start, first)
        assert all(map(np.array_equal, [r.denoised for r in part], whole[start:]))
    flickering = flickering.copy()
    flickering[19 - reach, ::2] *= 0.5
    changed = denoise_frames(ArrayReader(flickering).starting_at(19 - reach), *work, 19, 19 - reach)
    assert not np.array_equal(next(changed).denoised, whole[19])


@pytest.mark.parametrize("kind", KINDS)
def test_three_parts_make_the_whole(tmp_path, kind):
    source, name = write_kind(tmp_path, kind)
    whole = tmp_path / f"whole-{name}"
    prepare(source, tmp_path / name, FAST, whole)
    make_and_join(source, tmp_path / name, FAST, 3)
    assert content(tmp_path / name) == content(whole)
    assert content(tmp_path / f"{name}.png") == content(tmp_path / f"whole-{name}.png")
    assert not (tmp_path / f"{name}.run").exists()
    assert not (tmp_path / f".{name}.f2r").exists()
    mine, theirs = (
        json.loads((tmp_path / f"{n}.json").read_text()) for n in (name, f"whole-{name}")
    )
    changing = {"output", "seconds", "environment"}
    assert mine.pop("parts")["count"] == 3
    assert {k: v for k, v in mine.items() if k not in changing} == {
        k: v for k, v in theirs.items() if k not in changing
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [("--preset", "fast"), ("--preset", "balanced", "--steps", "4")]
)
@pytest.mark.parametrize("kind", KINDS)
def test_seven_parts_make_the_whole_with_estimated_noise_and_training(tmp_path, kind, options):
    source, name = write_kind(tmp_path, kind, count=18, height=40, width=48)
    whole = tmp_path / f"whole-{name}"
    assert step(source, whole, options) == 0
    assert step(source, tmp_path / name, options, "--prepare-only") == 0
    make_and_join(source, tmp_path / name, options, 7, seed=len(options))
    assert content(tmp_path / name) == content(whole)


def test_more_parts_than_frames_make_the_whole(tmp_path):
    source = write_npy(tmp_path / "in.npy", count=3)
    prepare(source, tmp_path / "out.npy", FAST, tmp_path / "whole.npy")
    make_and_join(source, tmp_path / "out.npy", FAST, 5)
    assert content(tmp_path / "out.npy") == content(tmp_path / "whole.npy")


def test_nan_comes_back_in_every_part(tmp_path):
    frames = noisy_frames(count=9)[..., 0].astype(np.float32) / 255
    frames[:, :2] = np.nan
    frames[5] = np.nan
    np.save(tmp_path / "in.npy", frames)
    prepare(tmp_path / "in.npy", tmp_path / "out.npy", FAST, tmp_path / "whole.npy")
    make_and_join(tmp_path / "in.npy", tmp_path / "out.npy", FAST, 3)
    assert content(tmp_path / "out.npy") == content(tmp_path / "whole.npy")
    assert np.isnan(np.load(tmp_path / "out.npy")[5]).all()


def test_a_clip_without_noise_is_copied_by_the_join(tmp_path, capsys):
    clean = np.full((6, 64, 64, 3), 90, np.uint8)
    np.save(tmp_path / "in.npy", clean)
    names, options = (tmp_path / "in.npy", tmp_path / "out.npy"), ("--preset", "fast")
    assert step(*names, options, "--prepare-only") == 0
    make_and_join(*names, options, 2)
    assert "nothing to do for parts" in capsys.readouterr().err
    assert np.array_equal(np.load(tmp_path / "out.npy"), clean)
    assert json.loads((tmp_path / "out.npy.json").read_text())["copied"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A clip, prepared; with its run in one piece."""
    folder = tmp_path_factory.mktemp("prepared")
    source = write_npy(folder / "in.npy")
    assert step(source, folder / "whole.npy", FAST) == 0
    assert step(source, folder / "out.npy", FAST, "--prepare-only") == 0
    return folder


def copied(folder, tmp_path):
    work = tmp_path / "work"
    shutil.copytree(folder, work)
    return work


def make(work, part, *options):
    return step(work / "in.npy", work / "out.npy", FAST, "--part", part, *options)


def join(work, *options):
    return step(work / "in.npy", work / "out.npy", FAST, "--join", *options)


@pytest.fixture
def work(prepared, tmp_path):
    return copied(prepared, tmp_path)


def spool_of(work, part):
    (path,) = (work / "out.npy.run" / "parts").glob(f"{part}.*.spool")
    return path


def test_an_interrupted_part_goes_on_after_its_last_frame(work, capsys):
    assert make(work, "2/2") == 0
    seal, spool = work / "out.npy.run/parts/00002-of-00002.json", spool_of(work, "00002-of-00002")
    seal.unlink()
    os.truncate(spool, spool.stat().st_size * 2 // 3)
    assert make(work, "2/2") == 0
    assert "going on after frame" in capsys.readouterr().err
    assert make(work, "1/2") == 0
    assert join(work) == 0
    assert content(work / "out.npy") == content(work / "whole.npy")


def test_a_finished_part_is_left_and_a_damaged_one_is_made_again(work, capsys):
    assert make(work, "1/2") == 0
    assert make(work, "2/2") == 0
    spool = spool_of(work, "00001-of-00002")
    data = bytearray(spool.read_bytes())
    before = spool.stat().st_mtime_ns
    assert make(work, "1/2") == 0
    assert "part 1/2 is finished" in capsys.readouterr().err
    assert spool.stat().st_mtime_ns == before
    data[len(data) // 2] ^= 1
    spool.write_bytes(data)
    assert join(work) == 2
    assert "part 1/2 is damaged" in capsys.readouterr().err
    assert make(work, "1/2") == 0
    assert join(work) == 0
    assert content(work / "out.npy") == content(work / "whole.npy")


def test_a_prepared_folder_can_be_finished_in_one_piece(work):
    assert step(work / "in.npy", work / "out.npy", FAST, "--resume") == 0
    assert content(work / "out.npy") == content(work / "whole.npy")
    assert not (work / "out.npy.run").exists()


def test_a_join_that_was_interrupted_can_be_repeated(work):
    assert make(work, "1/1") == 0
    (work / "out.npy.json").mkdir()
    assert join(work) == 2
    assert (work / "out.npy.run").exists()
    (work / "out.npy.json").rmdir()
    assert join(work) == 0
    assert content(work / "out.npy") == content(work / "whole.npy")
