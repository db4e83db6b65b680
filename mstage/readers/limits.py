"""How much of a file of numbers is read: what fits into a gigabyte and takes some seconds."""

MAX_BYTES = 256 * 2**20
MAX_VALUES = 12_000_000
MAX_ROWS = 4_000_000
