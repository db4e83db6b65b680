"""Ways in which a log gets broken, or was never one."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]
WEIRD = (
    b"nan", b"NaN", b"-inf", b"Infinity", b"1e999", b"-1e-400", b"9" * 400, b"0x10", b"", b"null", b"None", b"True",
    b"\xff\xfe", b"\0", b"\0" * 40, b"1_000", b"1,5", b"\xe2\x80\xa8", b"\r", b"\x1b[31m", b'"', b"'", b"{", b"]",
    b"\\", b",", b";", b"\t", b"-", b"+", b"loss", b"step", b"e", b"99999999999999999999", b"2024-01-01 10:00:00",
    b"1:02:03", b"%s", b"=1+1",
)  # fmt: skip


def flip(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Some bytes are others."""
    found = bytearray(data)
    for _ in range(random_.choice([1, 1, 2, 8, 64, 512])):
        found[random_.randrange(len(found))] = random_.randrange(256)
    return bytes(found)


def cut(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """An end is missing, or a beginning, or a middle."""
    first, second = sorted(random_.randrange(len(data) + 1) for _ in range(2))
    return random_.choice([data[:second], data[first:], data[first:second], data[:first] + data[second:]])


def join(random_: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Another log behind it, or the same again."""
    other = random_.choice([data, *others])
    between = random_.choice([b"", b"\n", b"\0", b"\n\n"])
    return data[: random_.randrange(len(data) + 1) or None] + between + other


def insert(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Something strange stands in it, once or often."""
    for _ in range(random_.choice([1, 1, 3, 20])):
        place = random_.randrange(len(data) + 1)
        data = data[:place] + random_.choice(WEIRD) + data[place:]
    return data


def replace(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A byte is another one everywhere."""
    old, new = bytes([random_.choice(data)]), random_.choice([b"", b" ", b"\n", bytes([random_.randrange(256)])])
    return data.replace(old, new)


def repeat(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A piece of it comes again and again, up to some megabytes."""
    start = random_.randrange(len(data))
    piece = data[start : start + random_.choice([1, 2, 10, 100, 1000])]
    size = random_.choice([1_000, 100_000, 4_000_000])
    return data[:start] + piece * (size // len(piece) + 1) + data[start:]


def deepen(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Brackets within brackets."""
    depth = random_.choice([10, 1_000, 200_000])
    opening, closing = random_.choice([(b"[", b"]"), (b'{"a":', b"}"), (b"(", b")"), (b'{"log_history":[', b"]}")])
    place = random_.choice([0, random_.randrange(len(data) + 1)])
    inside = random_.choice([b"1", b"", data[:200]])
    return data[:place] + opening * depth + inside + closing * random_.choice([0, depth]) + data[place:]


def recode(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """The text in another encoding, with or without its mark, or packed as gzip that is then broken."""
    import gzip

    way = random_.choice(["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp037", "gzip", "gzip"])
    if way == "gzip":
        return random_.choice([flip, cut])(random_, gzip.compress(data, 1, mtime=0), ())
    return data.decode("latin-1").encode(way, errors="replace")


def shuffle(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Its lines in another order, some of them twice."""
    lines = data.split(b"\n")
    return b"\n".join(random_.choice(lines) for _ in lines) if random_.random() < 0.5 else b"\n".join(
        random_.sample(lines, len(lines))
    )  # fmt: skip


def widen(random_: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Very many columns, or a line without an end."""
    count = random_.choice([100, 10_000, 100_000])
    kind = random_.randrange(3)
    if kind == 0:
        return b",".join(b"c%d" % k for k in range(count)) + b"\n" + b",".join([b"1"] * count) + b"\n" + data
    if kind == 1:
        return data + b"loss 1 " * count
    return b"{" + b",".join(b'"k%d": %d' % (k, k) for k in range(count)) + b"}\n" + data


MUTATIONS: tuple[Mutation, ...] = (
    flip, flip, flip, cut, cut, join, insert, insert, replace, repeat, deepen, recode, shuffle, widen,
)  # fmt: skip


def mutated(random_: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A log after one mutation, or after some."""
    for _ in range(random_.choice([1, 1, 1, 2, 3])):
        data = random_.choice(MUTATIONS)(random_, data or b"\n", others)
    return data
