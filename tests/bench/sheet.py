#!/usr/bin/env python3
"""The page of takes in a real browser: how large, how fast open, does it ask for anything, does the keyboard reach everything.

  sheet.py --program PICKUP [--takes 200] [--chromium chromium] [--json OUT] [--picture OUT.png]

Four takes of a bridge are made with the draft engine (24 frames, 320 × 180, with sound) and copied under other names until there are
enough: the page knows no difference. It is opened in headless Chromium, which cannot reach any network. Opened means: until the whole
file is read and all cards are there. Rows: megabytes, seconds to open, wrong things."""
import argparse
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Takes that are made before copying.
MADE = 4

# Presses keys as a person would and writes down what came of it.
KEYS = r"""
<script>
(async () => {
  const wrong = [], wait = ms => new Promise(done => setTimeout(done, ms));
  const press = key => (document.activeElement || document.body).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  const here = () => document.activeElement.closest("article");
  const must = (truth, words) => { if (!truth) wrong.push(words); };
  await wait(200);
  press("j");
  const first = here();
  must(first && first === list.firstElementChild, "J does not reach the first take");
  press("j");
  must(here() === first.nextElementSibling, "J does not go on");
  press("k");
  must(here() === first, "K does not go back");
  const film = first.querySelector(".film");
  must(film, "the take that has the focus is not shown");
  const before = film.style.backgroundPositionX;
  press("ArrowRight");
  must(film.style.backgroundPositionX !== before, "the right arrow does not run on");
  press("c");
  must(/^pickup takes choose [0-9a-f]{24} --project /.test(command.textContent), "C gives no command");
  must(first.classList.contains("chosen"), "C marks nothing");
  press(" ");
  must(first.querySelector(".sound button"), "no sound can be played");
  // The browser's clock runs ahead here while its decoder works in real time: give it some.
  for (let n = 0; n < 40 && !Number.isFinite(player.duration); n++) { let x = 0; for (let i = 0; i < 2e7; i++) x += i % 7; await wait(100 + x % 2); }
  must(Number.isFinite(player.duration) && player.duration > 0.5, "the sound is not read");
  const order = () => [...list.children].map(c => c.take.id).join();
  const ranked = order();
  turn.click();
  must(order() === ranked.split(",").reverse().join() || order() !== ranked, "the order does not turn");
  turn.click();
  for (let n = 0; n < sort.options.length; n++) press("s");
  must(order() === ranked, "S does not come round to the ranking");
  for (const card of cards) fill(card);
  await wait(500);
  must(performance.getEntriesByType("resource").every(e => e.name.startsWith("data:")), "something was fetched");
  must([...document.querySelectorAll("button, select, input, article")].every(e => e.tabIndex >= 0), "something cannot be reached by keyboard");
  document.documentElement.dataset.wrong = JSON.stringify(wrong);
})();
</script>
"""


def multiply(takes, count):
    """Copies takes under other names, each with a seed of its own, until there are `count`."""
    made = sorted(takes.iterdir())
    for n in range(len(made), count):
        source = made[n % len(made)]
        take = json.loads((source / "take.json").read_text())
        take["key"] = f"{n:024x}" + take["key"][24:]
        take["id"] = take["key"][:24]
        take["request"]["seed"] = n
        shutil.copytree(source, takes / take["id"])
        (takes / take["id"] / "take.json").write_text(json.dumps(take))


def browse(chromium, page, extra, folder):
    """What a page has become, as text."""
    command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND", "--autoplay-policy=no-user-gesture-required",
               f"--user-data-dir={folder}", "--window-size=1400,1000", *extra, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=300).stdout


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--program", default=str(ROOT / "target" / "release" / "pickup"))
    options.add_argument("--takes", type=int, default=200)
    options.add_argument("--chromium", default="chromium")
    options.add_argument("--json")
    options.add_argument("--picture")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        clip = ROOT / "tests" / "media" / "clips" / "udacity_lane.mp4"
        source = folder / "source.mov"
        subprocess.run(["ffmpeg", "-v", "error", "-i", str(clip), "-f", "lavfi", "-i", "anoisesrc=r=48000:a=0.02:seed=1", "-map", "0:v", "-map", "1:a", "-frames:v", "100", "-vf", "scale=320:180", "-shortest",
                        "-c:v", "mjpeg", "-q:v", "3", "-c:a", "pcm_s16le", str(source)], check=True)
        store = folder / "takes"
        subprocess.run([given.program, "bridge", "--tail", f"{source}@0-32", "--head", f"{source}@56-88", "--frames", "24", "--takes", str(min(given.takes, MADE)), "--engine", "draft",
                        "--takes-dir", str(store), "--quiet", "-o", str(folder / "first.mp4")], check=True)
        multiply(store / "takes", given.takes)
        page = folder / "takes.html"
        subprocess.run([given.program, "takes", "sheet", "--takes-dir", str(store), "--quiet", "-o", str(page)], check=True)
        size = page.stat().st_size / 1e6
        dom = browse(given.chromium, page, ["--dump-dom"], folder / "browser")
        opened = re.search(r'data-opened="(\d+)"', dom)
        cards = dom.count("<article")
        pressed = folder / "pressed.html"
        pressed.write_text(page.read_text().replace("</body>", KEYS + "</body>"))
        found = re.search(r'data-wrong="([^"]*)"', browse(given.chromium, pressed, ["--dump-dom", "--virtual-time-budget=20000"], folder / "browser"))
        wrong = json.loads(found.group(1).replace("&quot;", '"')) if found else ["the keys were not pressed to the end"]
        if cards != given.takes:
            wrong.append(f"{cards} takes are shown")
        if given.picture:
            browse(given.chromium, page, [f"--screenshot={Path(given.picture).resolve()}"], folder / "browser")
    rows = {"megabytes": size, "seconds": int(opened.group(1)) / 1000 if opened else None, "wrong": wrong}
    print(f"{given.takes} takes: {size:.1f} MB, open after {rows['seconds']} s, {len(wrong)} wrong {wrong or ''}")
    if given.json:
        Path(given.json).write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
