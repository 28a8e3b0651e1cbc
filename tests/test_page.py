"""The page of a run: one file without a network, looked at in a real browser where there is one."""

import json
import re
import shutil
from html.parser import HTMLParser

import pytest

import zskt
from players import zskt as command
from zskt.methods.noise import Noise

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
TEACHER = "src/zskt/assets/digits-teacher.safetensors"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two short runs that differ in their seed."""
    made = []
    for seed in (0, 1):
        out = tmp_path_factory.mktemp("page") / f"run-{seed}"
        run = zskt.Run(rounds=6, seed=seed, record_every=1, device="cpu")
        zskt.distill(
            TEACHER, "wrn-10-1", method=Noise(batch_size=16, student_steps=2), run=run, out=out,
            data="digits", progress=False,
        )  # fmt: skip
        made.append(out)
    return made


def data_of(page):
    """What the page tells other tools."""
    island = re.search(r'id="zskt-report">(.*?)</script>', page.read_text(), re.DOTALL)
    return json.loads(island[1])["runs"]


def test_a_run_leaves_its_page_and_the_page_its_numbers(runs):
    page = runs[0] / "report.html"
    (data,) = data_of(page)
    rows = [json.loads(line) for line in (runs[0] / "metrics.jsonl").read_text().splitlines()]
    assert data["metrics"]["student_loss"] == [row["student_loss"] for row in rows]
    assert data["networks"] == json.loads((runs[0] / "evaluation.json").read_text())["rows"]
    assert data["finished"]
    assert data["changed"]["rounds"] == 6
    assert data["changed"]["student_steps"] == 2
    assert data["settings"]["save_seconds"] == 60.0
    assert page.stat().st_size < 3_000_000


def test_each_image_has_what_both_networks_said_of_it(runs):
    (data,) = data_of(runs[0] / "report.html")
    assert [sample["round"] for sample in data["samples"]][:1] == [1]
    for sample in data["samples"]:
        assert sample["count"] == 16
        for role in ("teacher", "student"):
            assert len(sample["said"][role]) == 16
            assert all(0 <= label < 10 and 0.1 <= sure <= 1 for label, sure in sample["said"][role])


def test_training_leaves_a_page_too(tmp_path):
    recipe = zskt.Recipe(epochs=2)
    zskt.train("wrn-10-1", data="digits", recipe=recipe, out=tmp_path / "run", progress=False)
    (data,) = data_of(tmp_path / "run" / "report.html")
    assert (data["kind"], data["student"], data["finished"]) == ("train", "wrn-10-1", True)
    assert data["metrics"]["epoch"] == [1, 2]


class Addresses(HTMLParser):
    """Everything that an element would load."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name in ("src", "href", "srcset")]


def test_nothing_in_the_page_leads_anywhere(runs):
    addresses = Addresses()
    addresses.feed((runs[0] / "report.html").read_text())
    assert addresses.found == ["data:,"]


def test_what_a_folder_holds_cannot_end_the_script(runs, tmp_path):
    hostile = tmp_path / "run"
    shutil.copytree(runs[0], hostile)
    settings = json.loads((hostile / "settings.json").read_text())
    settings["student"] = "</script><script>alert(1)</script>"
    (hostile / "settings.json").write_text(json.dumps(settings))
    page = zskt.report(hostile).file.read_text()
    assert "<script>alert(1)" not in page
    assert page.count("</script>") == 2


def test_runs_beside_each_other(runs, tmp_path, capsys):
    page = tmp_path / "new" / "both.html"
    assert command("report", *runs, "--out", page) == 0
    assert capsys.readouterr().out.strip() == str(page)
    assert [run["name"] for run in data_of(page)] == ["run-0", "run-1"]
    alike = tmp_path / "other" / "run-0"
    shutil.copytree(runs[0], alike)
    for given, names in (
        ((runs[0], alike), [f"{runs[0].parent.name}/run-0", "other/run-0"]),
        ((alike, alike), ["run-0 (1)", "run-0 (2)"]),
    ):
        zskt.report(given, out=page)
        assert [run["name"] for run in data_of(page)] == names


