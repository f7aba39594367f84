"""The deterministic core: one loop for every world. Start reading at `loop.py`."""
