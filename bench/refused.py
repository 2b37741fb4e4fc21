"""`python -m bench.refused`: a thousand honest certificates, each unlike the others; a verifier may refuse none.

Ends with 1 when it refuses one, and names it with its seed.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from rich.console import Console

from services.certificates.tests.honest import House


def main(count: int, seed: int) -> int:
    """Issue and verify so many, and say what they were."""
    console, began = Console(highlight=False, soft_wrap=True), time.perf_counter()
    traits: Counter[str] = Counter()
    refused: list[str] = []
    with tempfile.TemporaryDirectory(prefix="meguru-honest-") as folder, House.opened(Path(folder)) as house:
        for one in house.issue(seed, count):
            traits.update(one.traits)
            refused += one.refused(house.keys)
    console.print(", ".join(f"{name} {n}" for name, n in sorted(traits.items())), markup=False)
    for said in refused:
        console.print(f"× {said}", markup=False)
    console.print(
        f"{count} honest certificates of seed {seed} in {time.perf_counter() - began:.0f} s: {len(refused)} refused"
    )
    return int(bool(refused))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20261130)
    given = parser.parse_args()
    raise SystemExit(main(given.count, given.seed))
