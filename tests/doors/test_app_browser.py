"""The page in a real browser: upload, preview, slider, run, download; nothing asked elsewhere."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from test_app import video  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow
PATIENCE = 300
"""Seconds that the page may take for one step."""
RECEIVED = "Network.responseReceived"


@pytest.fixture
def address():
    pytest.importorskip("gradio", reason="needs the extra [app]")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "f2r", "app", "--port", str(port), "--no-browser"]
    with subprocess.Popen(command) as server:
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
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage"):
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


def test_upload_preview_slider_run_download(address, browser, video):  # noqa: F811
    def find(selector):
        return browser.find_elements("css selector", selector)

    def text(name):
        return find(f"#{name} textarea")[0].get_attribute("value")

    def pictures():
        return [image.get_attribute("src") for image in find("#slider img")]

    browser.get(address)
    wait_for(lambda: find("#file input[type=file]"))[0].send_keys(str(video))
    wait_for(lambda: "Gaussian noise" in text("said"))
    wait_for(lambda: len(pictures()) >= 2)
    before = pictures()
    number = find("#luma input[type=number]")[0]
    number.clear()
    number.send_keys("0.3\t")
    wait_for(lambda: pictures() != before)
    find("#run")[0].click()
    wait_for(lambda: "done in" in text("state"))
    assert wait_for(lambda: find("#result a"))[0].get_attribute("href").endswith(".f2r.mkv")
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    answers = [e["params"]["response"]["url"] for e in events if e["method"] == RECEIVED]
    assert answers
    assert not [url for url in answers if not url.startswith((address, "data:", "blob:"))]
