"""Break logs in thousands of ways and look how `mstage detect-stages` ends: python -m tests.fuzz --mutations 10000."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.fuzz.check import case, endings, logs

MOST_SECONDS = 10.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first one")
    parser.add_argument("--write", type=Path, help="write the mutation of --first here and run nothing")
    options = parser.parse_args()
    if options.write:
        options.write.write_bytes(case(logs(), options.first)[1])
        return 0
    codes: Counter[int] = Counter()
    longest = bad = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for done, end in enumerate(endings(range(options.first, options.first + options.mutations), Path(folder)), 1):
            codes[end.code] += 1
            longest = max(longest, end.seconds)
            complaint = end.complaint or (f"took {end.seconds:.0f} s" if end.seconds > MOST_SECONDS else "")
            if complaint:
                bad += 1
                print(f"{end.kind}, seed {end.seed}: {complaint}", flush=True)
            if done % 500 == 0:
                print(f"{done:,} done, {bad:.0f} ended badly, longest {longest:.1f} s", flush=True)
    ended = ", ".join(f"{count:,} with exit code {code}" for code, count in sorted(codes.items()))
    print(f"{options.mutations:,} mutations: {ended}; longest {longest:.1f} s; {bad:.0f} ended badly")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
