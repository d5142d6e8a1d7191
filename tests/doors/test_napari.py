"""The widget of napari: measures a layer, denoises it, leaves scale and metadata."""

import os
import time

import numpy as np
import pytest

from f2r.config import DenoiseConfig
from f2r.errors import InputError
from f2r.napari.layer import LayerReader
from synthetic import moving_clip

PATIENCE = 300
"""Seconds that the widget may take for one step."""


@pytest.fixture(scope="module")
def stack():
    clean = moving_clip(8, 32, 40, speed=1)[:, 0].numpy()
    noise = np.random.default_rng(0).standard_normal(clean.shape, dtype=np.float32)
    return (4000 * (clean + 0.05 * noise)).clip(0, 65535).astype(np.uint16)


class OnDisk:
    """An array that counts what is read of it, as dask and Zarr compute it."""

    def __init__(self, array):
        self._array, self.read = array, []
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, index):
        self.read.append(index)
        return self._array[index]


def test_a_layer_on_disk_is_read_frame_by_frame(stack):
    data = OnDisk(np.stack([stack, stack], axis=1))
    reader = LayerReader(data, 0, is_colour=False)
    assert (reader.info.frames, reader.info.channels) == (8, 2)
    assert not data.read
    frame = next(reader.starting_at(5))
    assert {index[0] for index in data.read} == {5}
    assert frame[..., 1] == pytest.approx(stack[5] / 65535, abs=1e-6)


@pytest.mark.parametrize("axis", [0, 1])
def test_any_leading_axis_can_be_time(stack, axis):
    data = np.moveaxis(np.stack([stack, stack[::-1]]), 1, axis)
    reader = LayerReader(data, axis, is_colour=False)
    assert (reader.info.frames, reader.info.channels) == (8, 2)
    target = np.zeros_like(data)
    for number, frame in enumerate(reader):
        reader.put(frame, number, reader.info, target)
    assert np.array_equal(target, data)


def test_layers_without_time_are_refused():
    for shape, axis in (((40, 40), 0), ((2, 40, 40), 0), ((8, 40, 40), 1)):
        with pytest.raises(InputError, match="no time"):
            LayerReader(np.zeros(shape, np.uint8), axis, is_colour=False)
    with pytest.raises(InputError, match="three colours"):
        LayerReader(np.zeros((8, 40, 40, 4), np.uint8), 0, is_colour=True)


@pytest.fixture
def window():
    napari = pytest.importorskip("napari", reason="needs the extra [napari] and a Qt")
    if not os.environ.get("DISPLAY"):
        pytest.skip("needs a display with OpenGL, such as xvfb-run gives")
    from f2r.napari.widget import DenoiseWidget

    viewer = napari.Viewer(show=False)
    yield viewer, DenoiseWidget
    viewer.close()


def wait_for(condition):
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)
    assert condition()


def test_the_widget_gives_a_layer_with_the_frames_of_the_model(stack, window):
    import f2r

    viewer, make = window
    layer = viewer.add_image(stack, scale=(1, 0.2, 0.2), metadata={"stain": "GFP"}, name="cell")
    widget = make(viewer)
    widget.layer.reset_choices()
    widget.measure.clicked.emit(True)
    wait_for(lambda: widget.run.enabled and "grey" in widget.said.value)
    widget.run.clicked.emit(True)
    wait_for(lambda: "cell denoised" in viewer.layers)
    made = viewer.layers["cell denoised"]
    assert (tuple(made.scale), made.metadata) == (tuple(layer.scale), {"stain": "GFP"})
    assert made.data.dtype == stack.dtype
    expected = f2r.fit(stack, DenoiseConfig(preset="fast")).denoise(stack)
    assert np.array_equal(made.data, np.rint(65535 * expected).clip(0, 65535))


def test_the_widget_says_in_one_line_what_is_wrong(window):
    viewer, make = window
    viewer.add_image(np.zeros((40, 40), np.uint8))
    widget = make(viewer)
    widget.layer.reset_choices()
    widget.run.clicked.emit(True)
    assert "no time" in widget.said.value.replace("\n", " ")
    assert widget.run.enabled


def test_a_run_can_be_cancelled(stack, window):
    viewer, make = window
    viewer.add_image(np.concatenate([stack] * 4), name="long")
    widget = make(viewer)
    widget.layer.reset_choices()
    widget.run.clicked.emit(True)
    widget.cancel.clicked.emit(True)
    wait_for(lambda: widget.run.enabled)
    assert widget.said.value == "cancelled"
    assert list(viewer.layers) == [viewer.layers["long"]]
