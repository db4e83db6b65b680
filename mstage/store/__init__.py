"""A sweep on disk: its layout, reading it, writing it while it trains."""
