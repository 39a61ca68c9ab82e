"""Opens the pages of ztilde in headless Chromium and looks at them.

usage: page_test.py ZTILDE SAMPLE_STUDY_PAGE

Pages are opened from disk and, of a run that goes on, from 127.0.0.1: no console message, every chart
drawn with all its marks, a hover on each, no request beyond the page, nothing wider than a phone, light
and dark; and the figures on the page equal those recomputed from `ztilde predict`.
"""

import csv
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

ZTILDE, SAMPLE_STUDY_PAGE = sys.argv[1:3]
IMAGES = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz"
LABELS = "/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz"
EVIL = "</script><img src=x onerror=alert(1)>"
WIDE, PHONE = 1280, 360
PATIENCE = 60  # seconds to wait for what must come

# Each chart: how many of its marks have a place on it, how many points its data have, how much is drawn.
CHARTS = """
return [...document.querySelectorAll('figure.chart canvas')].map(canvas => {
  const chart = Chart.getChart(canvas);
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let drawn = 0;
  for (let i = 3; i < pixels.length; i += 4) drawn += pixels[i] > 0;
  const sets = chart.data.datasets;
  return {
    title: canvas.closest('figure').querySelector('figcaption').textContent,
    alt: canvas.getAttribute('aria-label'),
    points: sets.reduce((sum, set) => sum + set.data.filter(p => p !== null && p.y !== null).length, 0),
    marks: sets.reduce((sum, set, i) => sum + chart.getDatasetMeta(i).data.filter(
        (e, j) => set.data[j] !== null && !e.skip && Number.isFinite(e.x) && Number.isFinite(e.y)).length, 0),
    drawn,
  };
});
"""

# Where the middle mark of a chart's first line is, from the middle of its canvas.
MARK = """
const chart = Chart.getChart(arguments[0]), all = chart.getDatasetMeta(0).data;
const mark = all[Math.floor(all.length / 2)].getCenterPoint(), box = arguments[0].getBoundingClientRect();
return {x: Math.round(mark.x - box.width / 2), y: Math.round(mark.y - box.height / 2)};
"""

# The lines of parallel coordinates: how many there are, whether all lie in the picture, and where on the screen the
# middle of the best one is, which is drawn last.
PARALLEL = """
const svg = document.querySelector('figure.parallel svg'), box = svg.getBoundingClientRect();
const lines = [...svg.querySelectorAll('path.line')], best = lines.at(-1);
const inside = lines.every(line => {
  const b = line.getBoundingClientRect();
  return b.width > 0 && b.left >= box.left && b.right <= box.right && b.top >= box.top && b.bottom <= box.bottom;
});
const place = best.getPointAtLength(best.getTotalLength() / 2);
const block = content.sections.flatMap(s => s.blocks).find(b => b.type === 'parallel');
return {lines: lines.length, asked: block.lines.length, inside, best: block.lines[0].name,
        upright: box.width > box.height, x: Math.round(place.x - box.width / 2), y: Math.round(place.y - box.height / 2)};
"""

# What stands along x of every chart of options.
TICKS = """
return [...document.querySelectorAll('#options canvas')].map(
    canvas => Chart.getChart(canvas).scales.x.ticks.map(tick => tick.label));
"""


