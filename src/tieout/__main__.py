"""`python -m tieout` is the same as `tieout`."""

from tieout.cli import main

main()
