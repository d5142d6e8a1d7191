"""The page in a real browser: upload, preview, run, play, download; nothing asked elsewhere."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from urllib.request import urlopen

import pytest
from test_app import FAST, Stopping, video  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow
PATIENCE = 300
"""Seconds that the page may take for one step."""
RECEIVED = "Network.responseReceived"


@pytest.fixture
def address(tmp_path):
    pytest.importorskip("gradio", reason="needs the extra [app]")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "f2r", "app", "--port", str(port), "--no-browser"]
    places = os.environ | {"GRADIO_TEMP_DIR": str(tmp_path / "uploads")}
    with subprocess.Popen(command, env=places) as server:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
        server.send_signal(signal.SIGINT)


@pytest.fixture
def browser():
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("needs chromium and chromedriver")
    options = webdriver.ChromeOptions()
    for argument in (
        "headless=new",
        "no-sandbox",
        "disable-dev-shm-usage",
        "window-size=1200,1400",
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


def wait_for(look):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if found := look():
                return found
        except Exception:
            pass
        time.sleep(0.2)
    raise AssertionError("the page has not changed")


class Page:
    """The page as a user sees it."""

    def __init__(self, browser, address):
        self.browser, self.address = browser, address
        browser.get(address)

    def find(self, selector):
        return self.browser.find_elements("css selector", selector)

    def text(self, selector):
        return self.find(selector)[0].text

    def drop(self, path):
        wait_for(lambda: self.find("#file input[type=file]"))[0].send_keys(str(path))

    def pictures(self):
        return [image.get_attribute("src") for image in self.find("#slider img")]

    def press(self, selector):
        wait_for(lambda: self.find(selector))[0].click()

    def times(self):
        script = "return [...document.querySelectorAll('#players video')].map(v => v.currentTime)"
        return self.browser.execute_script(script)

    def answers(self):
        log = self.browser.get_log("performance")
        events = [json.loads(entry["message"])["message"] for entry in log]
        return [e["params"]["response"]["url"] for e in events if e["method"] == RECEIVED]


def test_upload_preview_run_play_download(address, browser, video):  # noqa: F811
    page = Page(browser, address)
    page.drop(video)
    wait_for(lambda: "Gaussian noise" in page.text("#findings"))
    wait_for(lambda: page.find("#chart img"))
    wait_for(lambda: len(page.pictures()) >= 2)
    wait_for(lambda: page.text("#preset").count("about") == 4)
    before = page.pictures()
    number = page.find("#luma input[type=number]")[0]
    number.clear()
    number.send_keys("0.3\t")
    wait_for(lambda: page.pictures() != before)
    page.press("#run")
    wait_for(lambda: "left" in page.text("#runs"))
    browser.get("about:blank")  # a closed page ends no run
    page = Page(browser, address)
    wait_for(lambda: "done in" in page.text("#runs"))
    assert "luma 0.3, chroma 1" in page.text("#runs")
    wait_for(lambda: len(page.find("#players video")) == 2)
    wait_for(lambda: browser.execute_script("document.querySelector('#players video').play()") or 1)
    wait_for(lambda: min(page.times()) > 0)
    link = page.find("#runs a.download")[0].get_attribute("href")
    assert link.endswith("night.f2r.mkv")
    with urlopen(link) as answer:
        assert answer.read(4) == b"\x1aE\xdf\xa3"
    answers = page.answers()
    assert answers
    assert not [url for url in answers if not url.startswith((address, "data:", "blob:", "about:"))]


def test_what_is_no_video_is_said_and_an_interrupted_run_is_offered(
    address,
    browser,
    video,  # noqa: F811
    tmp_path,
):
    letter = tmp_path / "letter.mp4"
    letter.write_text("Dear reader")
    page = Page(browser, address)
    page.drop(letter)
    wait_for(lambda: "cannot be read as video" in page.text("body"))
    Stopping(video, FAST).work(tmp_path)
    page = Page(browser, address)
    wait_for(lambda: page.find("#name input, #name textarea"))[0].send_keys(f"{video}\n")
    wait_for(lambda: "Go on with the interrupted run" in page.text("#run"))
    assert "Start again" in page.text("#again")
    page.press("#run")
    wait_for(lambda: "done in" in page.text("#runs"))
    assert page.text("#run") == "Denoise the clip"
