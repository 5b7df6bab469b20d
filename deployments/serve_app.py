"""The service over the demo's results: `make serve`, on loopback, port 8000, without a key.

With FIEL_LAKE set it serves that lake's store instead. Without a demo it says how to make one.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from fiel.settings import load_settings


def main() -> None:
    """Replace this process by `fiel serve` over the demo's store, else over FIEL_LAKE's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1)
    chosen = parser.parse_args()
    environment = dict(os.environ)
    if not {"FIEL_LAKE", "FIEL_DATABASE_URL"} & environment.keys():
        lake = load_settings().home / "demo" / "lake"
        if not lake.with_name("lake.state").joinpath("store.db").is_file():
            sys.exit("there is no demo yet: run `make demo` first (a few minutes), or set FIEL_LAKE to your lake")
        environment["FIEL_LAKE"] = str(lake)
    command = str(Path(sys.executable).with_name("fiel"))
    words = [command, "serve", "--host", "127.0.0.1", "--port", str(chosen.port), "--workers", str(chosen.workers)]
    os.execve(command, words, environment)  # noqa: S606


if __name__ == "__main__":
    main()
