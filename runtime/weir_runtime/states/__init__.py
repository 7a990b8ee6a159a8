"""A StreamJob's state directory, looked at and cleared where no launcher runs: on a volume or in an object store."""
