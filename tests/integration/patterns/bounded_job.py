"""Runs statements and inserts as one bounded Flink job. As a process: `bounded_job.py JOB.json`, see `jobs.Job`."""

import json
import sys
from pathlib import Path


def main(path: str) -> None:
    from pyflink.table import EnvironmentSettings, TableEnvironment  # noqa: PLC0415

    job = json.loads(Path(path).read_text())
    environment = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    for key, value in job["settings"].items():
        environment.get_config().set(key, value)
    for statement in job["statements"]:
        environment.execute_sql(statement)
    inserts = environment.create_statement_set()
    for insert in job["inserts"]:
        inserts.add_insert_sql(insert)
    inserts.execute().wait()


if __name__ == "__main__":
    main(sys.argv[1])