def test_a_run_that_goes_on_is_watched_until_its_end(runs, tmp_path, monkeypatch, capsys):
    going = tmp_path / "run"
    shutil.copytree(runs[0], going)
    (going / "result.json").unlink()
    assert command("report", going) == 0
    assert "is not finished" in capsys.readouterr().out
    assert 'http-equiv="refresh"' not in (going / "report.html").read_text()
    pages = []

    def sleep(seconds):
        pages.append((going / "report.html").read_text())
        shutil.copy(runs[0] / "result.json", going)

    monkeypatch.setattr("time.sleep", sleep)
    assert zskt.report(going, watch=True, progress=False).finished
    assert ['http-equiv="refresh"' in page for page in pages] == [True]
    assert 'http-equiv="refresh"' not in (going / "report.html").read_text()


@pytest.mark.parametrize("given", ["nowhere", "pyproject.toml"])
def test_what_is_no_run_is_refused(given, capsys):
    assert command("report", given) == 2
    assert "holds no run; give the folder of one" in capsys.readouterr().err


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """Opens a page from the disk; afterwards nothing may have been asked for or complained of."""
    complaints, contexts = [], []

    def open_page(file, width=1440, scheme="light"):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: complaints.append(asked.url))
        page.goto(f"file://{file}")
        complaints[:] = [
            each for each in complaints if not each.startswith(("data:", f"file://{file}"))
        ]
        page.wait_for_selector("canvas")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("several", [False, True])
def test_the_page_fits_and_everybody_can_use_it(opened, runs, tmp_path, width, scheme, several):
    from axe_playwright_python.sync_playwright import Axe

    file = runs[0] / "report.html"
    if several:
        file = zskt.report(runs, out=tmp_path / "both.html").file
    page = opened(file, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    violations = Axe().run(page).response["violations"]
    grave = [each for each in violations if each["impact"] in ("serious", "critical")]
    assert grave == []


def test_the_slider_and_the_legend_answer(opened, runs):
    page = opened(runs[0] / "report.html")
    before = page.locator(".tiles .tile").first.get_attribute("style")
    assert re.match(r"T: \d \d+ %", page.locator(".tiles figcaption div").first.inner_text())
    page.locator("#when").fill("0")
    assert page.locator(".tiles .tile").first.get_attribute("style") != before
    assert page.locator("output[for=when]").inner_text() == "round 1"
    chart = page.locator(".chart", has_text="Confidence on the images made")
    picture = chart.locator("canvas").screenshot()
    chart.get_by_role("checkbox", name="teacher confidence").uncheck()
    page.mouse.move(0, 0)
    page.wait_for_timeout(100)
    assert chart.locator("canvas").screenshot() != picture


def test_the_pointer_gets_a_value_and_a_click_a_link(opened, runs):
    from playwright.sync_api import expect

    page = opened(runs[0] / "report.html")
    chart = page.locator(".chart", has_text="Losses")
    value = chart.locator("output")
    last = value.inner_text()
    box = chart.locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 30)
    # The page draws in its own time: wait for what must come.
    expect(value).not_to_have_text(last)
    page.mouse.click(box["x"] + 3, box["y"] + 30)
    page.wait_for_url("**#round=1")
    expect(page.locator("output[for=when]")).to_have_text("round 1")
    page.get_by_role("button", name="over minutes").click()
    assert "minutes" in page.get_by_role("button", pressed=True).inner_text()


def test_losses_below_zero_are_drawn_too(opened, runs, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(runs[0], run)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    lines = [json.dumps(row | {"generator_loss": -float(row["round"])}) for row in rows]
    (run / "metrics.jsonl").write_text("\n".join(lines))
    page = opened(zskt.report(run).file)
    legend = page.locator(".chart", has_text="Losses").locator("li", has_text="generator loss")
    assert legend.locator("output").inner_text() == str(-rows[-1]["round"])
