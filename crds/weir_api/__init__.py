"""The typed resources of Weir: what users write, what a StreamJob is, and what both report. Pure: no I/O."""
