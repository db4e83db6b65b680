"""Try commands on thousands of broken and made-up inputs: python -m tests.fuzz --mutations 10000."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.fuzz.cases import made_case
from tests.fuzz.check import Result, results_of_share

MOST_SECONDS = 10.0
SHARE = 100  # seeds that a process takes at once


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first one")
    parser.add_argument("--processes", type=int, default=min(os.cpu_count() or 1, 8))
    parser.add_argument("--write", type=Path, help="write the files of --first into this folder and run nothing")
    options = parser.parse_args()
    if options.write:
        options.write.mkdir(parents=True, exist_ok=True)
        print(made_case(options.first, options.write))
        return 0
    codes: Counter[int] = Counter()
    longest, bad = 0.0, 0
    last = options.first + options.mutations
    for done, end in enumerate(_all_results(options.first, last, options.processes), 1):
        codes[end.code] += 1
        longest = max(longest, end.seconds)
        complaint = end.complaint or (f"took {end.seconds:.0f} s" if end.seconds > MOST_SECONDS else "")
        if complaint:
            bad += 1
            print(f"{end.kind}, seed {end.seed}: {complaint}", flush=True)
        if done % 500 == 0:
            print(f"{done:,} done, {bad} ended badly, longest {longest:.1f} s", flush=True)
    ended = ", ".join(f"{count:,} with exit code {code}" for code, count in sorted(codes.items()))
    print(f"{options.mutations:,} mutations: {ended}; longest {longest:.1f} s; {bad} ended badly")
    return 1 if bad else 0


def _all_results(first: int, last: int, processes: int) -> Iterator[Result]:
    """The results of some seeds, as they come."""
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        shares = [range(begin, min(begin + SHARE, last)) for begin in range(first, last, SHARE)]
        for future in as_completed([pool.submit(results_of_share, share) for share in shares]):
            yield from future.result()


if __name__ == "__main__":
    sys.exit(main())
