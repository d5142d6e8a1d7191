import numpy as np
import pytest

from f2r.errors import InputError
from f2r.io.images.picture import write_picture
from f2r_bench.clips.datasets import SET8, Clip, find_dataset, read_clip


def make_clip(folder, numbers=range(3), size=(16, 20), channels=3):
    folder.mkdir(parents=True, exist_ok=True)
    for i in numbers:
        pixels = np.full((*size, channels), i % 256, np.uint8)
        write_picture(folder / f"{i:05d}.png", pixels)
    return folder


def names(dataset):
    return [clip.name for clip in dataset.clips]


def test_set8_is_found_in_the_folders_of_its_two_sources(tmp_path):
    for i, name in enumerate(SET8):
        make_clip(tmp_path / ("derf_540p_N" if i % 2 else "gopro_540p") / name)
    make_clip(tmp_path / "gopro_540p" / "extra")
    found = find_dataset(tmp_path)
    assert found.name == "Set8"
    assert names(found) == sorted(SET8)


def test_davis_takes_the_clips_of_its_list(tmp_path):
    for name in ("aerobatics", "carousel", "other"):
        make_clip(tmp_path / "JPEGImages" / "480p" / name)
    make_clip(tmp_path / "Annotations" / "480p" / "aerobatics")
    listed = tmp_path / "ImageSets" / "2017" / "test-dev.txt"
    listed.parent.mkdir(parents=True)
    listed.write_text("carousel\naerobatics\n")
    found = find_dataset(tmp_path)
    assert (found.name, names(found)) == ("DAVIS 2017 test-dev", ["aerobatics", "carousel"])
    listed.write_text("carousel\nabsent\n")
    with pytest.raises(InputError, match="'absent' is missing"):
        find_dataset(tmp_path)


def test_folders_and_files_may_be_mixed_and_chosen(tmp_path):
    make_clip(tmp_path / "walk")
    np.save(tmp_path / "run.npy", np.zeros((3, 16, 20, 3), np.uint8))
    (tmp_path / "notes.txt").write_text("")
    assert names(find_dataset(tmp_path)) == ["run", "walk"]
    assert names(find_dataset(tmp_path, ["walk"])) == ["walk"]
    assert names(find_dataset(tmp_path / "walk")) == ["walk"]
    with pytest.raises(InputError, match="no clip 'fly': choose among run, walk"):
        find_dataset(tmp_path, ["fly"])


def test_frames_are_capped_and_nominal(tmp_path):
    folder = make_clip(tmp_path / "walk", range(6))
    clip = read_clip(Clip("walk", folder), 4)
    assert clip.shape == (4, 3, 16, 20)
    assert clip[3, 0, 0, 0].item() == pytest.approx(3 / 255)


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [((0, 1, 3, 4), "frame 2 is missing"), ((10, 12, 16), "frame 14 is missing")],
)
def test_missing_frames_are_named(tmp_path, numbers, missing):
    make_clip(tmp_path / "walk", numbers)
    with pytest.raises(InputError, match=missing):
        find_dataset(tmp_path)


def test_a_clip_that_leaves_numbers_out_regularly_is_whole(tmp_path):
    make_clip(tmp_path / "walk", (1, 3, 5, 7))
    assert names(find_dataset(tmp_path)) == ["walk"]


def test_what_holds_no_clips_is_refused(tmp_path):
    for root in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match=r"no clips|no such folder"):
            find_dataset(root)


def test_clips_are_grey_or_in_colour(tmp_path):
    folder = make_clip(tmp_path / "grey", channels=1)
    assert read_clip(Clip("grey", folder)).shape[1] == 1
    np.save(tmp_path / "two.npy", np.zeros((3, 16, 16, 2), np.float32))
    with pytest.raises(InputError, match="has 2 channels"):
        read_clip(Clip("two", tmp_path / "two.npy"))


def test_two_clips_of_one_name_are_refused(tmp_path):
    make_clip(tmp_path / "a" / "walk")
    make_clip(tmp_path / "b" / "walk")
    with pytest.raises(InputError, match="two clips are called 'walk'"):
        find_dataset(tmp_path)
