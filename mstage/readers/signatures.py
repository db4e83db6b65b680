"""The first bytes of files of a known format."""

NPY = b"\x93NUMPY"
ZIP = b"PK\3\4"  # of an archive that holds something
PARQUET = b"PAR1"
GZIP = b"\x1f\x8b"
HDF5 = b"\x89HDF"
PICKLES = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))
