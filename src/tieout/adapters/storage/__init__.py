"""Storage: disks and the folder of runs."""
