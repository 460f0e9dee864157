"""How quickly the explorer answers, on a work directory of any size.

    python benches/synthetic.py OUT --images 1000000 --pictures FOLDER
    python benches/explorer.py OUT [--browser CHROMIUM]

The server runs as a process of its own. Asked are pages of every list at random places, of random
filters and orders, and the neighbors of random images: each question is new to the server. With
`--browser` the time from opening the address to the first pictures is measured, too.
"""

import argparse
import http.client
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import psutil

from table import machine, print_table

LISTS = ("duplicates", "leaks", "mislabels", "outliers", "components", "similarity", "flags")
SORTS = ("blur", "mean", "file_size", "width", "entropy", "label")


@dataclass(frozen=True)
class Server:
    """A running explorer, and a connection to it."""

    process: psutil.Process
    connection: http.client.HTTPConnection
    cookie: str
    url: str

    @property
    def base(self) -> str:
        """The folder that everything is below."""
        return urlsplit(self.url).path.rstrip("/")

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        self.connection.request("GET", self.base + path, headers={"Cookie": self.cookie})
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def json(self, path: str) -> dict[str, object]:
        """What is there, once it has been worked out."""
        while True:
            status, body = self.get(path)
            if status == 200:
                return json.loads(body)
            if status != 202:
                raise RuntimeError(f"{path}: {status} {body[:300]!r}")
            time.sleep(0.5)

    def memory(self) -> tuple[float, float]:
        """Resident memory now and at its highest, MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        values = dict(line.split(":", 1) for line in status.splitlines())
        return tuple(int(values[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Server, float]]:
    """The server, and the seconds from its start to the first answer."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "pixsieve", "explore", str(folder), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().split()[-1]
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=600)
        connection.request("GET", f"{parts.path}?{parts.query}")
        answer = connection.getresponse()
        answer.read()
        cookie = answer.headers["Set-Cookie"].split(";")[0]
        server = Server(psutil.Process(process.pid), connection, cookie, url)
        server.json("/api/overview")
        server.json("/api/list/images?limit=60")
        yield server, time.perf_counter() - started
    finally:
        process.terminate()
        process.wait(timeout=30)


def questions(server: Server, generator: random.Random) -> dict[str, Callable[[], str]]:
    """What is asked, each time of something else."""
    images = server.json("/api/list/images?limit=1")["total"]
    totals = {name: server.json(f"/api/list/{name}?limit=1")["total"] for name in LISTS}

    def page() -> str:
        name = generator.choice([name for name in LISTS if totals[name]])
        return f"/api/list/{name}?start={generator.randrange(totals[name])}&limit=60"

    def all_images() -> str:
        return f"/api/list/images?start={generator.randrange(images)}&limit=60"

    def filtered(name: str = "images") -> str:
        filters = generator.choice(
            [
                [["blur", ">=", generator.uniform(50, 4000)]],
                [["mean", "<=", generator.uniform(40, 160)]],
                [["file_size", ">=", generator.randrange(5_000, 30_000)]],
                [["width", "<=", generator.randrange(100, 300)], ["mean", ">=", 80.5]],
            ]
        )
        asked = {"filters": json.dumps(filters), "limit": 60, "start": generator.randrange(2_000)}
        return f"/api/list/{name}?{urlencode(asked)}"

    def sought() -> str:
        return f"/api/list/images?q={generator.randrange(10_000)}&limit=60"

    def sorted_and_filtered() -> str:
        order = f"&sort={generator.choice(SORTS)}&desc={generator.randrange(2)}"
        return filtered() + order

    return {
        "page of a finding": page,
        "page of all images": all_images,
        "filter of all images": filtered,
        "filter of a finding": lambda: filtered(generator.choice(LISTS)),
        "path search": sought,
        "filter and order": sorted_and_filtered,
        "one image, its neighbors": lambda: f"/api/image/{generator.randrange(images)}",
    }


def first_view(server: Server, chromium: str) -> float:
    """Seconds from opening the address to the numbers of the first page, in a fresh browser."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where it is asked for

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        started = time.perf_counter()
        page.goto(server.url)
        page.wait_for_selector(".numbers a b")
        seconds = time.perf_counter() - started
        browser.close()
    return seconds


def bench(folder: Path, times: int, chromium: str | None) -> None:
    """Measures and prints."""
    generator = random.Random(0)
    with serving(folder) as (server, ready):
        print(f"from the command to the first answers: {ready:.2f} s")
        if chromium:
            print(f"first view in a fresh browser: {first_view(server, chromium):.2f} s")
        waited = time.perf_counter()
        asked = questions(server, generator)
        print(f"all findings there after another {time.perf_counter() - waited:.1f} s")
        rows, everything = [], []
        for name, question in asked.items():
            seconds = []
            for _ in range(times):
                path = question()
                started = time.perf_counter()
                server.json(path)
                seconds.append(time.perf_counter() - started)
            everything += seconds
            rows.append([name, *_figures(seconds)])
        rows.append(["all of them", *_figures(everything)])
        print_table(["question", "median ms", "95th percentile ms", "slowest ms"], rows)
        now, highest = server.memory()
        print(f"\nserver: {now:,.0f} MB, {highest:,.0f} MB at most; {machine()}")


def _figures(seconds: list[float]) -> list[str]:
    percentile = statistics.quantiles(seconds, n=20)[-1]
    values = (statistics.median(seconds), percentile, max(seconds))
    return [f"{1000 * value:.0f}" for value in values]


def main() -> None:
    """Reads what is asked for, and does it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="OUT")
    parser.add_argument("--times", type=int, default=60, help="questions of each kind")
    parser.add_argument("--browser", metavar="CHROMIUM", help="its executable")
    options = parser.parse_args()
    bench(options.folder, options.times, options.browser)


if __name__ == "__main__":
    main()