def run(folder, *arguments):
    done = subprocess.run([ZTILDE, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"


def write_tables(folder):
    """Three clouds and a plane, with noise enough that nothing is perfect."""
    rng = random.Random(7)
    for name, rows, moved in (("train", 600, 0), ("valid", 300, 0), ("moved", 300, 4)):
        with open(f"{folder}/flowers-{name}.csv", "w", newline="") as file:
            table = csv.writer(file)
            table.writerow([EVIL, "width", "kind"])
            for r in range(rows):
                kind = r % 3
                table.writerow([moved + kind + rng.gauss(0, 0.6), rng.gauss(0, 0.6) - kind, ["a", EVIL, "c, d"][kind]])
        with open(f"{folder}/houses-{name}.csv", "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["a", "b", "price"])
            for r in range(rows):
                a, b = rng.gauss(0, 1), rng.gauss(0, 1)
                table.writerow([a, b, 100 + 30 * a - 20 * b + rng.gauss(0, 5)])


def write_full_log(folder):
    """What a log may have, of three batch norm layers, in numbers that are easy to see."""
    with open(f"{folder}/full.jsonl", "w") as file:
        for step in range(1, 121):
            share = step / 120
            line = {"step": step, "epoch": step // 10 + 1, "train_loss": 2 / step, "lr": 0.001,
                    "seconds": 0.1 * step, "rows_per_second": 1000 + 100 * math.sin(step)}
            if step % 10 == 0:
                line |= {"epoch": step // 10, "valid_loss": 2.1 / step, "valid_accuracy": share}
            line["norms"] = [{"layer": layer, "z": [-1 - share * layer, 0.1, 1 + share], "z_tilde": [-1, 0, 1],
                              "gamma": [0.5, 0.8, 1, 1.1, 1.5], "beta": [-0.4, -0.2, 0, 0.1, 0.3],
                              "dead": 0.1 * share, "saturated": 0.2 * share,
                              "mean_distance": [0.1, 0.4], "variance_ratio": [1.1, 1.9]} for layer in (2, 5, 8)]
            line["time"] = {"products": 3 * share, "normalisation": share, "data": 0.4, "optimiser": 0.3,
                            "other": 0.2}
            file.write(json.dumps(line) + "\n")
    run(folder, "report", "full.jsonl")


def start_browser(profile):
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def set_screen(browser, width, scheme):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia",
                            {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE})


def require_quiet(browser, allowed):
    """No message in the console, and no request for anything but what starts with `allowed`."""
    messages = browser.get_log("browser")
    assert not messages, messages
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] != "Network.requestWillBeSent":
            continue
        address = message["params"]["request"]["url"]
        assert address.startswith((allowed, "data:")), f"a request left the page: {address}"


def require_charts(browser, least):
    charts = browser.execute_script(CHARTS)
    assert len(charts) >= least, f"{len(charts)} charts instead of {least}"
    for chart in charts:
        assert chart["points"] > 0 and chart["marks"] == chart["points"], chart
        assert chart["drawn"] > 1000, chart
        assert chart["title"] and chart["alt"], chart


def require_no_sideways_scrolling(browser):
    wide, shown = browser.execute_script(
        "const e = document.documentElement; return [e.scrollWidth, e.clientWidth];")
    assert wide <= shown, f"the page is {wide} wide on a screen of {shown}"


def require_hover(browser):
    """A tooltip with numbers over a mark of every chart, and over a cell of every heat map."""
    for canvas in browser.find_elements(By.CSS_SELECTOR, "figure.chart canvas"):
        browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", canvas)
        mark = browser.execute_script(MARK, canvas)
        ActionChains(browser, duration=0).move_to_element_with_offset(canvas, mark["x"], mark["y"]).perform()
        shown = "const t = Chart.getChart(arguments[0]).tooltip; return t.opacity > 0 ? t.body.map(b => b.lines.join()) : []"
        lines = WebDriverWait(browser, PATIENCE).until(lambda b: b.execute_script(shown, canvas))
        assert any(any(c.isdigit() for c in line) for line in lines), lines
    for heatmap in browser.find_elements(By.CSS_SELECTOR, "figure.heatmap"):
        cells = heatmap.find_elements(By.CSS_SELECTOR, "tbody td:not(.hatched)")
        cell = cells[len(cells) // 2]
        browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", cell)
        ActionChains(browser, duration=0).move_to_element(cell).perform()
        hover = browser.find_element(By.ID, "hover")
        reading = hover.text.split("\n")[0].split(": ")[1].split(" ")[0].rstrip(",").replace(",", "")
        rounded = cell.text.replace(",", "")
        assert hover.is_displayed() and reading, hover.text
        if rounded not in ("", "–"):
            half = 0.501 * 10 ** -len(rounded.partition(".")[2])
            assert abs(float(reading) - float(rounded)) <= half, (rounded, hover.text)


def background(browser):
    return browser.execute_script("return getComputedStyle(document.body).backgroundColor")


def look_at(browser, path, charts, hover):
    seen = set()
    for width in (WIDE, PHONE):
        for scheme in ("light", "dark"):
            set_screen(browser, width, scheme)
            browser.get("file://" + path)
            require_charts(browser, charts)
            require_no_sideways_scrolling(browser)
            seen.add(background(browser))
    assert len(seen) == 2, f"light and dark look alike: {seen}"
    # Charts are drawn again, in the other colours, when the light changes.
    colour = "return Chart.getChart(document.querySelector('figure.chart canvas')).data.datasets[0].borderColor"
    dark = browser.execute_script(colour)
    set_screen(browser, WIDE, "light")
    WebDriverWait(browser, PATIENCE).until(lambda b: b.execute_script(colour) != dark)
    if hover:
        require_hover(browser)
    assert not browser.find_elements(By.TAG_NAME, "img"), "a name of the user became markup"
    require_quiet(browser, "file://" + path)
    assert os.path.getsize(path) < 1_000_000
    print("looked at", os.path.basename(path))


def shown_table(browser, first_column):
    """The rows of the table whose first column is called so, as they are read on the page."""
    for table in browser.find_elements(By.CSS_SELECTOR, "figure.table table"):
        rows = [[cell.text for cell in row.find_elements(By.CSS_SELECTOR, "th, td")]
                for row in table.find_elements(By.TAG_NAME, "tr")]
        if rows[0][0] == first_column:
            return rows[1:]
    raise AssertionError(f"no table of {first_column}")


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def require_close(name, shown, expected):
    assert abs(float(shown) - expected) < 1e-6, f"{name}: {shown} on the page, {expected} from predict"


def figure(browser, label):
    for box in browser.find_elements(By.CSS_SELECTOR, "dl.figures > div"):
        if box.find_element(By.TAG_NAME, "dt").text == label:
            return box.find_element(By.TAG_NAME, "dd").text
    raise AssertionError(f"no figure {label}")


def compare_classes(browser, folder):
    run(folder, "predict", "flowers.model", "--data", "flowers-valid.csv", "--probabilities", "--out", "p.csv")
    truth = [row["kind"] for row in read_csv(f"{folder}/flowers-valid.csv")]
    answers = read_csv(f"{folder}/p.csv")
    classes = [name for name in answers[0] if name != "prediction"]
    right = sum(t == a["prediction"] for t, a in zip(truth, answers))
    loss = -sum(math.log(float(a[t])) for t, a in zip(truth, answers)) / len(truth)
    recalls = [sum(t == c == a["prediction"] for t, a in zip(truth, answers)) / truth.count(c) for c in classes]
    confusion = [[str(sum(t == c and a["prediction"] == d for t, a in zip(truth, answers))) for d in classes]
                 for c in classes]
    assert 0 < right < len(truth), "nothing to confuse"

    scores = dict(shown_table(browser, "metric"))
    require_close("accuracy", scores["accuracy"], right / len(truth))
    require_close("log loss", scores["log loss"], loss)
    require_close("balanced accuracy", scores["balanced accuracy"], sum(recalls) / len(recalls))
    assert figure(browser, "validation accuracy") == f"{100 * right / len(truth):.2f} %"
    cells = [[cell.text for cell in row.find_elements(By.TAG_NAME, "td")]
             for row in browser.find_elements(By.CSS_SELECTOR, "figure.heatmap tbody tr")]
    assert cells == confusion, f"{cells} on the page, {confusion} from predict"


def compare_numbers(browser, folder):
    run(folder, "predict", "houses.model", "--data", "houses-valid.csv", "--out", "q.csv")
    truth = [float(row["price"]) for row in read_csv(f"{folder}/houses-valid.csv")]
    answers = [float(row["prediction"]) for row in read_csv(f"{folder}/q.csv")]
    count = len(truth)
    squares = sum((t - a) ** 2 for t, a in zip(truth, answers))
    mean = sum(truth) / count
    scores = dict(shown_table(browser, "metric"))
    require_close("rmse", scores["rmse"], math.sqrt(squares / count))
    require_close("mae", scores["mae"], sum(abs(t - a) for t, a in zip(truth, answers)) / count)
    require_close("r²", scores["r²"], 1 - squares / sum((t - mean) ** 2 for t in truth))


def require_parallel(browser, width):
    shown = browser.execute_script(PARALLEL)
    assert shown["lines"] == shown["asked"] and shown["inside"], shown
    assert shown["upright"] == (width == WIDE), f"axes lie the wrong way on a screen of {width}"
    box = browser.find_element(By.CSS_SELECTOR, ".parallel-box")
    hover = browser.find_element(By.ID, "hover")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", box)
    ActionChains(browser, duration=0).move_to_element_with_offset(box, shown["x"], shown["y"]).perform()
    # Several lines may cross there; the best is one of them.
    assert hover.is_displayed() and hover.text.startswith("trial "), hover.text
    for key, place in ((Keys.HOME, "1"), (Keys.ARROW_RIGHT, "2"), (Keys.ARROW_UP, "1"), (Keys.ARROW_LEFT, "1"),
                       (Keys.END, str(shown["asked"]))):
        box.send_keys(key)
        assert box.get_attribute("aria-valuenow") == place, (key, box.get_attribute("aria-valuenow"))
        assert hover.text.split("\n")[0] in box.get_attribute("aria-valuetext")
    box.send_keys(Keys.HOME)
    assert hover.text.startswith(shown["best"] + ": validation "), hover.text
    box.send_keys(Keys.ESCAPE)
    assert not hover.is_displayed()


def look_at_searches(browser, folder):
    for kind, charts in (("classify", 9), ("regress", 8), ("small", 0), ("empty", 0)):
        path = f"{folder}/{kind}.html"
        with open(path, "wb") as file:
            subprocess.run([SAMPLE_STUDY_PAGE, kind], stdout=file, check=True)
        if charts > 0:
            look_at(browser, path, charts, True)
        for width in (WIDE, PHONE):
            set_screen(browser, width, "light")
            browser.get("file://" + path)
            require_no_sideways_scrolling(browser)
            if charts > 0:
                require_parallel(browser, width)
        if kind == "classify":
            # A list of choices stands under its dots.
            ticks = browser.execute_script(TICKS)
            assert ["64", "256", "1024"] in [[tick for tick in each if tick] for each in ticks], ticks
        require_quiet(browser, "file://" + path)


def watch(browser, folder):
    """The page of a run that goes on: new points in the charts that stand, until the run is stopped."""
    process = subprocess.Popen(
        [ZTILDE, "train", "--data", "flowers-train.csv", "--hidden", "8", "--epochs", "100000000", "--threads", "1",
         "--watch", "--out", "watched.model"], cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        address = process.stderr.readline().split()[1]
        assert address.startswith("http://127.0.0.1:"), address
        set_screen(browser, WIDE, "light")
        browser.get(address)
        # The page may draw a section anew between the search and the look.
        wait = WebDriverWait(browser, PATIENCE, ignored_exceptions=[StaleElementReferenceException])
        last = ("const c = Chart.getChart(document.querySelector('figure.chart canvas'));"
                "return c ? [c.id, c.data.datasets[0].data.at(-1).x] : null")
        before = wait.until(lambda b: b.execute_script(last))
        wait.until(lambda b: b.execute_script(last)[1] > before[1])
        first = browser.execute_script(last)
        after = wait.until(lambda b: (now := b.execute_script(last))[1] > first[1] and now)
        assert after[0] == first[0], "a chart was made anew where it should take its new points in place"
        process.send_signal(signal.SIGINT)
        wait.until(lambda b: "was interrupted" in b.find_element(By.CSS_SELECTOR, "#learning > .lead").text)
        assert process.wait(PATIENCE) == 130
        require_charts(browser, 2)
        require_quiet(browser, address)
    finally:
        process.kill()
        process.stderr.close()
    print("watched a run")


def main():
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        write_tables(folder)
        for name, epochs in (("flowers", "12"), ("houses", "20")):
            run(folder, "train", "--data", f"{name}-train.csv", "--valid", f"{name}-valid.csv", "--hidden", "16",
                "--epochs", epochs, "--batch", "32", "--out", f"{name}.model", "--report", f"{name}.html", "--quiet")
        run(folder, "train", "--data", IMAGES, "--labels", LABELS, "--hidden", "32", "--epochs", "2", "--report",
            "images.html", "--quiet")
        write_full_log(folder)
        browser = start_browser(f"{folder}/profile")
        try:
            browser.get("about:blank")
            browser.get_log("performance")  # what the browser itself began with
            look_at(browser, f"{folder}/images.html", 4, False)
            shown = browser.find_elements(By.CSS_SELECTOR, "figure.images canvas")
            assert len(shown) >= 6, "no images of what is confused"
            look_at(browser, f"{folder}/full.html", 12, True)
            look_at(browser, f"{folder}/flowers.html", 4, True)
            compare_classes(browser, folder)
            look_at(browser, f"{folder}/houses.html", 6, True)
            compare_numbers(browser, folder)
            run(folder, "doctor", "flowers.model", "--data", "flowers-moved.csv", "--report", "doctor.html")
            look_at(browser, f"{folder}/doctor.html", 1, True)
            run(folder, "lab", "bowls", "identity", "sigmoid", "map", "optimisers", "twins", "--quick", "--quiet")
            look_at(browser, f"{folder}/lab/lab.html", 8, True)
            look_at_searches(browser, folder)
            watch(browser, folder)
        finally:
            browser.quit()
    print(f"all is well, after {time.monotonic() - begun:.0f} s")


main()
